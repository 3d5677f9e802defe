//! One operation on the device, computed by several kernels.

use std::time::{Duration, Instant};

use atrous_graph::TensorType;
use atrous_kernels::plan::{Place, PlannedDispatch};
use atrous_kernels::{Dispatch, NodePlan, Operation, Slot};
use wgpu::BufferUsages as Usage;

use crate::buffer::{self, mapped, write_mapped};
use crate::command::{self, Command};
use crate::data::{loaded, stored};
use crate::timer::{self, Timer};
use crate::wait::{Mapping, unmapped};
use crate::{Device, GpuError};

/// How the host waits for results.
#[derive(Clone, Copy)]
pub(super) enum Wait {
    Awaiting,
    Blocking,
}

impl Wait {
    async fn until(self, mapping: Mapping) -> Result<(), GpuError> {
        match self {
            Self::Awaiting => mapping.await,
            Self::Blocking => mapping.wait(),
        }
    }
}

/// An operation's tensors on the device, each in a buffer of its own, which all candidates share.
pub(super) struct Trial {
    device: Device,
    output: TensorType,
    inputs: usize,
    /// Inputs, the result, scratch memory.
    buffers: Vec<wgpu::Buffer>,
    result: wgpu::Buffer,
    timer: Option<Timer>,
    /// The readback of the timer; without a timer, a buffer whose mapping the host waits for.
    ticks: wgpu::Buffer,
    wait: Wait,
}

/// Values of an input in device layout. They are small integers, so that sums are exact in any order and every candidate must give the
/// same result. Those of the first input are not negative, as after a ReLU, so that sums grow and a too narrow accumulator is found.
fn values(input: usize, ty: TensorType) -> Vec<f32> {
    let mut state = 0x9E37_79B9_u32.wrapping_mul(input as u32 + 1);
    let next = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    });
    let value = |bits: u32| if input == 0 { (bits % 5) as f32 } else { (bits % 6) as f32 - 2.0 };
    let dense: Vec<f32> = next.map(value).take(ty.shape.len()).collect();
    let mut device = vec![0.0; ty.padded_len()];
    ty.pack(&dense, &mut device);
    device
}

impl Trial {
    /// Bytes of device memory that a trial of these plans takes.
    pub(super) fn bytes(operation: &Operation, plans: &[&NodePlan]) -> u64 {
        let tensors = operation.inputs.iter().map(|ty| ty.bytes()).sum::<u64>() + 2 * operation.output.bytes();
        tensors + scratch(plans).iter().sum::<u64>()
    }

    /// Uploads the inputs. `plans` are all plans that will be tried.
    pub(super) fn new(
        device: &Device,
        operation: &Operation,
        plans: &[&NodePlan],
        wait: Wait,
    ) -> Result<Self, GpuError> {
        let mut buffers = Vec::new();
        for (i, ty) in operation.inputs.iter().enumerate() {
            let buffer = mapped(device, "input", ty.bytes())?;
            write_mapped(device, &buffer, 0, ty.bytes(), &stored(*ty, &values(i, *ty)))?;
            device.scope("uploading an input", || buffer.unmap())?;
            buffers.push(buffer);
        }
        let usage = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
        for bytes in [vec![operation.output.bytes()], scratch(plans)].concat() {
            buffers.push(buffer::empty(device, "result", bytes, usage)?);
        }
        let readback = |bytes| buffer::empty(device, "readback", bytes, Usage::MAP_READ | Usage::COPY_DST);
        Ok(Self {
            device: device.clone(),
            output: operation.output,
            inputs: operation.inputs.len(),
            buffers,
            result: readback(operation.output.bytes())?,
            timer: Timer::new(device)?,
            ticks: readback(timer::BYTES)?,
            wait,
        })
    }

    /// A dispatch bound to the trial's buffers; `table` is the place of its table of sizes, if it has one.
    fn place(&self, dispatch: &Dispatch, table: Option<Place>) -> PlannedDispatch {
        let index = |slot: Slot| match slot {
            Slot::Input(i) => i,
            Slot::Output => self.inputs,
            Slot::Scratch(i) => self.inputs + 1 + i,
            Slot::Constant(_) | Slot::Strips => unreachable!("operations that are tuned have neither: a bug of atrous"),
        };
        let place = |b: &atrous_kernels::Binding| Place { buffer: index(b.slot), offset: b.offset, bytes: b.size };
        let bindings = dispatch.bindings.iter().map(place).chain(table).collect();
        PlannedDispatch::new(dispatch.shader.clone(), dispatch.pipeline_constants(), bindings, dispatch.grid)
    }

    /// Compiles some plans, on all cores.
    pub(super) fn commands(&self, plans: &[&NodePlan]) -> Result<Vec<Vec<Command>>, GpuError> {
        let alignment = (self.device.target().limits.alignment / 4) as usize;
        let mut tables: Vec<u32> = Vec::new();
        let placed = plans.iter().flat_map(|plan| &plan.dispatches).map(|dispatch| {
            let table = dispatch.table().map(|table| {
                tables.resize(tables.len().next_multiple_of(alignment), 0);
                let (offset, bytes) = (4 * tables.len() as u64, 4 * table.len() as u64);
                tables.extend(table);
                Place { buffer: self.buffers.len(), offset, bytes }
            });
            self.place(dispatch, table)
        });
        let placed: Vec<PlannedDispatch> = placed.collect();
        let mut buffers = self.buffers.clone();
        if !tables.is_empty() {
            buffers.push(buffer::filled(&self.device, "sizes", &tables)?);
        }
        let all = command::commands(&self.device, &placed.iter().collect::<Vec<_>>(), &buffers)?;
        let mut all = all.into_iter();
        Ok(plans.iter().map(|plan| all.by_ref().take(plan.dispatches.len()).collect()).collect())
    }

    /// Fills the result with NaN, runs commands and reads the result, padding included.
    pub(super) async fn result(&self, commands: &[Command]) -> Result<Vec<f32>, GpuError> {
        let output = &self.buffers[self.inputs];
        // All bits set is NaN in f16 and f32.
        let nan = vec![0xff; output.size() as usize];
        self.device.scope("a trial", || {
            self.device.queue().write_buffer(output, 0, &nan);
            let mut encoder = self.device.raw().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            commands.iter().for_each(|command| command.encode(&mut pass));
            drop(pass);
            encoder.copy_buffer_to_buffer(output, 0, &self.result, 0, output.size());
            self.device.queue().submit([encoder.finish()])
        })?;
        self.wait.until(Mapping::request(&self.device, &self.result)?).await?;
        let values = {
            let view = self.result.get_mapped_range(..).map_err(|error| unmapped(&self.device, &error))?;
            loaded(self.output, &view)
        };
        self.result.unmap();
        Ok(values)
    }

    /// The time that commands take: the mean of several repetitions in one pass, by the device's clock if it has one, otherwise by the
    /// host's clock from the submit to the end.
    pub(super) async fn time(&self, commands: &[Command], repeats: u32) -> Result<Duration, GpuError> {
        let start = Instant::now();
        self.device.scope("a trial", || {
            let mut encoder = self.device.raw().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            let timestamp_writes = self.timer.as_ref().map(Timer::writes);
            let descriptor = wgpu::ComputePassDescriptor { label: Some("trial"), timestamp_writes };
            let mut pass = encoder.begin_compute_pass(&descriptor);
            for _ in 0..repeats {
                commands.iter().for_each(|command| command.encode(&mut pass));
            }
            drop(pass);
            match &self.timer {
                Some(timer) => timer.resolve(&mut encoder, &self.ticks, 0),
                None => encoder.copy_buffer_to_buffer(&self.buffers[self.inputs], 0, &self.ticks, 0, timer::BYTES),
            }
            self.device.queue().submit([encoder.finish()])
        })?;
        self.wait.until(Mapping::request(&self.device, &self.ticks)?).await?;
        let elapsed = start.elapsed();
        let measured = match &self.timer {
            Some(timer) => {
                timer.read(&self.ticks.get_mapped_range(..).map_err(|error| unmapped(&self.device, &error))?)
            }
            None => elapsed,
        };
        self.ticks.unmap();
        Ok(measured / repeats)
    }
}

/// The sizes of scratch buffers that are large enough for all of these plans.
fn scratch(plans: &[&NodePlan]) -> Vec<u64> {
    let count = plans.iter().map(|plan| plan.scratch.len()).max().unwrap_or(0);
    (0..count).map(|i| plans.iter().filter_map(|plan| plan.scratch.get(i)).copied().max().unwrap_or(16)).collect()
}
