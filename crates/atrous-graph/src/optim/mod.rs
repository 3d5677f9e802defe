//! Optimizers, parameter groups, loss scaling, and the description of a training step.
//!
//! All of this is plain data. A plan turns it into dispatches over the flat parameter buffers; the CPU reference executes it
//! tensor by tensor.

mod loss_scale;
mod optimizer;
mod training;

pub use loss_scale::{LossScale, LossScaling};
pub use optimizer::{Convention, Optimizer};
pub use training::{ParameterGroup, Training, validate_totals};
