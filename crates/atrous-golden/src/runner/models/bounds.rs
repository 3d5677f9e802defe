//! How far a training may be off.

use atrous_graph::{
    Op,
    op::{Reduction, Unary},
    passes::Precision,
};

use super::{entry::Train, training::Training};

/// By how much one switched unit can move the norms of all gradients before it: the lower end of the files' description. The
/// framework's own runs may have met none, so that what is recorded of them is far smaller.
const SWITCHED: f64 = 1e-3;

/// The rounding of what is stored in f16, and how many times that of f32 it is.
const F16: f64 = 1.0 / (1 << 11) as f64;
const TIMES: f64 = (1 << 13) as f64;

/// How far a training may be off, relatively.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    /// The norm of each gradient.
    pub(super) norm: f64,
    /// Elements of gradients, relative to the root of their mean square.
    pub(super) samples: f64,
    /// The norms in the median.
    pub(super) median: f64,
    /// Norms that are zero up to rounding, absolutely.
    pub(super) dead: f64,
    /// The norms of running statistics.
    pub(super) running: f64,
    /// Their elements, relative to the largest.
    pub(super) running_samples: f64,
    /// Losses, beyond what the files allow.
    pub(super) losses: f64,
    /// What steps change of a loss, beyond that: as much as the gradients that changed it.
    pub(super) changes: f64,
}

impl Bounds {
    /// What the files allow; in f16 what follows from the errors that are recorded in them of the framework's own f32 runs.
    ///
    /// In f16 roundings are `2^13` times as large, and so is all that is smooth in them; there is room for twice that. A unit whose
    /// derivative jumps is another thing: of each layer of those about one in `2^11` has an argument that rounding moves to the other side,
    /// and its gradient with it. Deviations of so many units that fall here and there add up by their squares, over `n` layers to
    /// `sqrt(n 2^-11)` of a gradient; and where the f32 runs had met such units, to `sqrt(2^13)` times what came of those. As in the
    /// files, single elements may be off by ten times as much as norms.
    pub(super) fn new(train: &Train, training: &Training, precision: Precision) -> Self {
        let grads = &train.grads;
        // Behind the loss some are computed again.
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
                // The forward pass has kinks at most, and no jumps.
                running: half(running.1, 0),
                running_samples: 10.0 * half(running.1, 0),
                losses: half(f64::from(f32::EPSILON), 0),
                changes: if layers == 0 { 0.0 } else { half(norm, layers) },
            },
        }
    }
}

/// How far the norms may be off in the median: ten times what the framework's own f32 runs are, as the files' description has
/// it, but never less than f32 resolves, nor than one unit that rounding switches moves the gradients.
fn allowed_median(recorded: f64, layers: usize) -> f64 {
    let resolved = 10.0 * recorded.max(f64::from(f32::EPSILON));
    if layers > 0 { resolved.max(SWITCHED) } else { resolved }
}

/// What is off by `recorded` in f32 may be so much in f16, behind so many layers whose derivatives jump.
fn half(recorded: f64, layers: usize) -> f64 {
    match layers {
        0 => 2.0 * (TIMES * recorded + F16),
        n => 2.0 * (TIMES.sqrt() * recorded + (n as f64 * F16).sqrt()),
    }
}

/// Whether an operation's derivative jumps, so that a change in the last place of its input can switch a gradient on or off.
fn switches(op: &Op) -> bool {
    match op {
        Op::Unary(function) => matches!(
            function,
            Unary::Relu
                | Unary::Relu6
                | Unary::LeakyRelu { .. }
                | Unary::Elu { .. }
                | Unary::HardSigmoid
                | Unary::HardSwish
                | Unary::Abs
        ),
        Op::MaxPool(_) | Op::ChannelMaxPool(_) => true,
        Op::Reduce(reduce) => reduce.reduction == Reduction::Max,
        _ => false,
    }
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
