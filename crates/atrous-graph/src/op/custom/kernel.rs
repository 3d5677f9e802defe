//! Kernels of custom operations.

use std::borrow::Cow;

use crate::TensorType;

/// A kernel of a custom operation.
///
/// `wgsl` has the entry point `main`. These names are appended to the text:
///
/// | name | what it is |
/// |---|---|
/// | `X0_N`, `X0_H`, `X0_W`, `X0_C` | sides of input 0, u32 constants; `X1_N`, … those of the others, `Y_N`, … the result's |
/// | `X0_C4`, `Y_C4` | vec4s of a pixel: channels / 4, rounded up |
/// | `X0_COUNT`, `Y_COUNT` | vec4s of the tensor |
/// | `load0(i)`, `load1(i)`, … | vec4 `i` of an input: `vec4<f32>`, or `vec4<u32>` for maps |
/// | `index0(n, y, x, c4)`, … `index_y(…)` | the index of the vec4 that holds channels `4 * c4 ..` of a pixel |
/// | `position(i)` | n, y, x, c4 of vec4 `i` of the result |
/// | `store(i, value)` | writes vec4 `i` of the result; channels that do not exist become zero |
/// | `linear_group(group, groups)` | the index of a workgroup, from `workgroup_id` and `num_workgroups` |
///
/// Bindings of `@group(0)` are the inputs in order, read only, then the result. Lanes beyond the last channel are zero
/// in all inputs. Each vec4 of the result must be stored exactly once and not be read. Names that begin with `atrous_`
/// are reserved.
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
    /// A kernel that stores `value(i)` in each vec4 `i` of the result. The text defines the function `value(i: u32)`,
    /// which returns `vec4<f32>`, or `vec4<u32>` if the result is a map. The entry point is added.
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
    /// At least this many, spread over x and y if one dimension would exceed the limit. `linear_group` gives their
    /// indices.
    Linear(u64),
    /// Exactly this many in x, y, z, each within the limit (65,535 on every WebGPU device).
    Exact([u32; 3]),
}
