//! Which node of a plan does not end on a device that hangs.

use atrous_kernels::Plan;
use atrous_kernels::plan::{BufferKind, BufferPlan, PlannedDispatch};
use wgpu::BufferUsages as Usage;

use crate::buffer::{empty, filled};
use crate::command::{Command, commands};
use crate::wait::Mapping;
use crate::{Device, GpuError};

/// Adds to [`GpuError::Timeout`] the node that does not end. Other errors are not changed.
pub(crate) async fn explain(error: GpuError, device: &Device, plan: &Plan) -> GpuError {
    match error {
        GpuError::Timeout { limit, .. } => {
            let node = culprit(device, plan).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "the search for the node that does not end failed");
                None
            });
            GpuError::Timeout { limit, node }
        }
        error => error,
    }
}

/// Computes the nodes one by one on a new device, since what a device that hangs has done cannot be read. Buffers are zero, as the
/// parameters are out of reach: kernels do as many steps for zeros as for other values.
async fn culprit(hanging: &Device, plan: &Plan) -> Result<Option<String>, GpuError> {
    let device = &hanging.again().await?;
    let make = |planned: &BufferPlan| match planned.kind {
        BufferKind::Constants => filled(device, "constants", &plan.constants),
        _ => empty(device, "zeros", planned.bytes, Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST),
    };
    let buffers = plan.buffers.iter().map(make).collect::<Result<Vec<_>, _>>()?;
    // An adapter that hangs as a whole does not end this either.
    run(device, &[]).await?;
    let steps = plan.steps.iter().map(|step| (step.name.as_str(), &step.dispatches));
    let updates = plan.updates(true).map(|update| (update.name, &update.dispatches));
    for (name, dispatches) in steps.chain(updates) {
        let dispatches: Vec<&PlannedDispatch> = dispatches.iter().collect();
        match run(device, &commands(device, &dispatches, &buffers)?).await {
            Err(GpuError::Timeout { .. }) => return Ok(Some(name.to_owned())),
            ended => ended?,
        }
    }
    Ok(None)
}

/// Submits commands and waits until they have ended.
async fn run(device: &Device, commands: &[Command]) -> Result<(), GpuError> {
    let done = empty(device, "done", 4, Usage::MAP_READ | Usage::COPY_DST)?;
    device.scope("a repeated node", || {
        let mut encoder = device.raw().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            commands.iter().for_each(|command| command.encode(&mut pass));
        }
        encoder.clear_buffer(&done, 0, None);
        device.queue().submit([encoder.finish()]);
    })?;
    Mapping::request(device, &done)?.await
}
