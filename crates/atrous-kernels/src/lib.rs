//! From operations to dispatches, as pure data.
//!
//! [`compile()`] rewrites a graph for a purpose and turns it into a [`Plan`]: for every node the kernel that serves it and why better ones
//! declined, the dispatch grids, and where each tensor lies. Nothing here touches a device; a plan can be printed, compared
//! and checked on a machine without a GPU.
//!
//! An operation that is too large for the adapter's bindings is split into parts first; its *family* then picks the kernel for each part.
//! Families and their files are named as in [`atrous_graph::op`].

mod choice;
mod choice_text;
mod compile;
mod cut;
mod dispatch;
mod error;
mod family;
mod kernel;
mod kernels;
mod key;
mod known;
mod limits;
mod node;
mod operation;
mod place;
pub mod plan;
mod problem;
mod split;
mod target;
mod tile;
mod variant;
mod window;

pub mod conv;
mod custom;
pub mod image;
mod loss;
mod movement;
mod norm;
pub mod optim;
mod pointwise;
mod pool;
mod reduce;
mod resize;
mod source;

pub use atrous_shaders::VERSION;
pub use choice::{Choice, Choices, Found};
pub use choice_text::{ChoicesError, Origin};
pub use compile::{CompileOptions, Compiled, Purpose, compile, rewrite};
pub use dispatch::{Binding, Declined, Dispatch, NodePlan, Slot, Strips, linear_grid};
pub use error::PlanError;
pub use family::{plan_part, variants};
pub use known::{is_replaceable, known_variant};
pub use limits::Limits;
pub use node::plan_node;
pub use operation::Operation;
pub use plan::Plan;
pub use problem::{Part, Problem};
pub use target::{Cooperative, Target};
pub use tile::Tile;
