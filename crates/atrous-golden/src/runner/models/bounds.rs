//! Error bounds for trainings.

use atrous_graph::{
    Op,
    op::{Reduction, Unary},
    passes::Precision,
};

use super::{entry::Train, training::Training};

/// Relative change of the norms of gradients in all earlier layers when rounding switches one unit on or off: the lower end of the range
/// that the files describe. The framework's own f32 runs may have switched no unit, so their recorded error can be far smaller.
const SWITCHED: f64 = 1e-3;

/// Relative rounding error of f16.
const F16: f64 = 1.0 / (1 << 11) as f64;
/// Rounding error of f16 over that of f32.
const TIMES: f64 = (1 << 13) as f64;

/// The errors that a training may have, relative where not stated otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    /// Error of the norm of each gradient.
    pub(super) norm: f64,
    /// Error of elements of a gradient, relative to the root of their mean square.
    pub(super) samples: f64,
    /// Median error of the norms of gradients.
    pub(super) median: f64,
    /// Largest norm of a gradient that is zero up to rounding (absolute).
    pub(super) dead: f64,
    /// Error of the norms of running statistics.
    pub(super) running: f64,
    /// Error of elements of a running statistic, relative to the largest element.
    pub(super) running_samples: f64,
    /// Error of losses, added to what the files allow.
    pub(super) losses: f64,
    /// Further error of a loss, relative to the sum of the changes of the loss in the steps before it.
    pub(super) changes: f64,
}

impl Bounds {
    /// In f32 the bounds that the files give. In f16 the bounds follow from the errors of the framework's own f32 runs, which the files
    /// record:
    ///
    /// - Results that depend smoothly on roundings have errors `2^13` times as large as in f32; twice that is allowed.
    /// - In a layer whose function has a derivative with a jump (see [`switches`]), rounding moves about one argument in `2^11` across the
    ///   jump, which switches that element's gradient. Independent deviations add up by their squares: over `n` such layers to
    ///   `sqrt(n 2^-11)` of a gradient. If switched units caused the recorded error, it grows by `sqrt(2^13)`. Twice the sum is allowed.
    /// - As in the files, single elements may have ten times the error of norms.
    pub(super) fn new(train: &Train, training: &Training, precision: Precision) -> Self {
        let grads = &train.grads;
        // Nodes after the loss may repeat functions of the forward pass (recomputation).
        let forward = training.model.graph.iter().take_while(|(id, _)| *id <= training.loss);
        let layers = forward.filter(|(_, node)| switches(&node.op)).count();
        let (norm, median) = (grads.norm_rel_err_f32.max, grads.norm_rel_err_f32.median);
        let running = train.bn.as_ref().map_or((0.0, 0.0), |bn| (bn.norm_rtol, bn.norm_rel_err_f32_max));
        match precision {
            Precision::F32 => Self {
                norm: grads.norm_rtol,
                samples: grads.sample_atol_over_rms,
                median: allowed_median(median, layers),
                dead: grads.dead_below,
                running: running.0,
                running_samples: running.0,
                losses: 0.0,
                changes: 0.0,
            },
            Precision::F16 => Self {
                norm: half(norm, layers),
                samples: 10.0 * half(norm, layers),
                median: half(median, layers),
                dead: TIMES * grads.dead_below,
                // The functions themselves are continuous, only their derivatives jump.
                running: half(running.1, 0),
                running_samples: 10.0 * half(running.1, 0),
                losses: half(f64::from(f32::EPSILON), 0),
                changes: if layers == 0 { 0.0 } else { half(norm, layers) },
            },
        }
    }
}

/// The median error of norms that is allowed in f32: ten times the `recorded` one of the framework's own f32 runs, as the files describe
/// it, but at least ten times the resolution of f32 and, with `layers` whose derivatives jump, [`SWITCHED`].
fn allowed_median(recorded: f64, layers: usize) -> f64 {
    let resolved = 10.0 * recorded.max(f64::from(f32::EPSILON));
    if layers > 0 { resolved.max(SWITCHED) } else { resolved }
}

/// The error allowed in f16 of a result whose recorded error in f32 is `recorded`, computed through `layers` layers whose derivatives jump.
fn half(recorded: f64, layers: usize) -> f64 {
    match layers {
        0 => 2.0 * (TIMES * recorded + F16),
        n => 2.0 * (TIMES.sqrt() * recorded + (n as f64 * F16).sqrt()),
    }
}

/// Whether an operation's derivative jumps, so that a change in the last place of its input can switch a gradient on or off.
fn switches(op: &Op) -> bool {
    let maximum = matches!(op, Op::Reduce(reduce) if reduce.reduction == Reduction::Max);
    let bent = matches!(
        op,
        Op::Unary(
            Unary::Relu
                | Unary::Relu6
                | Unary::LeakyRelu { .. }
                | Unary::Elu { .. }
                | Unary::HardSigmoid
                | Unary::HardSwish
                | Unary::Abs
                | Unary::Clip { .. }
        )
    );
    maximum || bent || matches!(op, Op::MaxPool(_) | Op::ChannelMaxPool(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_may_be_off_by_ten_times_the_frameworks_or_by_one_switched_unit() {
        assert!(switches(&Op::Unary(Unary::Relu)) && !switches(&Op::Unary(Unary::Silu)));
        assert_eq!(allowed_median(1e-5, 0), 10.0 * 1e-5);
        assert_eq!(allowed_median(0.0, 0), 10.0 * f64::from(f32::EPSILON));
        assert_eq!(allowed_median(1e-8, 3), SWITCHED);
        assert_eq!(allowed_median(1e-3, 3), 10.0 * 1e-3);
    }

    #[test]
    fn in_f16_what_is_smooth_is_off_by_its_roundings_and_what_switches_by_their_root() {
        assert_eq!(half(0.0, 0), 2.0 / 2048.0);
        assert_eq!(half(1.0 / 8192.0, 0), 2.0 * (1.0 + 1.0 / 2048.0));
        assert_eq!(half(0.0, 8), 2.0 / 16.0);
    }
}
