//! The update of parameters after a backward pass: kernels over chunks of flat buffers, and what they are told each step.

use std::ops::Range;

use atrous_graph::optim::{Convention, Optimizer};

use crate::kernel::Kernel;

/// Numbers that a step uploads.
pub const STEP_LEN: usize = 4;
/// Numbers that a step reports.
pub const REPORT_LEN: usize = 8;
/// Most vec4s in a chunk: one workgroup takes 16 rounds over it.
const CHUNK: u64 = 1024;

/// What one training step is told. The learning rate may change from step to step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepOptions {
    /// Learning rate; parameter groups multiply it.
    pub lr: f64,
    /// Number of the update, from 1 on: Adam's bias corrections depend on it. Runs that are accumulated for one update share it.
    pub step: u64,
    /// Whether the parameters are updated; otherwise the gradient is only added to those of earlier runs.
    pub update: bool,
    /// Factor of the gradient: `1/k` for the mean of `k` runs that are accumulated, `1/s` for a loss scaled by `s`.
    pub scale: f64,
}

impl StepOptions {
    /// An update by the gradient of this run.
    pub const fn new(lr: f64, step: u64) -> Self {
        Self { lr, step, update: true, scale: 1.0 }
    }
}

/// What `optim/control` reads: gradient scale, learning rate, and two numbers that depend on the optimizer.
///
/// SGD: the gradient's share in the velocity. Adam: the factors of the learning rate and of the root.
pub fn step_data(optimizer: &Optimizer, options: &StepOptions) -> [f32; STEP_LEN] {
    let (a, b) = match *optimizer {
        Optimizer::Sgd { dampening, convention: Convention::Torch, .. } if options.step > 1 => (1.0 - dampening, 0.0),
        Optimizer::Sgd { .. } => (1.0, 0.0),
        Optimizer::RmsProp { .. } => (0.0, 0.0),
        Optimizer::Adam { beta1, beta2, convention, .. } => {
            let t = options.step as f64;
            let (c1, c2) = (1.0 - beta1.powf(t), 1.0 - beta2.powf(t));
            match convention {
                Convention::Torch => (1.0 / c1, 1.0 / c2.sqrt()),
                Convention::Keras => (c2.sqrt() / c1, 1.0),
            }
        }
    };
    [options.scale, options.lr, a, b].map(|v| v as f32)
}

/// What a step says of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// Whether loss and gradient were finite. If not, nothing was changed.
    pub ok: bool,
    /// The loss.
    pub loss: f32,
    /// Euclidean norm of the gradient over all parameters, after scaling and before clipping.
    pub gradient_norm: f32,
}

impl StepReport {
    /// From what `optim/control` wrote.
    pub const fn new(control: [f32; REPORT_LEN]) -> Self {
        Self { ok: control[4] != 0.0, loss: control[5], gradient_norm: control[6] }
    }
}

/// Cuts a tensor into chunks for a workgroup each. `bytes` is its place in the flat buffer; the two numbers go along.
pub(crate) fn chunks(bytes: &Range<u64>, lr: f64, decay: f64) -> Vec<u32> {
    let (first, end) = (bytes.start / 16, bytes.end / 16);
    let chunk = |at: u64| [at as u32, CHUNK.min(end - at) as u32, (lr as f32).to_bits(), (decay as f32).to_bits()];
    (first..end).step_by(CHUNK as usize).flat_map(chunk).collect()
}

/// The kernel of an update rule; it binds gradient, chunks, control, parameters and [`Optimizer::state`].
pub(crate) fn update(optimizer: &Optimizer) -> Kernel {
    let flag = |on: bool| f64::from(u8::from(on));
    let keras = |convention| flag(convention == Convention::Keras);
    let kernel = match *optimizer {
        Optimizer::Sgd { momentum: 0.0, .. } => Kernel::new("optim/sgd", ""),
        Optimizer::Sgd { momentum, nesterov, convention, .. } => Kernel::new("optim/sgd", "momentum")
            .set("MOMENTUM", momentum)
            .set("NESTEROV", flag(nesterov))
            .set("KERAS", keras(convention)),
        Optimizer::RmsProp { alpha, eps, momentum, centered, convention } => {
            let (variant, moving) = match (momentum == 0.0, centered) {
                (true, false) => ("", false),
                (false, false) => ("momentum", true),
                (true, true) => ("centered", false),
                (false, true) => ("momentum,centered", true),
            };
            let kernel = Kernel::new("optim/rmsprop", variant)
                .set("ALPHA", alpha)
                .set("TAKE", 1.0 - alpha)
                .set("EPS", eps)
                .set("KERAS", keras(convention));
            if moving { kernel.set("MOMENTUM", momentum) } else { kernel }
        }
        Optimizer::Adam { beta1, beta2, eps, .. } => Kernel::new("optim/adam", "")
            .set("BETA1", beta1)
            .set("TAKE1", 1.0 - beta1)
            .set("BETA2", beta2)
            .set("TAKE2", 1.0 - beta2)
            .set("EPS", eps),
    };
    kernel.set("DECOUPLED", flag(optimizer.decouples()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_a_tensor_and_nothing_else() {
        let table = chunks(&(512..512 + 16 * 2500), 0.5, 0.25);
        let entries: Vec<[u32; 4]> = table.as_chunks::<4>().0.to_vec();
        let bits = [0.5f32.to_bits(), 0.25f32.to_bits()];
        let entry = |first, count| [first, count, bits[0], bits[1]];
        assert_eq!(entries, [entry(32, 1024), entry(1056, 1024), entry(2080, 452)]);
    }

    #[test]
    fn step_data_are_the_bias_corrections_of_the_convention() {
        let at = |optimizer, step| step_data(&optimizer, &StepOptions::new(0.5, step));
        let [scale, lr, a, b] = at(Optimizer::adam(), 1);
        assert_eq!((scale, lr), (1.0, 0.5));
        assert!((a - 10.0).abs() < 1e-4 && (b - 1e3f32.sqrt()).abs() < 1e-3, "{a} {b}");
        let convention = Convention::Keras;
        let keras = Optimizer::Adam { beta1: 0.9, beta2: 0.999, eps: 1e-7, decoupled: false, convention };
        assert_eq!(at(keras, 1)[3], 1.0);
        let sgd = Optimizer::Sgd { momentum: 0.9, dampening: 0.25, nesterov: false, convention: Convention::Torch };
        assert_eq!((at(sgd, 1)[2], at(sgd, 2)[2]), (1.0, 0.75));
    }
}
