//! The orders in which frameworks store parameters.

use atrous_graph::Shape;

/// How a framework stores a parameter. The graph's order is `kh×kw×(Cin/groups)×Cout` for weights (for a transposed
/// convolution the filter of the forward convolution, `kh×kw×(Cout/groups)×Cin`) and `1×1×1×C` for vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoredLayout {
    /// `[C]`: biases and everything of a batch normalisation.
    Vector,
    /// `[out, in/groups, kh, kw]`: PyTorch's convolution.
    Oihw,
    /// `[in, out/groups, kh, kw]`: PyTorch's transposed convolution.
    Iohw,
    /// `[out, in]`: PyTorch's linear layer. Over a whole map `in` counts (c, h, w), channels outermost.
    Oi,
    /// `[kh, kw, in/groups, out]`: Keras' convolution.
    Hwio,
    /// `[kh, kw, in, multiplier]`: Keras' depthwise convolution.
    Hwim,
    /// `[kh, kw, out, in]`: Keras' transposed convolution.
    Hwoi,
    /// `[in, out]`: Keras' dense layer. Over a whole map `in` counts (h, w, c), channels innermost.
    Io,
}

impl StoredLayout {
    /// Whether the framework stores the elements in the graph's own order.
    pub const fn is_graph_order(self) -> bool {
        match self {
            Self::Oihw | Self::Iohw | Self::Oi => false,
            Self::Vector | Self::Hwio | Self::Hwim | Self::Hwoi | Self::Io => true,
        }
    }

    /// Position in the framework's dense row-major storage of element `(a, b, i, o)` of the graph's tensor `shape`
    /// (filters: row, column, second channel side, last channel side).
    pub const fn stored_index(self, shape: Shape, a: usize, b: usize, i: usize, o: usize) -> usize {
        if self.is_graph_order() { shape.index(a, b, i, o) } else { ((o * shape.w + i) * shape.n + a) * shape.h + b }
    }
}
