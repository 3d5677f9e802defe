//! Errors that a check of an operation finds.

use atrous_cpu::CompareError;
use atrous_gpu::GpuError;
use atrous_graph::{DType, GraphError};

/// An error that a check of an operation finds.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The operation does not take inputs of these types, or its gradient adds invalid nodes.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The kernel cannot be planned, compiled or run.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// The reference refuses the values of an input.
    #[error(transparent)]
    Values(#[from] atrous_cpu::Error),
    /// The number of lists of values is not the number of inputs.
    #[error("{op} needs values for {inputs} inputs, got {got}")]
    Count {
        /// The operation.
        op: &'static str,
        /// Number of inputs.
        inputs: usize,
        /// Number of lists of values given.
        got: usize,
    },
    /// The result of a kernel differs from that of the reference.
    #[error("{op} \"{node}\" in {storage}: {source}")]
    Result {
        /// The operation.
        op: &'static str,
        /// The node: `y`, or a node of the gradient.
        node: String,
        /// Element type of the node's images.
        storage: DType,
        /// The worst value that differs.
        source: Box<CompareError>,
    },
    /// The gradient differs from central differences of the reference.
    #[error(
        "{op}: the gradient with respect to input {input} at n {}, y {}, x {}, c {} is {got}, by central differences {want}",
        at[0], at[1], at[2], at[3]
    )]
    Gradient {
        /// The operation.
        op: &'static str,
        /// The input.
        input: usize,
        /// Sample, row, column, channel of the element that deviates most.
        at: [usize; 4],
        /// The element of the gradient.
        got: f64,
        /// The same element by central differences of the reference.
        want: f64,
    },
}
