//! The buffers that a plan needs, and whether they fit the device.

use atrous_kernels::Plan;
use atrous_kernels::plan::{BufferKind, BufferPlan};
use wgpu::BufferUsages as Usage;

use crate::buffer::{empty, filled, mapped, repeated, write_mapped};
use crate::{Device, GpuError, Parameters};

/// Checks that the memory the plan predicts stays within the budget.
pub(crate) fn check_budget(device: &Device, plan: &Plan) -> Result<(), GpuError> {
    let Some(budget) = device.memory_budget() else { return Ok(()) };
    let (needs, activations, parameters) = (plan.peak_bytes(), plan.activation_bytes(), plan.parameter_bytes());
    let (gradients, state) = (plan.gradient_bytes(), plan.state_bytes());
    if needs <= budget {
        return Ok(());
    }
    let transfer = needs - activations - parameters - gradients - state;
    Err(GpuError::MemoryBudget { needs, activations, parameters, gradients, state, transfer, budget })
}

/// Checks the budget, and that each transfer buffer, which cannot be split, stays within the largest buffer size.
pub(crate) fn check_memory(device: &Device, plan: &Plan) -> Result<(), GpuError> {
    check_budget(device, plan)?;
    let limit = device.target().limits.max_buffer;
    let over = |(_, needs): &(&'static str, u64)| *needs > limit;
    let transfers = [("reading back the outputs", plan.readback_bytes())].into_iter();
    let inputs =
        plan.buffers.iter().filter(|b| b.kind == BufferKind::Inputs).map(|b| ("uploading the inputs", b.bytes));
    match transfers.chain(inputs).find(over) {
        Some((what, needs)) => Err(GpuError::BufferLimit { what, needs, limit }),
        None => Ok(()),
    }
}

/// Buffers of a plan that another plan may use too, as their runs follow one another: all but those of inputs and constants.
pub(crate) struct Lent(Vec<(BufferPlan, wgpu::Buffer)>);

impl Lent {
    /// Nothing is lent.
    pub(crate) const NONE: Self = Self(Vec::new());

    pub(crate) fn of(plan: &Plan, buffers: &[wgpu::Buffer]) -> Self {
        let own = |planned: &BufferPlan| matches!(planned.kind, BufferKind::Inputs | BufferKind::Constants);
        Self(plan.buffers.iter().copied().zip(buffers.iter().cloned()).filter(|(planned, _)| !own(planned)).collect())
    }

    /// The smallest buffer of this kind that is large enough.
    fn take(&mut self, needed: &BufferPlan) -> Option<wgpu::Buffer> {
        let fits = |(_, (planned, _)): &(usize, &(BufferPlan, _))| {
            planned.kind == needed.kind && planned.bytes >= needed.bytes
        };
        let (at, _) = self.0.iter().enumerate().filter(fits).min_by_key(|(_, (planned, _))| planned.bytes)?;
        Some(self.0.swap_remove(at).1)
    }
}

/// Makes the plan's buffers, or takes lent ones. All of them have the usage `COPY_SRC`, since an output may be an input or a parameter.
pub(crate) fn buffers(
    device: &Device,
    plan: &Plan,
    parameters: &Parameters,
    mut lent: Lent,
) -> Result<Vec<wgpu::Buffer>, GpuError> {
    let first_state = plan.training.as_ref().map_or(0.0, |training| training.optimizer.first_state() as f32);
    let make = |planned: &BufferPlan| match planned.kind {
        BufferKind::Inputs => {
            empty(device, "inputs", planned.bytes, Usage::STORAGE | Usage::COPY_DST | Usage::COPY_SRC)
        }
        BufferKind::Bank | BufferKind::Gradients(_) | BufferKind::Partials if device.options().checks => {
            // All bits set is NaN: a kernel that reads what no kernel wrote gives NaN.
            repeated(device, "activations", planned.bytes, [0xff; 4])
        }
        BufferKind::Bank => empty(device, "activations", planned.bytes, Usage::STORAGE | Usage::COPY_SRC),
        BufferKind::Gradients(_) | BufferKind::Partials | BufferKind::Control => {
            empty(device, "gradients", planned.bytes, Usage::STORAGE | Usage::COPY_SRC)
        }
        BufferKind::State(..) if first_state != 0.0 => {
            repeated(device, "optimizer state", planned.bytes, first_state.to_le_bytes())
        }
        // WebGPU fills new buffers with zeros.
        BufferKind::State(..) | BufferKind::Accumulated(_) | BufferKind::Totals => {
            empty(device, "optimizer state", planned.bytes, Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST)
        }
        BufferKind::LossScale => {
            let scale = plan.training.as_ref().and_then(|training| training.loss_scale);
            let (scale, _) = scale.expect("a plan with a buffer for the loss scale has a loss scale: a bug of atrous");
            let scales = mapped(device, "loss scale", planned.bytes)?;
            write_mapped(device, &scales, 0, 4, &scale.scaling.init.to_le_bytes())?;
            device.scope("uploading the loss scale", || scales.unmap())?;
            Ok(scales)
        }
        BufferKind::Parameters(index) => Ok(parameters.buffers()[index].clone()),
        BufferKind::Constants => filled(device, "constants", &plan.constants),
    };
    plan.buffers.iter().map(|planned| lent.take(planned).map_or_else(|| make(planned), Ok)).collect()
}
