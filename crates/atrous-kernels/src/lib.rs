//! From operations to dispatches, as pure data.
//!
//! [`compile()`] rewrites a graph for a purpose and turns it into a [`Plan`]: for every node the kernel that serves it and why better ones
//! declined, the dispatch grids, and where each tensor lies. Nothing here touches a device; a plan can be printed, compared
//! and checked on a machine without a GPU.
//!
//! An operation that is too large for the adapter's bindings is split into parts first; a *family* (one
//! module per kind of operation) then picks the kernel for each part.

mod choice;
mod compile;
mod dispatch;
mod family;
mod kernel;
mod operation;
pub mod plan;
mod split;
mod target;

pub mod conv;
pub mod custom;
pub mod dropout;
pub mod image;
pub mod label;
pub mod movement;
pub mod norm;
pub mod optim;
pub mod pointwise;
pub mod pool;
pub mod reduce;
pub mod resize;

pub use choice::{Choice, Choices, ChoicesError, Found, Origin};
pub use compile::{CompileOptions, Compiled, Purpose, compile, rewrite};
pub use conv::Tile;
pub use dispatch::{Binding, Declined, Dispatch, NodePlan, Slot, Strips, linear_grid};
pub use family::{Part, PlanError, Problem, plan_node, plan_part, variants};
pub use operation::Operation;
pub use plan::Plan;
pub use target::{Cooperative, Limits, Target};
