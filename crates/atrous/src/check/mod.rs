//! Checks an operation, usually a custom one, in the way that atrous's own operations are tested. Not [stable](crate#stability).
//!
//! [`check_blocking`] runs the operation's kernel on a device and compares the result with its f64 reference, by the comparator of atrous's
//! own tests ([`Tolerance`](atrous_cpu::Tolerance)): a result may differ by the rounding of the terms that are summed in it, and must be
//! exact where its [magnitude](atrous_graph::op::CustomOp::magnitude) is zero. Custom operations in its gradient are compared in the same
//! way, and the gradient itself with central differences in f64. Operations whose tensors may be f16 also run in f16, on devices that
//! support it. On a device with [`checks`](atrous_gpu::DeviceOptions::checks) elements that no invocation stores are NaN.

#[cfg(not(target_arch = "wasm32"))]
mod doctor;
mod error;
mod gradient;
mod kernel;
mod values;

use std::fmt;

use atrous_cpu::Tensor;
use atrous_gpu::Device;
use atrous_graph::{DType, Graph, Op, TensorType};

use gradient::Differentiated;
use kernel::Trial;

#[cfg(not(target_arch = "wasm32"))]
pub use doctor::{Diagnosis, Fault, Numbers, examine_blocking};
pub use error::CheckError;
pub use values::suited;

/// What a passed check has compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The kernels that ran: name of the node and element type of its images.
    pub kernels: Vec<(String, DType)>,
    /// Whether the operation has a gradient.
    pub gradient: bool,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kernels: Vec<String> = self.kernels.iter().map(|(node, dtype)| format!("{node} in {dtype}")).collect();
        let gradient = if self.gradient { "its gradient is right" } else { "it has no gradient" };
        write!(f, "computes {} as its reference does; {gradient}", kernels.join(", "))
    }
}

/// Checks an operation on inputs of these types, with values from -2 to 2 (maps: 0 to 7) that are the same in every call. Small shapes
/// whose number of channels is not a multiple of 4 find most errors.
///
/// # Errors
/// [`CheckError`], which names the element with the largest error.
pub async fn check(device: &Device, op: &Op, inputs: &[TensorType]) -> Result<Checked, CheckError> {
    check_values(device, op, inputs, &values::random(inputs)).await
}

/// [`check`], for callers that may block.
///
/// # Errors
/// As [`check`].
#[cfg(not(target_arch = "wasm32"))]
pub fn check_blocking(device: &Device, op: &Op, inputs: &[TensorType]) -> Result<Checked, CheckError> {
    check_values_blocking(device, op, inputs, &values::random(inputs))
}

/// Checks an operation on given values: for each input one value per element of its shape, row-major.
///
/// # Errors
/// [`CheckError`], which names the element with the largest error.
pub async fn check_values(
    device: &Device,
    op: &Op,
    inputs: &[TensorType],
    values: &[Vec<f32>],
) -> Result<Checked, CheckError> {
    let (mut trials, gradient) = prepare(device, op, inputs, values)?;
    for trial in &mut trials {
        let outputs = trial.session.run(&trial.data.inputs()).await?;
        trial.judge(&outputs)?;
    }
    Ok(checked(&trials, gradient))
}

/// [`check_values`], for callers that may block.
///
/// # Errors
/// As [`check_values`].
#[cfg(not(target_arch = "wasm32"))]
pub fn check_values_blocking(
    device: &Device,
    op: &Op,
    inputs: &[TensorType],
    values: &[Vec<f32>],
) -> Result<Checked, CheckError> {
    let (mut trials, gradient) = prepare(device, op, inputs, values)?;
    for trial in &mut trials {
        let outputs = trial.session.run_blocking(&trial.data.inputs())?;
        trial.judge(&outputs)?;
    }
    Ok(checked(&trials, gradient))
}

fn checked(trials: &[Trial], gradient: bool) -> Checked {
    Checked { kernels: trials.iter().map(|trial| (trial.node.clone(), trial.storage)).collect(), gradient }
}

/// Compares the gradient, if there is one, with central differences, and prepares the sessions of the kernels.
fn prepare(
    device: &Device,
    op: &Op,
    inputs: &[TensorType],
    values: &[Vec<f32>],
) -> Result<(Vec<Trial>, bool), CheckError> {
    if values.len() != inputs.len() {
        return Err(CheckError::Count { op: op.name(), inputs: inputs.len(), got: values.len() });
    }
    let values = values.iter().zip(inputs).map(|(v, ty)| Tensor { shape: ty.shape, data: values::wide(v) }).collect();
    let mut graph = Graph::new();
    let ids = values::sources(&mut graph, inputs)?;
    let y = graph.add("y", *op, &ids)?;
    let differentiated = Differentiated::new(graph, y, &ids, values)?;
    differentiated.compare()?;
    let mut trials = Vec::new();
    for (node, values) in differentiated.custom_nodes()? {
        trials.extend(Trial::all(device, differentiated.graph(), node, values)?);
    }
    Ok((trials, differentiated.has_gradient()))
}
