//! Reproduces and checks the results of PyTorch and Keras that are stored in `tests/golden`.
//!
//! [`fill`] generates inputs and parameters from their names; [`from_constructor`] builds a network from its constructor call in Python;
//! [`TinyCnn`] is the smallest of the stored networks. [`runner`] recomputes everything on an adapter and compares it with the stored
//! results. Tests and benchmarks take their numbers and networks from here as well. The package is never published.
//!
//! ```
//! use atrous_golden::{fill, from_constructor};
//! use atrous_graph::Shape;
//! use atrous_nn::Mode;
//!
//! let model = from_constructor("nets.TinyCNN(classes=10)", Shape::new(1, 32, 32, 3), Mode::Inference)?;
//! let parameters = fill::FillSource::new(&model, "tiny_cnn/", 2.0);
//! let image = fill::uniform("image", model.input_shape().len(), 0.0, 1.0);
//! # let _ = (parameters, image);
//! # Ok::<(), atrous_golden::ConstructorError>(())
//! ```

mod constructor;
pub mod fill;
#[cfg(feature = "runner")]
pub mod runner;
mod tiny_cnn;

use std::sync::Arc;

use atrous_nn::Network;
use atrous_nn::zoo::{self, ZooError};

pub use constructor::{ConstructorError, from_constructor};
pub use tiny_cnn::TinyCnn;

/// A network by name: one of the zoo, or `tiny_cnn`.
///
/// # Errors
/// [`ZooError::UnknownModel`] for all other names.
pub fn network(name: &str) -> Result<Arc<dyn Network>, ZooError> {
    match name {
        "tiny_cnn" => Ok(Arc::new(TinyCnn::default())),
        _ => zoo::network(name),
    }
}
