//! Search for the first values that are not finite.

use atrous_gpu::{GpuError, InputData, Purpose, Session};
use atrous_graph::{DType, NodeId, Op, optim::LossScale};

use super::{Trainer, flight::Run};
use crate::step::TrainingStep;

/// Most nodes that one run returns, and most bytes of their values.
const NODES: usize = 32;
const BYTES: u64 = 256 << 20;

impl Trainer {
    /// The name of the first node with infinite values or NaN for the inputs of a run and the current parameters, in the order of
    /// computation: inputs, then parameters, then computed nodes. `None` if there is none, or the search fails.
    pub(super) fn blame(&self, run: &Run, loss_scale: Option<f32>) -> Option<String> {
        let (seed, scale) = ([run.seed], [loss_scale.unwrap_or(1.0)]);
        let weights = run.batch.sample_weights();
        let step = self.placed.step_of(run.batch.shape[0])?;
        let mut inputs = step.batch_inputs(&run.batch, &seed, &weights);
        if let Some(LossScale { node, .. }) = step.training.loss_scale {
            inputs.push((&step.model.graph.node(node).name, InputData::F32(&scale)));
        }
        let bad = |values: &[f32]| values.iter().any(|v| !v.is_finite());
        for (name, data) in &inputs {
            if matches!(data, InputData::F32(values) if bad(values)) {
                return Some((*name).to_owned());
            }
        }
        let parameters = self.placed.session.parameters().download_blocking().ok()?;
        let mut specs = step.model.parameters.iter();
        if let Some(spec) = specs.find(|spec| parameters.get(&spec.name).is_some_and(|values| bad(values))) {
            return Some(spec.name.clone());
        }
        self.first_bad(step, &inputs).ok()?
    }

    /// Computes the nodes again in groups, and returns the first with bad values.
    fn first_bad(&self, step: &TrainingStep, inputs: &[(&str, InputData<'_>)]) -> Result<Option<String>, GpuError> {
        let nodes = computed(step);
        let mut rest = &nodes[..];
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = |id: &&NodeId| {
                bytes += step.model.graph.node(**id).ty.bytes();
                bytes <= BYTES
            };
            let count = rest.iter().take(NODES).take_while(fits).count().max(1);
            let (now, later) = rest.split_at(count);
            let loss_scale = step.training.loss_scale.map(|scale| scale.node);
            let purpose = Purpose::Gradients { outputs: now, loss: step.training.loss, loss_scale };
            let (device, parameters) = (self.placed.session.device(), self.placed.session.parameters().clone());
            let compiled = device.compile(&step.model.graph, &purpose)?;
            let mut session = Session::from_compiled(device, compiled, parameters)?;
            for output in session.run_blocking(inputs)?.iter() {
                if output.f32()?.iter().any(|v| !v.is_finite()) {
                    return Ok(Some(output.name.clone()));
                }
            }
            rest = later;
        }
        Ok(None)
    }
}

/// All f32 nodes that a step computes, in the order of computation.
fn computed(step: &TrainingStep) -> Vec<NodeId> {
    let graph = &step.model.graph;
    let mut needed = vec![false; graph.nodes().len()];
    let updates = step.training.gradients.iter().chain(&step.training.assignments).map(|(_, node)| *node);
    for id in updates.chain([step.training.loss]) {
        needed[id.0] = true;
    }
    for i in (0..needed.len()).rev() {
        if needed[i] {
            graph.node(NodeId(i)).inputs.iter().for_each(|input| needed[input.0] = true);
        }
    }
    let computed = graph.iter().filter(|(id, node)| {
        needed[id.0] && node.ty.dtype == DType::F32 && !matches!(node.op, Op::Input | Op::Parameter)
    });
    computed.map(|(id, _)| id).collect()
}
