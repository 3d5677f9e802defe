//! Interpolation.

use atrous_graph::op::{Coordinates, Resize};
use atrous_graph::{GraphError, NodeId, Op};

use crate::Builder;

impl Builder {
    /// Bilinear interpolation: `N×H×W×C` to `N×h×w×C`.
    ///
    /// # Errors
    /// If the size is zero.
    pub fn resize_bilinear(
        &mut self,
        name: &str,
        x: NodeId,
        [h, w]: [usize; 2],
        coordinates: Coordinates,
    ) -> Result<NodeId, GraphError> {
        self.add(name, Op::Resize(Resize::bilinear(h, w, coordinates)), &[x])
    }

    /// Nearest neighbour: `N×H×W×C` to `N×h×w×C`.
    ///
    /// # Errors
    /// If the size is zero.
    pub fn resize_nearest(&mut self, name: &str, x: NodeId, [h, w]: [usize; 2]) -> Result<NodeId, GraphError> {
        self.add(name, Op::Resize(Resize::nearest(h, w)), &[x])
    }
}
