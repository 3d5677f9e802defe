//! The inputs of a step beside its pictures.

use atrous_gpu::{Data, InputData};
use atrous_graph::{Shape, TensorType};

use super::error::ObjectiveError;
use crate::data::{Batch, TargetKind, TargetSpec, VOID, listed};

/// Name of the input with weights of samples, `N×1×1×1`: 1, or 0 for pictures that pad a batch.
pub const SAMPLE_WEIGHTS: &str = "sample_weights";

/// The inputs that an objective and metrics have added to a graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// The targets of the data; `None` without a loader, where the caller gives everything that is asked for.
    offered: Option<Vec<TargetSpec>>,
    ignore: Option<u32>,
    targets: Vec<(TargetSpec, TensorType)>,
    constants: Vec<(String, Vec<f32>)>,
    sample_weights: bool,
}

impl Given {
    /// No inputs yet, for data with these targets and ignore label.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn of(offered: Vec<TargetSpec>, ignore: u32) -> Self {
        Self { offered: Some(offered), ignore: Some(ignore), ..Self::default() }
    }

    /// The targets that were asked for, with their types, in this order.
    pub fn targets(&self) -> &[(TargetSpec, TensorType)] {
        &self.targets
    }

    /// Names and types of the targets that were asked for, as checkpoints have them: `"labels" 8×1×1×1 u32`.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn signature(&self) -> Vec<String> {
        self.targets.iter().map(|(spec, ty)| format!("\"{}\" {ty}", spec.name)).collect()
    }

    /// The ignore label.
    pub(crate) fn ignore_label(&self) -> u32 {
        self.ignore.unwrap_or_else(|| VOID.into())
    }

    /// The kind of the data's target of this name; `None` without a loader.
    ///
    /// # Errors
    /// [`ObjectiveError::MissingTarget`] if the data have no such target.
    pub(crate) fn offered(&self, name: &str, needs: Option<TargetKind>) -> Result<Option<TargetKind>, ObjectiveError> {
        let Some(offered) = &self.offered else { return Ok(None) };
        match offered.iter().find(|spec| spec.name == name) {
            Some(spec) => Ok(Some(spec.kind)),
            None => Err(ObjectiveError::MissingTarget {
                name: name.to_owned(),
                needs: needs.map(|kind| kind.to_string()),
                has: listed(offered),
            }),
        }
    }

    /// Records that a target is asked for, for pictures of this shape. Returns its type, and whether it is asked for the first time.
    pub(crate) fn target(
        &mut self,
        name: &str,
        kind: TargetKind,
        image: Shape,
    ) -> Result<(TensorType, bool), ObjectiveError> {
        let other = |has: TargetKind| ObjectiveError::TargetKind {
            name: name.to_owned(),
            needs: kind.to_string(),
            has: has.to_string(),
        };
        if let Some(has) = self.offered(name, Some(kind))?.filter(|has| *has != kind) {
            return Err(other(has));
        }
        match self.targets.iter().find(|(spec, _)| spec.name == name) {
            Some((spec, _)) if spec.kind != kind => Err(other(spec.kind)),
            Some((_, ty)) => Ok((*ty, false)),
            None => {
                let ty = kind.tensor(image);
                self.targets.push((TargetSpec::new(name, kind), ty));
                Ok((ty, true))
            }
        }
    }

    /// Records an input with the same values in every step. Returns whether it is asked for the first time.
    pub(crate) fn constant(&mut self, name: &str, values: &[f32]) -> Result<bool, ObjectiveError> {
        match self.constants.iter().find(|(other, _)| other == name) {
            Some((_, had)) if had != values => {
                let reason = "it is asked for twice, with different values".to_owned();
                Err(ObjectiveError::Input { name: name.to_owned(), reason })
            }
            Some(_) => Ok(false),
            None => {
                self.constants.push((name.to_owned(), values.to_vec()));
                Ok(true)
            }
        }
    }

    /// Records that the samples' weights are asked for. Returns whether this is the first time.
    pub(crate) fn sample_weights(&mut self) -> bool {
        !std::mem::replace(&mut self.sample_weights, true)
    }

    /// The inputs of a step on a batch with these [weights](Batch::sample_weights), without its pictures.
    pub(crate) fn inputs<'a>(&'a self, batch: &'a Batch, weights: &'a [f32]) -> Vec<(&'a str, InputData<'a>)> {
        let asked = batch.targets.iter().filter(|target| self.targets.iter().any(|(spec, _)| spec.name == target.name));
        let target = |target: &'a crate::data::TargetBatch| {
            let values = match &target.values {
                Data::F32(values) => InputData::F32(values),
                Data::U32(labels) => InputData::U32(labels),
            };
            (target.name.as_str(), values)
        };
        let weights = self.sample_weights.then_some((SAMPLE_WEIGHTS, InputData::F32(weights)));
        asked.map(target).chain(self.constants()).chain(weights).collect()
    }

    /// The inputs that are the same in every step.
    pub(crate) fn constants(&self) -> impl Iterator<Item = (&str, InputData<'_>)> {
        self.constants.iter().map(|(name, values)| (name.as_str(), InputData::F32(values)))
    }

    /// Whether the samples' weights were asked for.
    pub(crate) fn has_sample_weights(&self) -> bool {
        self.sample_weights
    }
}
