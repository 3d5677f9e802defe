//! A network in training: graph, gradients and updates, planned together and submitted together.

mod session;
mod state;
mod step;

pub use session::TrainingSession;
pub use state::{LOSS_SCALE, LOSS_SCALE_COUNTS};
pub use step::StepResult;
