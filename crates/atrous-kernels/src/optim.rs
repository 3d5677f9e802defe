//! The update of parameters after a backward pass: kernels over chunks of flat buffers, and what they are told each step.

use std::ops::Range;

use atrous_graph::optim::{Convention, Optimizer, Training};

use crate::kernel::Kernel;

/// Numbers that a step uploads.
pub const STEP_LEN: usize = 4;
/// Numbers that a step reports, and what its update takes from them.
pub const REPORT_LEN: usize = 12;
/// Most vec4s in a chunk: one workgroup takes 16 rounds over it.
const CHUNK: u64 = 1024;

/// What one training step is told. The learning rate may change from step to step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepOptions {
    /// Learning rate; parameter groups multiply it.
    pub lr: f64,
    /// Number of the update, from 1 on: Adam's bias corrections depend on it, in which updates that a loss scale skipped do not count.
    /// Runs that are accumulated for one update share it.
    pub step: u64,
    /// Whether the parameters are updated; otherwise the gradient is only added to those of earlier runs.
    pub update: bool,
    /// Factor of the gradient: `1/k` for the mean of `k` runs that are accumulated. A loss scale of the
    /// [training](atrous_graph::optim::Training::loss_scale) is no part of it.
    pub scale: f64,
}

impl StepOptions {
    /// An update by the gradient of this run.
    pub const fn new(lr: f64, step: u64) -> Self {
        Self { lr, step, update: true, scale: 1.0 }
    }
}

/// What `optim/control` reads: gradient scale, learning rate, number.
pub fn step_data(options: &StepOptions) -> [f32; STEP_LEN] {
    [options.scale as f32, options.lr as f32, options.step as f32, 0.0]
}

/// What a step says of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// Whether loss and gradient were finite. If not, nothing was changed but the loss scale.
    pub ok: bool,
    /// The loss.
    pub loss: f32,
    /// Euclidean norm of the gradient over all parameters, after scaling and before clipping.
    pub gradient_norm: f32,
    /// The loss scale of this step, if there is one.
    pub loss_scale: Option<f32>,
}

impl StepReport {
    /// From what `optim/control` wrote.
    pub const fn new(control: [f32; REPORT_LEN]) -> Self {
        let [_, _, _, _, ok, loss, gradient_norm, scale, ..] = control;
        let loss_scale = if scale == 0.0 { None } else { Some(scale) };
        Self { ok: ok != 0.0, loss, gradient_norm, loss_scale }
    }
}

/// Cuts a tensor into chunks for a workgroup each. `bytes` is its place in the flat buffer; the two numbers go along.
pub(crate) fn chunks(bytes: &Range<u64>, lr: f64, decay: f64) -> Vec<u32> {
    let (first, end) = (bytes.start / 16, bytes.end / 16);
    let chunk = |at: u64| [at as u32, CHUNK.min(end - at) as u32, (lr as f32).to_bits(), (decay as f32).to_bits()];
    (first..end).step_by(CHUNK as usize).flat_map(chunk).collect()
}

/// The kernel that decides whether and how parameters are updated: by the gradient's norm, clipped, its sign, and what the rule needs
/// of the update's number.
pub(crate) fn control(training: &Training) -> Kernel {
    let rule = match training.optimizer {
        Optimizer::Sgd { convention: Convention::Torch, .. } => 1.0,
        Optimizer::Adam { convention: Convention::Torch, .. } => 2.0,
        Optimizer::Adam { convention: Convention::Keras, .. } => 3.0,
        Optimizer::Adagrad { .. } => 4.0,
        Optimizer::Sgd { .. } | Optimizer::RmsProp { .. } | Optimizer::NAdam { .. } => 0.0,
    };
    let (take1, take2) = match training.optimizer {
        Optimizer::Sgd { dampening, .. } => (1.0 - dampening, 1.0),
        Optimizer::Adam { beta1, beta2, .. } | Optimizer::NAdam { beta1, beta2, .. } => (1.0 - beta1, 1.0 - beta2),
        Optimizer::RmsProp { .. } | Optimizer::Adagrad { .. } => (1.0, 1.0),
    };
    let decay = match training.optimizer {
        Optimizer::NAdam { momentum_decay, .. } => momentum_decay * 0.96_f64.ln(),
        Optimizer::Adagrad { lr_decay, .. } => lr_decay,
        Optimizer::Sgd { .. } | Optimizer::RmsProp { .. } | Optimizer::Adam { .. } => 0.0,
    };
    let nesterov = matches!(training.optimizer, Optimizer::NAdam { .. });
    let variant = match (training.loss_scale.is_some(), nesterov) {
        (false, false) => "",
        (true, false) => "scaled",
        (false, true) => "nesterov",
        (true, true) => "scaled,nesterov",
    };
    let kernel = Kernel::new("optim/control", variant)
        .set("CLIP", training.clip_norm.unwrap_or(0.0))
        .set("MAXIMIZE", f64::from(u8::from(training.maximize)))
        .set("TAKE1", take1)
        .set("TAKE2", take2)
        .set("DECAY", decay);
    if nesterov { kernel } else { kernel.set("RULE", rule) }
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
        Optimizer::Adam { beta1, beta2, eps, amsgrad, .. } => {
            adam(if amsgrad { "amsgrad" } else { "" }, [beta1, beta2], eps)
        }
        Optimizer::NAdam { beta1, beta2, eps, .. } => adam("nesterov", [beta1, beta2], eps),
        Optimizer::Adagrad { eps, convention, .. } => {
            Kernel::new("optim/adagrad", "").set("EPS", eps).set("KERAS", keras(convention))
        }
    };
    kernel.set("DECOUPLED", flag(optimizer.decouples()))
}

fn adam(variant: &'static str, [beta1, beta2]: [f64; 2], eps: f64) -> Kernel {
    Kernel::new("optim/adam", variant)
        .set("BETA1", beta1)
        .set("TAKE1", 1.0 - beta1)
        .set("BETA2", beta2)
        .set("TAKE2", 1.0 - beta2)
        .set("EPS", eps)
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
}
