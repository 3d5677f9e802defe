//! Layers, blocks and a zoo of networks, all of which build an [`atrous_graph::Graph`].
//!
//! A [`Builder`] collects the graph and the list of parameters, and makes a [`Model`] of them. Its layers name nodes and parameters as
//! the network's framework names them, so that weight files and traces of PyTorch and Keras need no map of names.
//!
//! For training, [`Init`] draws the first parameters as the framework would, and parts of a model are frozen and grouped by
//! name:
//!
//! ```
//! use atrous_nn::zoo::{self, BuildOptions};
//! use atrous_nn::{Init, Mode};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = BuildOptions { classes: Some(3), mode: Mode::Training, ..BuildOptions::default() };
//! let mut model = zoo::build("resnet18", &options)?;
//! model.unfreeze_from("layer4")?; // everything before keeps its weights and running statistics
//! let groups = model.parameter_groups(1e-4, &[(&["layer4"], 0.1)])?; // a tenth of the head's learning rate
//! let weights = Init::new(&model, 42).values("fc.weight")?;
//! assert_eq!((groups.len(), weights.len()), (4, 3 * 512));
//! # Ok(())
//! # }
//! ```

mod builder;
mod encoder;
mod error;
mod feature;
mod freeze;
mod groups;
pub mod init;
mod init_source;
mod into_network;
pub mod layers;
mod mode;
mod model;
mod naming;
mod network;
pub mod normalize;
mod parameter;
mod select;
mod stored_layout;
pub mod zoo;

pub use builder::{Builder, DROPOUT_SEED};
pub use encoder::{Dilation, DilationRule, Encoder, Stage};
pub use error::ModelError;
pub use feature::Feature;
pub use init_source::Init;
pub use into_network::IntoNetwork;
pub use mode::Mode;
pub use model::{LayerRow, Model, Output, RunningUpdate, StateTensor, Summary};
pub use naming::Naming;
pub use network::{Built, Info, Network, Task};
pub use normalize::Normalize;
pub use parameter::{ParameterKind, ParameterSpec, UnusedParameter};
pub use stored_layout::StoredLayout;
