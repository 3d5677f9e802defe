//! The inputs of a training step's graph.

use atrous_gpu::InputData;
use atrous_nn::{DROPOUT_SEED, Model};

use super::build::TrainingStep;
use crate::context::{Given, SAMPLE_WEIGHTS};
use crate::data::Batch;

impl TrainingStep {
    /// All inputs of a step: those that the caller gives, and defaults for constants, sample weights and the seed of dropout.
    pub(super) fn inputs<'a>(
        &'a self,
        given: &[(&'a str, InputData<'a>)],
        seed: &'a [u32],
        ones: &'a [f32],
    ) -> Vec<(&'a str, InputData<'a>)> {
        let mut all = given.to_vec();
        let weights = self.given.has_sample_weights().then_some((SAMPLE_WEIGHTS, InputData::F32(ones)));
        for (name, values) in self.given.constants().chain(weights).chain(seed_input(&self.model, seed)) {
            if given.iter().all(|(other, _)| *other != name) {
                all.push((name, values));
            }
        }
        all
    }

    /// All inputs of a step on a batch with these sample weights.
    pub(crate) fn batch_inputs<'a>(
        &'a self,
        batch: &'a Batch,
        seed: &'a [u32],
        weights: &'a [f32],
    ) -> Vec<(&'a str, InputData<'a>)> {
        batch_inputs(&self.model, &self.given, batch, seed, weights)
    }
}

/// All inputs of a network with an objective, for a batch with these sample weights.
pub(crate) fn batch_inputs<'a>(
    model: &'a Model,
    given: &'a Given,
    batch: &'a Batch,
    seed: &'a [u32],
    weights: &'a [f32],
) -> Vec<(&'a str, InputData<'a>)> {
    let image = (model.graph.node(model.input).name.as_str(), InputData::F32(&batch.images));
    let given = given.inputs(batch, weights);
    [image].into_iter().chain(given).chain(seed_input(model, seed)).collect()
}

/// The input with the seed of dropout, if the network has dropout.
fn seed_input<'a>(model: &Model, seed: &'a [u32]) -> Option<(&'a str, InputData<'a>)> {
    let drops = model.graph.inputs().any(|(_, node)| node.name == DROPOUT_SEED);
    drops.then_some((DROPOUT_SEED, InputData::U32(seed)))
}

/// The seed of dropout in run number `run` of update number `step`: hashes the three numbers with SplitMix64's mixing function.
pub(crate) fn dropout_seed(seed: u64, step: u64, run: u64) -> u32 {
    let mix = |z: u64| {
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    (mix(mix(mix(seed).wrapping_add(step)).wrapping_add(run)) >> 32) as u32
}
