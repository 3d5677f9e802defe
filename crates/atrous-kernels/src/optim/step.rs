//! The numbers that a training step uploads, and those that it reports.

/// Numbers that a step uploads.
pub const STEP_LEN: usize = 4;
/// Numbers that `optim/control` writes: the report of a step, and factors for its update.
pub const REPORT_LEN: usize = 12;

/// The options of one training step. The learning rate may change from step to step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepOptions {
    /// Learning rate; parameter groups multiply it.
    pub lr: f64,
    /// Number of the update, from 1 on. Adam's bias corrections depend on it; they leave out updates that were skipped
    /// because of the loss scale. Runs that are accumulated for one update have the same number.
    pub step: u64,
    /// Whether the parameters are updated. If not, the gradient is only added to those of earlier runs.
    pub update: bool,
    /// Factor of the gradient: `1/k` for the mean of `k` accumulated runs. It does not include the loss scale of the
    /// [training](atrous_graph::optim::Training::loss_scale).
    pub scale: f64,
}

impl StepOptions {
    /// An update by the gradient of this run.
    pub const fn new(lr: f64, step: u64) -> Self {
        Self { lr, step, update: true, scale: 1.0 }
    }
}

/// What `optim/control` reads: gradient scale, learning rate, number of the update, and 0.
pub fn step_data(options: &StepOptions) -> [f32; STEP_LEN] {
    [options.scale as f32, options.lr as f32, options.step as f32, 0.0]
}

/// The report of a training step.
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
    /// Reads what `optim/control` wrote.
    pub const fn new(control: [f32; REPORT_LEN]) -> Self {
        let [_, _, _, _, ok, loss, gradient_norm, scale, ..] = control;
        let loss_scale = if scale == 0.0 { None } else { Some(scale) };
        Self { ok: ok != 0.0, loss, gradient_norm, loss_scale }
    }
}
