//! Networks, one file per family.

use atrous_graph::GraphError;

mod resnet;

pub use resnet::{Block, DilationRule, ResNet, ResNetEncoder};

/// An error of a whole network.
fn invalid(name: &str, reason: impl Into<String>) -> GraphError {
    GraphError::Invalid { op: "network", node: name.to_owned(), reason: reason.into() }
}
