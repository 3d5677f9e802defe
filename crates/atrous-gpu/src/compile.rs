//! Graphs compiled for a device.

use atrous_graph::Graph;
use atrous_kernels::{CompileOptions, Compiled, Purpose, compile};

use crate::{Device, DeviceOptions, GpuError};

impl Device {
    /// Compiles a graph for a purpose on this device, with the [passes](DeviceOptions::passes) and the
    /// [precision](DeviceOptions::precision) of its options. Nothing is allocated.
    ///
    /// # Errors
    /// [`GpuError::Plan`] if the purpose does not fit the graph, or the graph the device's limits.
    pub fn compile(&self, graph: &Graph, purpose: &Purpose<'_>) -> Result<Compiled, GpuError> {
        Ok(compile(graph, purpose, self.options().into(), &self.target())?)
    }
}

impl From<&DeviceOptions> for CompileOptions {
    fn from(options: &DeviceOptions) -> Self {
        Self { passes: options.passes, precision: options.precision }
    }
}
