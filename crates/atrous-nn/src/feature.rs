//! Feature maps of a network.

use atrous_graph::NodeId;

/// A feature map that heads can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Feature {
    /// Pixels of the image per pixel of the map, in each direction. Layers without padding lose pixels at the border.
    pub stride: usize,
    /// The node that makes it.
    pub node: NodeId,
}
