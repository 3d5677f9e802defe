//! Layers: methods of [`crate::Builder`] and their attributes.
//!
//! Every method takes the layer's name first and returns the node of its result, which bears that name. Its parameters are
//! called `name.weight` or `name/kernel` and so on, as [`crate::Naming`] says.

mod conv;
mod dense;
mod norm;
mod pointwise;
mod pool;
mod resize;
mod window;

pub use conv::{Conv, ConvTranspose};
pub use norm::Norm;
pub use pool::Pool;
pub use window::{ConvPadding, Sides};

use crate::{Builder, Naming, StoredLayout};

impl Builder {
    /// The name of the parameter `torch` or `keras` of a layer.
    fn parameter_name(&self, layer: &str, torch: &str, keras: &str) -> String {
        match self.naming() {
            Naming::Torch => format!("{layer}.{torch}"),
            Naming::Keras => format!("{layer}/{keras}"),
        }
    }

    /// One of two layouts, by naming.
    const fn stored(&self, torch: StoredLayout, keras: StoredLayout) -> StoredLayout {
        match self.naming() {
            Naming::Torch => torch,
            Naming::Keras => keras,
        }
    }
}
