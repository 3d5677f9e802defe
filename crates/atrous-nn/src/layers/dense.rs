//! Linear layers.

use atrous_graph::op::Conv2d;
use atrous_graph::{GraphError, NodeId, Op, Shape};

use crate::{Builder, Naming, StoredLayout};

impl Builder {
    /// Linear layer over everything in a sample: `N×H×W×C` to `N×1×1×out`, as a convolution whose kernel is the whole map.
    /// Over `N×1×1×C` it is PyTorch's `Linear` or Keras' `Dense`; over a larger map it is `Flatten` followed by that.
    ///
    /// Parameters `weight` (`[out, in]`, PyTorch flattens in the order c, h, w) or `kernel` (`[in, out]`, Keras in the
    /// order h, w, c), and `bias`.
    ///
    /// # Errors
    /// If `out` is zero or the name is taken.
    pub fn linear(&mut self, name: &str, x: NodeId, out: usize, bias: bool) -> Result<NodeId, GraphError> {
        let Shape { h, w, c, .. } = self.shape(x);
        let inputs = h * w * c;
        let stored = self.stored(StoredLayout::Oi, StoredLayout::Io);
        let shape = match self.naming() {
            Naming::Torch => vec![out, inputs],
            Naming::Keras => vec![inputs, out],
        };
        let weight = self.parameter_name(name, "weight", "kernel");
        let weight = self.weight(&weight, Shape::new(h, w, c, out), stored, shape, inputs)?;
        let mut inputs = vec![x, weight];
        if bias {
            inputs.push(self.bias(name, weight, out)?);
        }
        self.add(name, Op::Conv2d(Conv2d::default()), &inputs)
    }
}
