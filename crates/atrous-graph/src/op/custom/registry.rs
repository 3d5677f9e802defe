//! Custom operations as attributes: kept, and compared.

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::op::definition::Definition;
use crate::{DType, TensorType};

use super::op::CustomOp;

/// A [`CustomOp`] as an attribute of [`Op`](crate::Op).
///
/// It is kept for the rest of the program, once: another object of the same type that prints the same is the same operation.
#[derive(Clone, Copy)]
pub struct Custom(&'static Kept);

/// An operation in the registry. Not the object alone, which may be of no size and so have no address of its own.
struct Kept {
    op: Box<dyn CustomOp>,
    attributes: String,
}

type Registry = HashMap<(TypeId, String), &'static Kept>;

static REGISTRY: LazyLock<Mutex<Registry>> = LazyLock::new(Mutex::default);

impl Custom {
    /// Keeps an operation, or finds the one that was kept.
    pub fn new<T: CustomOp>(op: T) -> Self {
        let attributes = format!("{op:?}");
        let mut registry = REGISTRY.lock().unwrap_or_else(PoisonError::into_inner);
        let keep =
            || -> &'static Kept { Box::leak(Box::new(Kept { op: Box::new(op), attributes: attributes.clone() })) };
        Self(registry.entry((TypeId::of::<T>(), attributes.clone())).or_insert_with(keep))
    }
}

impl std::ops::Deref for Custom {
    type Target = dyn CustomOp;

    fn deref(&self) -> &Self::Target {
        &*self.0.op
    }
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.attributes)
    }
}

impl PartialEq for Custom {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Definition for Custom {
    fn name(&self) -> &'static str {
        self.0.op.name()
    }

    fn arity(&self) -> (usize, usize) {
        (self.0.op.inputs(), self.0.op.inputs())
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let plain =
            |ty: &TensorType| TensorType { dtype: if ty.dtype.is_float() { DType::F32 } else { ty.dtype }, ..*ty };
        let ty = self.0.op.infer(&inputs.iter().map(plain).collect::<Vec<_>>())?;
        match ty.dtype {
            DType::F16 => {
                Err(format!("its shape rule says {ty}: results are f32 or u32 where nothing is stored in f16"))
            }
            _ => Ok(ty),
        }
    }

    fn attributes(&self) -> String {
        self.0.attributes.clone()
    }

    fn stores(&self, input: usize) -> bool {
        let op = &self.0.op;
        input < op.inputs() && !op.takes_map(input) && op.stores_f16(input)
    }

    fn takes_map(&self, input: usize) -> bool {
        self.0.op.takes_map(input)
    }

    fn takes_any_layout(&self, _inputs: &[TensorType]) -> bool {
        true
    }

    fn macs(&self, inputs: &[TensorType], output: TensorType) -> u64 {
        self.0.op.macs(inputs, output)
    }
}
