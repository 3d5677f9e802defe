//! Layers, blocks and a zoo of networks, all of which build an [`atrous_graph::Graph`].
//!
//! A [`Builder`] collects the graph and the list of parameters; its layers name nodes and parameters as the framework a
//! network comes from does, so that weight files and traces of PyTorch and Keras fit without a name map. Finished, it is a
//! [`Model`].

mod builder;
pub mod layers;
mod model;
mod parameter;
pub mod zoo;

pub use builder::{Builder, DROPOUT_SEED, Mode, Naming};
pub use model::{LayerRow, Model, Output, RunningUpdate, StateTensor, Summary};
pub use parameter::{ParameterKind, ParameterSpec, StoredLayout, UnusedParameter};
