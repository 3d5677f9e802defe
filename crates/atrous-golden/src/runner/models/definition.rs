//! Compares a network with its description in the files: tensors, fill and counts.

use atrous_nn::{Model, ParameterKind, StateTensor};

use super::super::CaseError;
use super::entry::{Detail, Entry, Param};
use crate::fill::{self, Fill};

/// Checks the counts, the name, shape, kind and position of every tensor, and every checksum of the fill. `model` must be built for the
/// input size that the stored multiply-accumulates refer to.
pub(super) fn check(entry: &Entry, detail: &Detail, model: &Model) -> Result<(), CaseError> {
    let mut problems = Vec::new();
    let mut same = |what: &str, got: u64, want: u64| {
        if got != want {
            problems.push(format!("{what} {got}, expected {want}: off by {}", got.abs_diff(want)));
        }
    };
    let state = model.state();
    let trained = state.iter().filter(|t| t.kind().is_some_and(ParameterKind::is_trainable)).count();
    same("parameters", model.num_parameters() as u64, entry.num_params as u64);
    same("parameter tensors", trained as u64, entry.num_param_tensors as u64);
    same("multiply-accumulates", model.macs(), entry.macs.value);
    same("tensors", state.len() as u64, detail.params.len() as u64);

    let mut sums = Vec::with_capacity(state.len());
    for (ours, theirs) in state.into_iter().zip(&detail.params) {
        if let Some(problem) = difference(ours, theirs) {
            problems.push(problem);
            break;
        }
        // Counters (num_batches_tracked) are not filled.
        if let Some(kind) = ours.kind() {
            let len = ours.shape().iter().product();
            let values = Fill::of(kind, entry.wvar).values(&format!("{}{}", entry.fill_prefix, ours.name()), len);
            let sum = fill::checksum(&values);
            if theirs.checksum.as_deref() != Some(&format!("{sum:016x}")) {
                problems.push(format!("checksum of {} {sum:016x}, expected {:?}", ours.name(), theirs.checksum));
            }
            sums.push(sum);
        }
    }
    let whole = format!("{:016x}", fill::combine_checksums(sums));
    if problems.is_empty() && whole != entry.weights_checksum {
        problems.push(format!("checksum of all weights {whole}, expected {}", entry.weights_checksum));
    }
    if problems.is_empty() { Ok(()) } else { Err(CaseError::Failed(problems.join("; "))) }
}

fn difference(ours: StateTensor<'_>, theirs: &Param) -> Option<String> {
    let kind = match ours.kind() {
        None => "zero_i64",
        Some(ParameterKind::Weight { .. }) => "weight",
        Some(ParameterKind::Bias) => "bias",
        Some(ParameterKind::BnWeight) => "bn_weight",
        Some(ParameterKind::BnBias) => "bn_bias",
        Some(ParameterKind::RunningMean) => "running_mean",
        Some(ParameterKind::RunningVar) => "running_var",
    };
    let fan_in = match ours.kind() {
        Some(ParameterKind::Weight { fan_in }) => Some(fan_in),
        _ => None,
    };
    let trained = ours.kind().is_some_and(ParameterKind::is_trainable);
    let ours = (ours.name(), ours.shape(), kind, fan_in, trained);
    let theirs = (theirs.name.as_str(), theirs.shape.as_slice(), theirs.kind.as_str(), theirs.fan_in, theirs.param);
    (ours != theirs).then(|| format!("tensor (name, shape, kind, fan-in, trained) {ours:?}, expected {theirs:?}"))
}
