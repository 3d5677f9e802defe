//! What takes gigabytes and minutes: filters and batches of several bindings at their real sizes, under WebGPU's default limits.

mod batch;
mod kills;
mod soak;
mod vgg;

use atrous_gpu::{AdapterChoice, Device, DeviceOptions, LimitsChoice};
use atrous_graph::op::{Binary, Reduce};
use atrous_graph::{Graph, GraphError, NodeId, Op};

/// The adapter of the environment with the limits that every WebGPU device has.
fn device() -> Device {
    let options = DeviceOptions::from_env().expect("a legal environment");
    let options = DeviceOptions { limits: LimitsChoice::WebGpuDefaults, ..options };
    Device::open_blocking(&AdapterChoice::from_env(), options).expect("the suite needs an adapter")
}

/// The mean of the squares of a tensor.
fn mean_square(graph: &mut Graph, y: NodeId) -> Result<NodeId, GraphError> {
    let square = graph.add("square", Op::Binary(Binary::Mul), &[y, y])?;
    let mean = graph.add("mean", Op::Reduce(Reduce::MEAN_NHW), &[square])?;
    graph.add("loss", Op::ChannelSum, &[mean])
}
