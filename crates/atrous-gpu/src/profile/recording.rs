//! Passes with timestamps around every node.

use std::time::Duration;

use atrous_kernels::Plan;
use atrous_kernels::plan::PlannedDispatch;
use wgpu::BufferUsages as Usage;

use super::times::{NodeProfile, Profile};
use crate::buffer;
use crate::command::Command;
use crate::pixels::PixelInput;
use crate::wait::{Mapping, unmapped};
use crate::{Device, GpuError};

/// Number of nodes whose two timestamps fit into one query set.
const NODES_PER_SET: usize = wgpu::QUERY_SET_MAX_QUERIES as usize / 2;
/// Bytes of the timestamps of one node.
const BYTES_PER_NODE: u64 = 16;

/// A profile that is being measured.
pub(super) struct Recording {
    nodes: Vec<NodeProfile>,
    sets: Vec<wgpu::QuerySet>,
    resolved: wgpu::Buffer,
    readback: wgpu::Buffer,
    /// Whether timestamps are written inside of one pass, not around passes.
    inside: bool,
    /// Nanoseconds of a tick.
    period: f64,
    /// Begin and end of each node in ticks, for each run.
    ticks: Vec<Vec<[u64; 2]>>,
}

/// The node that makes an input from bytes of pictures.
pub(super) fn pixels(input: &PixelInput) -> NodeProfile {
    NodeProfile {
        name: "pixels".to_owned(),
        op: "normalize",
        variant: "image/normalize",
        dispatches: input.commands.len(),
        macs: 0,
        bytes: input.moved_bytes(),
        spans: Vec::new(),
    }
}

/// The steps of a plan that have dispatches.
pub(super) fn steps(plan: &Plan) -> Vec<NodeProfile> {
    let node = |step: &atrous_kernels::plan::Step| NodeProfile {
        name: step.name.clone(),
        op: step.op,
        variant: step.variant,
        dispatches: step.dispatches.len(),
        macs: step.macs,
        bytes: step.bytes,
        spans: Vec::new(),
    };
    plan.steps.iter().filter(|step| !step.dispatches.is_empty()).map(node).collect()
}

/// The updates that follow the steps of a plan; with `update`, also the update of a training step.
pub(super) fn updates(plan: &Plan, update: bool) -> Vec<NodeProfile> {
    let bound = |dispatch: &PlannedDispatch| dispatch.bindings.iter().map(|place| place.bytes).sum::<u64>();
    let node = |update: &atrous_kernels::plan::Update| NodeProfile {
        name: update.name.to_owned(),
        op: "update",
        variant: update.dispatches.first().map_or("", |dispatch| dispatch.shader.name),
        dispatches: update.dispatches.len(),
        macs: 0,
        bytes: update.dispatches.iter().map(bound).sum(),
        spans: Vec::new(),
    };
    plan.updates(update).filter(|update| !update.dispatches.is_empty()).map(node).collect()
}

impl Recording {
    pub(super) fn new(device: &Device, nodes: Vec<NodeProfile>) -> Result<Self, GpuError> {
        let features = device.raw().features();
        if !features.contains(wgpu::Features::TIMESTAMP_QUERY) {
            let (adapter, on_adapter) = (device.info().name.clone(), device.info().timestamps);
            return Err(GpuError::NoTimestamps { adapter, on_adapter });
        }
        let count = |nodes: &[NodeProfile]| wgpu::QuerySetDescriptor {
            label: Some("profile"),
            ty: wgpu::QueryType::Timestamp,
            count: 2 * nodes.len() as u32,
        };
        let sets = device.scope("query sets", || {
            nodes.chunks(NODES_PER_SET).map(|nodes| device.raw().create_query_set(&count(nodes))).collect()
        })?;
        let bytes = (nodes.len() as u64 * BYTES_PER_NODE).max(BYTES_PER_NODE);
        Ok(Self {
            sets,
            resolved: buffer::empty(device, "timestamps", bytes, Usage::QUERY_RESOLVE | Usage::COPY_SRC)?,
            readback: buffer::empty(device, "timestamps' readback", bytes, Usage::COPY_DST | Usage::MAP_READ)?,
            inside: features.contains(wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES),
            period: f64::from(device.queue().get_timestamp_period()),
            nodes,
            ticks: Vec::new(),
        })
    }

    /// Submits one run; `commands` are the dispatches of all nodes.
    pub(super) fn submit<'a>(
        &self,
        device: &Device,
        commands: impl Iterator<Item = &'a Command>,
    ) -> Result<Mapping, GpuError> {
        device.check()?;
        device.scope("a profiled run", || {
            let mut encoder = device.raw().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            self.encode(&mut encoder, commands);
            for (i, (set, nodes)) in self.sets.iter().zip(self.nodes.chunks(NODES_PER_SET)).enumerate() {
                let first = (i * NODES_PER_SET) as u64 * BYTES_PER_NODE;
                encoder.resolve_query_set(set, 0..2 * nodes.len() as u32, &self.resolved, first);
            }
            encoder.copy_buffer_to_buffer(&self.resolved, 0, &self.readback, 0, self.readback.size());
            device.queue().submit([encoder.finish()])
        })?;
        Mapping::request(device, &self.readback)
    }

    fn encode<'a>(&self, encoder: &mut wgpu::CommandEncoder, mut commands: impl Iterator<Item = &'a Command>) {
        let mut descriptor = wgpu::ComputePassDescriptor { label: Some("profile"), timestamp_writes: None };
        let mut one_pass = self.inside.then(|| encoder.begin_compute_pass(&descriptor).forget_lifetime());
        for (i, node) in self.nodes.iter().enumerate() {
            let (set, first) = (&self.sets[i / NODES_PER_SET], 2 * (i % NODES_PER_SET) as u32);
            let dispatches = commands.by_ref().take(node.dispatches);
            if let Some(pass) = &mut one_pass {
                pass.write_timestamp(set, first);
                dispatches.for_each(|command| command.encode(pass));
                pass.write_timestamp(set, first + 1);
            } else {
                descriptor.timestamp_writes = Some(wgpu::ComputePassTimestampWrites {
                    query_set: set,
                    beginning_of_pass_write_index: Some(first),
                    end_of_pass_write_index: Some(first + 1),
                });
                let mut pass = encoder.begin_compute_pass(&descriptor);
                dispatches.for_each(|command| command.encode(&mut pass));
            }
        }
    }

    /// Takes the timestamps of a run out of the mapped readback buffer.
    pub(super) fn read(&mut self, device: &Device) -> Result<(), GpuError> {
        let ticks = {
            let view = self.readback.get_mapped_range(..).map_err(|error| unmapped(device, &error))?;
            bytemuck::pod_collect_to_vec::<u8, [u64; 2]>(&view)
        };
        self.readback.unmap();
        self.ticks.push(ticks);
        Ok(())
    }

    /// The times of all runs except the first.
    pub(super) fn finish(mut self, device: &Device) -> Profile {
        let runs = &self.ticks[1..];
        let origin = runs.first().and_then(|run| run.first()).map_or(0, |[begin, _]| *begin);
        let since = |tick: u64| Duration::from_nanos((tick.saturating_sub(origin) as f64 * self.period) as u64);
        for (i, node) in self.nodes.iter_mut().enumerate() {
            node.spans = runs.iter().map(|run| run[i].map(since)).collect();
        }
        Profile { adapter: device.info().name.clone(), nodes: self.nodes }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use atrous_graph::op::Unary;
    use atrous_graph::passes::PassOptions;
    use atrous_graph::{DType, Graph, Op, Shape};

    use super::*;
    use crate::{AdapterChoice, DeviceOptions, Parameters, Session};

    #[test]
    fn passes_of_their_own_time_nodes_where_a_pass_cannot() {
        let options = DeviceOptions { timestamps: true, passes: PassOptions::None, ..DeviceOptions::default() };
        let device = Device::open_blocking(&AdapterChoice::from_env(), options).unwrap();
        if !device.info().timestamps {
            return;
        }
        let mut graph = Graph::new();
        let mut node = graph.input("x", Shape::new(1, 32, 32, 8), DType::F32).unwrap();
        for i in 0..5 {
            node = graph.add(&format!("relu{i}"), Op::Unary(Unary::Relu), &[node]).unwrap();
        }
        let parameters = Parameters::upload(&device, &graph, &HashMap::<String, Vec<f32>>::new()).unwrap();
        let session = Session::new(&device, &graph, &[node], Arc::new(parameters)).unwrap();
        let mut recording = Recording::new(&device, steps(session.plan())).unwrap();
        recording.inside = false;
        for _ in 0..3 {
            recording.submit(&device, session.commands(false)).unwrap().wait().unwrap();
            recording.read(&device).unwrap();
        }
        let profile = recording.finish(&device);
        assert_eq!((profile.nodes.len(), profile.runs()), (5, 2));
        let spans = || profile.nodes.iter().flat_map(|node| &node.spans);
        assert!(spans().all(|[begin, end]| begin <= end), "{profile:?}");
        assert!(spans().any(|[begin, end]| begin < end), "{profile:?}");
    }
}
