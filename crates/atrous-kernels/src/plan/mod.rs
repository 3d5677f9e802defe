//! The plan of a whole graph: what runs in which order, on which bytes.

mod buffers;
mod check;
mod contents;
mod layout;
mod make;
mod memory;
mod optimizer;
mod placement;
mod print;
mod requests;
mod share;
mod step;
mod totals;
mod training;
mod update;

pub use crate::place::Place;
pub use contents::Plan;
pub(crate) use make::known;
pub use make::{plan, plan_evaluation};
pub use memory::{BufferKind, BufferPlan, TensorPlan};
pub use placement::{ParameterPlacement, Piece, place_parameters};
pub use step::{PlannedDispatch, Step};
pub use training::plan_training;
pub use update::{TrainingPlan, Update};
