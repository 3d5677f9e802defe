//! Layers, blocks and a zoo of networks, all of which build an [`atrous_graph::Graph`].
//!
//! A [`Builder`] collects the graph and the list of parameters; its layers name nodes and parameters as the framework a
//! network comes from does, so that weight files and traces of PyTorch and Keras fit without a name map. Finished, it is a
//! [`Model`], whose parts can be frozen by name; [`Init`] draws its first parameters.

mod builder;
mod error;
mod freeze;
mod groups;
pub mod init;
pub mod layers;
mod model;
mod parameter;
mod select;
pub mod zoo;

pub use builder::{Builder, DROPOUT_SEED, Mode, Naming};
pub use error::ModelError;
pub use groups::ParameterGroup;
pub use init::Init;
pub use model::{LayerRow, Model, Output, RunningUpdate, StateTensor, Summary};
pub use parameter::{ParameterKind, ParameterSpec, StoredLayout, UnusedParameter};
