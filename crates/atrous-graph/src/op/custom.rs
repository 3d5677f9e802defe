//! Operations that a program brings along.

use std::any::TypeId;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::autodiff::Backward;
use crate::{DType, GraphError, NodeId, Shape, TensorType};

/// An operation of one's own, used as [`Op::Custom`](super::Op::Custom).
///
/// [`Debug`](fmt::Debug) must print all attributes, as the derived one does: two objects of one type that print the same are the same
/// operation.
pub trait CustomOp: fmt::Debug + Send + Sync + 'static {
    /// The name in prints and errors, such as `mish`.
    fn name(&self) -> &'static str;

    /// Number of inputs.
    fn inputs(&self) -> usize {
        1
    }

    /// The shape rule: the result's type from the inputs' types, as many as [`Self::inputs`], where nothing is stored in f16. Without a
    /// method of its own all are of one type.
    ///
    /// # Errors
    /// What the operation wants and what it got, without the node's name.
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let first = *inputs.first().ok_or("it has no shape rule")?;
        match inputs.iter().find(|other| **other != first) {
            Some(other) => Err(format!("the inputs must be of one type, got {first} and {other}")),
            None => Ok(first),
        }
    }

    /// The definition: computes the result, `result.len()` values of the inferred shape.
    fn reference(&self, inputs: &[Values<'_>], result: &mut [f64]);

    /// How large the terms are that each value of the result is a sum of, however much they cancel: a kernel may be off by
    /// roundings of that. Zero where nothing is rounded, as in a maximum. Without a method of its own the reference on absolute values.
    fn magnitude(&self, inputs: &[Values<'_>], result: &mut [f64]) {
        let absolute: Vec<Vec<f64>> = inputs.iter().map(|x| x.data.iter().map(|v| v.abs()).collect()).collect();
        let absolute: Vec<Values<'_>> =
            inputs.iter().zip(&absolute).map(|(x, data)| Values { shape: x.shape, data }).collect();
        self.reference(&absolute, result);
        result.iter_mut().for_each(|v| *v = v.abs());
    }

    /// The kernel for tensors of these types, which are parts of larger ones where the operation is [cut](Self::cut).
    ///
    /// # Errors
    /// Why there is none.
    fn kernel(&self, inputs: &[TensorType], output: TensorType) -> Result<CustomKernel, String>;

    /// Appends the gradients with respect to the inputs: one for each, of its type, or `None` where none flows.
    ///
    /// # Errors
    /// Without a method of its own, that there is no gradient.
    fn gradient(&self, backward: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        Err(backward.unsupported())
    }

    /// Multiply-accumulates.
    fn macs(&self, _inputs: &[TensorType], _output: TensorType) -> u64 {
        0
    }

    /// Whether an input is a u32 map: classes, indices. All others are floats.
    fn takes_map(&self, _input: usize) -> bool {
        false
    }

    /// Whether an input of floats may be stored in f16. Those that may are all of one type, which is the result's too if input 0 is one of
    /// them.
    fn stores_f16(&self, _input: usize) -> bool {
        false
    }

    /// Which parts can be computed on their own, so that tensors may be larger than one binding.
    fn cut(&self) -> CustomCut {
        CustomCut::Whole
    }
}

/// A dense tensor in row-major order; u32 maps hold whole numbers.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    /// N×H×W×C, of filters kh×kw×(Cin/groups)×Cout.
    pub shape: Shape,
    /// `shape.len()` values.
    pub data: &'a [f64],
}

impl Values<'_> {
    /// Element (n, y, x, c).
    pub fn at(&self, n: usize, y: usize, x: usize, c: usize) -> f64 {
        self.data[self.shape.index(n, y, x, c)]
    }
}

/// A kernel of a custom operation.
///
/// `wgsl` has the entry point `main`. What it reads and writes with is put behind it, under these names:
///
/// | name | what it is |
/// |---|---|
/// | `X0_N`, `X0_H`, `X0_W`, `X0_C` | sides of input 0, u32 constants; `X1_N`, … those of the others, `Y_N`, … the result's |
/// | `X0_C4`, `Y_C4` | vec4s of a pixel: channels / 4, rounded up |
/// | `X0_COUNT`, `Y_COUNT` | vec4s of the tensor |
/// | `load0(i)`, `load1(i)`, … | vec4 `i` of an input: `vec4<f32>`, of maps `vec4<u32>` |
/// | `index0(n, y, x, c4)`, … `index_y(…)` | the number of the vec4 with channels `4 c4 ..` of a pixel |
/// | `position(i)` | n, y, x, c4 of vec4 `i` of the result |
/// | `store(i, value)` | writes vec4 `i` of the result; channels that do not exist become zero |
/// | `linear_group(group, groups)` | the number of a workgroup, from `workgroup_id` and `num_workgroups` |
///
/// Bindings of `@group(0)` are the inputs in order, read only, then the result. Lanes of channels that do not exist are zero in all
/// inputs. Each vec4 of the result must be stored once, and none be read. Names that begin with `atrous_` are taken.
#[derive(Clone, Debug, PartialEq)]
pub struct CustomKernel {
    /// The WGSL text of the kernel.
    pub wgsl: Cow<'static, str>,
    /// Values of the overrides that the text declares.
    pub constants: Vec<(&'static str, f64)>,
    /// The number of workgroups.
    pub grid: Grid,
}

impl CustomKernel {
    /// A kernel that makes every vec4 of the result by a function `value(i: u32)` of its number, which the text defines; of maps it gives
    /// `vec4<u32>`, else `vec4<f32>`. The entry point is added.
    pub fn for_each(wgsl: &str, output: TensorType) -> Self {
        let groups = (output.padded_len() as u64 / 4).div_ceil(64);
        Self { wgsl: format!("{wgsl}\n{FOR_EACH}").into(), constants: Vec::new(), grid: Grid::Linear(groups) }
    }
}

const FOR_EACH: &str = "
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
    let i = linear_group(group, groups) * 64u + local;
    if i < Y_COUNT { store(i, value(i)); }
}
";

/// Workgroups of a dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grid {
    /// At least so many, spread over x and y where one dimension would pass the limit; `linear_group` tells their numbers.
    Linear(u64),
    /// Exactly so many in x, y, z, each within the limit (65,535 on every WebGPU device).
    Exact([u32; 3]),
}

/// Which parts of a result can be computed on their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CustomCut {
    /// The result is computed as a whole.
    Whole,
    /// Ranges of samples, from the same samples of the inputs that have as many, and all of the others.
    Samples,
    /// Ranges of samples, and ranges of rows of one sample, from the same rows of the inputs that have as many, and all of the others.
    Rows,
}

/// A [`CustomOp`] as an attribute of [`Op`](super::Op).
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

    /// The result's type, where the inputs are as [`Op::infer`](super::Op::infer) has checked them.
    pub(super) fn infer(self, inputs: &[TensorType]) -> Result<TensorType, String> {
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
