//! The time of a compute pass, measured on the device.

use std::time::Duration;

use crate::{Device, GpuError};

/// Bytes that the two timestamps take at the end of a readback.
pub(crate) const BYTES: u64 = 16;

/// Two timestamps around a compute pass.
pub(crate) struct Timer {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    /// Nanoseconds of a tick.
    period: f64,
}

impl Timer {
    /// A timer, if the device's options ask for timestamps and the device has them.
    pub(crate) fn new(device: &Device) -> Result<Option<Self>, GpuError> {
        if !device.options().timestamps || !device.raw().features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return Ok(None);
        }
        let timer = device.scope("a timer", || Self {
            queries: device.raw().create_query_set(&wgpu::QuerySetDescriptor {
                label: None,
                ty: wgpu::QueryType::Timestamp,
                count: 2,
            }),
            resolved: device.raw().create_buffer(&wgpu::BufferDescriptor {
                label: Some("timestamps"),
                size: BYTES,
                usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: false,
            }),
            period: f64::from(device.queue().get_timestamp_period()),
        })?;
        Ok(Some(timer))
    }

    /// The timestamp writes of the descriptor of the pass that is to be timed.
    pub(crate) fn writes(&self) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        }
    }

    /// Copies the timestamps to byte `offset` of the readback.
    pub(crate) fn resolve(&self, encoder: &mut wgpu::CommandEncoder, readback: &wgpu::Buffer, offset: u64) {
        encoder.resolve_query_set(&self.queries, 0..2, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, readback, offset, BYTES);
    }

    /// The time between the two timestamps.
    pub(crate) fn read(&self, bytes: &[u8]) -> Duration {
        let ticks = bytemuck::pod_collect_to_vec::<u8, u64>(bytes);
        Duration::from_nanos((ticks[1].saturating_sub(ticks[0]) as f64 * self.period) as u64)
    }
}
