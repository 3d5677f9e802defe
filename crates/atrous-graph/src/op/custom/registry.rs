//! The registry of the program's custom operations.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::op::definition::Definition;
use crate::{DType, Op, TensorType};

use super::handle::{Custom, Kept};
use super::op::CustomOp;

type Registry = HashMap<(TypeId, String), &'static Kept>;

static REGISTRY: LazyLock<Mutex<Registry>> = LazyLock::new(Mutex::default);

impl Custom {
    /// Registers an operation, or finds the equal one that is registered.
    pub fn new<T: CustomOp>(op: T) -> Self {
        let attributes = format!("{op:?}");
        let mut registry = REGISTRY.lock().unwrap_or_else(PoisonError::into_inner);
        let op: Box<dyn CustomOp> = Box::new(op);
        let keep =
            || -> &'static Kept { Box::leak(Box::new(Kept { op: Box::new(op), attributes: attributes.clone() })) };
        Self(registry.entry((TypeId::of::<T>(), attributes.clone())).or_insert_with(keep))
    }
}

impl Op {
    /// A custom operation.
    pub fn custom(op: impl CustomOp) -> Self {
        Self::Custom(Custom::new(op))
    }
}

impl std::ops::Deref for Custom {
    type Target = dyn CustomOp;

    fn deref(&self) -> &Self::Target {
        let op: Option<&Box<dyn CustomOp>> = self.0.op.downcast_ref();
        &**op.expect("the registry keeps nothing else")
    }
}

impl Definition for Custom {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn arity(&self) -> (usize, usize) {
        ((**self).inputs(), (**self).inputs())
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let plain =
            |ty: &TensorType| TensorType { dtype: if ty.dtype.is_float() { DType::F32 } else { ty.dtype }, ..*ty };
        let ty = (**self).infer(&inputs.iter().map(plain).collect::<Vec<_>>())?;
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
        let op = &**self;
        input < op.inputs() && !op.takes_map(input) && op.stores_f16(input)
    }

    fn takes_map(&self, input: usize) -> bool {
        (**self).takes_map(input)
    }

    fn takes_any_layout(&self, _inputs: &[TensorType]) -> bool {
        true
    }

    fn macs(&self, inputs: &[TensorType], output: TensorType) -> u64 {
        (**self).macs(inputs, output)
    }
}
