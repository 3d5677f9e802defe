//! The common part of all sessions: a plan with its buffers and commands.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use atrous_graph::{Graph, NodeId, TensorType};
use atrous_kernels::Plan;
use atrous_kernels::optim::{REPORT_LEN, StepReport};
use atrous_kernels::plan::{BufferKind, Place, PlannedDispatch};

use crate::allocate::{self, Lent};
use crate::command::{self, Command};
use crate::counters::Counters;
use crate::finite::Watch;
use crate::readback::Readback;
use crate::slots::{self, InputSlot, OutputSlot};
use crate::timer::{self, Timer};
use crate::wait::unmapped;
use crate::{Device, GpuError, Outputs, Parameters};

/// A plan with the buffers, commands and readbacks that its runs need.
pub(crate) struct Executable {
    pub(crate) device: Device,
    pub(crate) plan: Plan,
    /// The parameters whose buffers the commands bind.
    pub(crate) parameters: Arc<Parameters>,
    /// One for each of [`Plan::buffers`].
    pub(crate) buffers: Vec<wgpu::Buffer>,
    /// The commands of every run: those of the steps, then those of the updates that belong to every run.
    pub(crate) commands: Vec<Command>,
    /// The inputs of a run, in the graph's order.
    pub(crate) inputs: Vec<InputSlot>,
    /// The content of the inputs buffer, which a run uploads.
    pub(crate) staging: Vec<u32>,
    pub(crate) outputs: Vec<OutputSlot>,
    pub(crate) output_names: Arc<HashMap<String, usize>>,
    /// Names, types and places of the totals.
    pub(crate) totals: Vec<(String, TensorType, Place)>,
    /// One for each run that is under way, and free ones.
    pub(crate) readbacks: Vec<Readback>,
    /// Set if all nodes are looked at.
    pub(crate) watch: Option<Watch>,
    timer: Option<Timer>,
    pub(crate) gpu_time: Option<Duration>,
    pub(crate) counters: Counters,
}

impl Executable {
    /// Makes everything that runs of a plan of `graph` need and that is not lent, with `readbacks` readback buffers to begin with.
    pub(crate) fn new(
        device: &Device,
        graph: &Graph,
        plan: Plan,
        parameters: Arc<Parameters>,
        readbacks: usize,
        lent: Lent,
    ) -> Result<Self, GpuError> {
        device.check()?;
        if !device.is_same(parameters.device()) {
            return Err(GpuError::OtherDevice);
        }
        parameters.check(graph, &plan)?;
        allocate::check_memory(device, &plan)?;
        let timer = Timer::new(device)?;
        let readback_bytes = plan.readback_bytes() + if timer.is_some() { timer::BYTES } else { 0 };
        let buffers = allocate::buffers(device, &plan, &parameters, lent)?;
        let steps = plan.steps.iter().flat_map(|step| &step.dispatches);
        let dispatches: Vec<&PlannedDispatch> = steps.chain(plan.after.iter().flat_map(|u| &u.dispatches)).collect();
        let input_bytes = plan.buffers.iter().find(|b| b.kind == BufferKind::Inputs).map_or(0, |b| b.bytes);
        let named = |&(id, place): &(NodeId, Place)| (graph.node(id).name.clone(), graph.node(id).ty, place);
        Ok(Self {
            device: device.clone(),
            commands: command::commands(device, &dispatches, &buffers)?,
            inputs: slots::input_slots(graph, &plan),
            staging: vec![0; (input_bytes / 4) as usize],
            outputs: slots::output_slots(graph, &plan),
            output_names: Arc::new(slots::names(graph, &plan.outputs)),
            totals: plan.totals.iter().map(named).collect(),
            readbacks: (0..readbacks).map(|_| Readback::new(device, readback_bytes)).collect::<Result<_, _>>()?,
            watch: None,
            timer,
            gpu_time: None,
            counters: Counters::default(),
            plan,
            parameters,
            buffers,
        })
    }

    /// Names and types of the inputs, in the graph's order.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = (&str, TensorType)> {
        self.inputs.iter().map(|slot| (slot.name.as_str(), slot.ty))
    }

    /// Names and types of the outputs, in the order asked for.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = (&str, TensorType)> {
        let asked = self.watch.as_ref().map_or(self.outputs.len(), |watch| watch.asked);
        self.outputs[..asked].iter().map(|slot| (slot.name.as_str(), slot.ty))
    }

    /// Bytes of all buffers, parameters and readbacks included.
    pub(crate) fn measured_bytes(&self) -> u64 {
        let timer = if self.timer.is_some() { timer::BYTES } else { 0 };
        let readbacks = self.readbacks.iter().map(Readback::size);
        self.buffers.iter().map(wgpu::Buffer::size).chain(readbacks).sum::<u64>() + timer
    }

    /// Uploads the staged inputs.
    pub(crate) fn write_inputs(&self) {
        if let Some(index) = self.plan.buffers.iter().position(|b| b.kind == BufferKind::Inputs) {
            self.device.queue().write_buffer(&self.buffers[index], 0, bytemuck::cast_slice(&self.staging));
        }
    }

    /// Adds the compute pass of one run: the commands `before`, those of every run, and the commands `after`.
    pub(crate) fn encode(&self, encoder: &mut wgpu::CommandEncoder, before: &[Command], after: &[Command]) {
        let timestamp_writes = self.timer.as_ref().map(|timer| timer.writes());
        let descriptor = wgpu::ComputePassDescriptor { label: Some("atrous"), timestamp_writes };
        let mut pass = encoder.begin_compute_pass(&descriptor);
        before.iter().chain(&self.commands).chain(after).for_each(|command| command.encode(&mut pass));
    }

    /// Adds copies of the outputs and of a training step's report into a readback. A run without either clears the readback instead, so
    /// that the host can wait for it.
    pub(crate) fn encode_readback(&self, encoder: &mut wgpu::CommandEncoder, readback: &wgpu::Buffer) {
        let control = self.plan.training.as_ref().map(|training| (training.control, self.plan.output_bytes()));
        for (place, offset) in self.outputs.iter().map(|slot| (slot.place, slot.offset)).chain(control) {
            let from = &self.buffers[place.buffer];
            encoder.copy_buffer_to_buffer(from, place.offset, readback, offset, place.bytes);
        }
        if self.outputs.is_empty() && control.is_none() {
            encoder.clear_buffer(readback, 0, Some(self.plan.readback_bytes()));
        }
        if let Some(timer) = &self.timer {
            timer.resolve(encoder, readback, self.plan.readback_bytes());
        }
    }

    /// Reads the results of a run from a mapped readback, and unmaps it: the outputs, and the report of a training step.
    pub(crate) fn read(&mut self, readback: usize) -> Result<(Outputs, Option<StepReport>), GpuError> {
        let readback = &mut self.readbacks[readback];
        let (all, report) = {
            let view = readback.buffer.get_mapped_range(..).map_err(|error| unmapped(&self.device, &error))?;
            if let Some(timer) = &self.timer {
                self.gpu_time = Some(timer.read(&view[self.plan.readback_bytes() as usize..]));
            }
            let first = self.plan.output_bytes() as usize;
            let report = self.plan.training.as_ref().map(|_| {
                let words = bytemuck::pod_collect_to_vec::<u8, f32>(&view[first..first + 4 * REPORT_LEN]);
                StepReport::new(std::array::from_fn(|i| words[i]))
            });
            (slots::unpack(&self.outputs, &view, self.device.options().checks), report)
        };
        readback.buffer.unmap();
        readback.mapped = false;
        let all = match &self.watch {
            Some(watch) => watch.check(all?)?,
            None => all?,
        };
        Ok((Outputs { all, names: self.output_names.clone() }, report))
    }
}
