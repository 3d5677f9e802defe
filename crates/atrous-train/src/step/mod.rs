//! A training step as a description, from which a training loop of the caller's own, or the [trainer](crate::Trainer), makes a session.

mod build;
mod description;
mod error;
mod inputs;
mod session;
mod settings;

pub use build::TrainingStep;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use build::build;
pub use description::{StepDescription, Train};
pub use error::StepError;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use inputs::{batch_inputs, dropout_seed};
pub use session::StepSession;
pub use settings::Part;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use settings::StepSettings;
