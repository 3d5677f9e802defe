//! Holds an operation, above all one of one's own, to what every operation of atrous is held to. Not [stable](crate#stability).
//!
//! [`check_blocking`] runs its kernel on a device and compares the result with its f64 reference, by the comparator of atrous's own suites
//! ([`Tolerance`](atrous_cpu::Tolerance)): a result may be off by roundings of the terms that it is a sum of, and where its
//! [magnitude](atrous_graph::op::CustomOp::magnitude) is zero by nothing. Every custom operation that its gradient is made of is
//! compared in the same way, and the gradient in f64 with central differences. What may be stored in f16 is run in f16 too, on
//! devices that have it. On a device with [`checks`](atrous_gpu::DeviceOptions::checks) what no invocation stores is NaN.

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

pub use error::CheckError;

/// What a check has found right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The kernels that ran: name of the node, and how its images are stored.
    pub kernels: Vec<(String, DType)>,
    /// Whether there is a gradient.
    pub gradient: bool,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kernels: Vec<String> = self.kernels.iter().map(|(node, dtype)| format!("{node} in {dtype}")).collect();
        let gradient = if self.gradient { "its gradient is right" } else { "it has no gradient" };
        write!(f, "computes {} as its reference does; {gradient}", kernels.join(", "))
    }
}

/// Checks an operation on inputs of these types, with values from -2 to 2 (of maps from 0 to 7) that are the same every time. Small shapes
/// with a number of channels that is no multiple of 4 show most.
///
/// # Errors
/// [`CheckError`], naming the worst element of what is wrong.
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

/// Checks an operation on given values, for each input as many as its shape has, dense and row-major.
///
/// # Errors
/// [`CheckError`], naming the worst element of what is wrong.
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

/// Compares the gradient, if there is one, with differences, and makes ready to run the kernels.
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
