//! The graph of a network together with the targets that objectives and metrics ask for.

mod error;
mod given;
mod loss_context;

pub use error::ObjectiveError;
pub use given::{Given, SAMPLE_WEIGHTS};
pub use loss_context::LossContext;
pub(crate) use loss_context::check_scalar;
