//! Networks as plain data: shapes, operations, shape rules and the graph that holds them.
//!
//! Nothing here depends on a GPU. A [`Graph`] is built node by node, each with a name; a node's shape is inferred and
//! checked when it is added. Kernels, the CPU reference and the memory plan all read the same graph.

mod append;
pub mod autodiff;
pub mod cost;
mod dot;
mod error;
mod graph;
pub mod memory;
mod node_id;
pub mod op;
pub mod optim;
pub mod passes;
mod print;
mod shape;
mod source;

pub use error::GraphError;
pub use graph::{Graph, Node};
pub use node_id::NodeId;
pub use op::Op;
pub use shape::{DType, Layout, Shape, TensorType};
pub use source::{ParameterSource, SourceError};
