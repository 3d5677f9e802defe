//! The update of parameters after a backward pass: kernels over chunks of flat buffers, and the numbers that each step
//! uploads.

mod chunks;
mod control;
mod rules;
mod step;

pub(crate) use chunks::chunks;
pub(crate) use control::control;
pub(crate) use rules::{Updated, update};
pub use step::{REPORT_LEN, STEP_LEN, StepOptions, StepReport, step_data};
