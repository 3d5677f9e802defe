//! Pooling.

use atrous_graph::op::{self, AdaptiveAvgPool, AvgPool, MaxPool, Reduce};
use atrous_graph::{GraphError, NodeId, Op};

use super::window::{ConvPadding, Sides, Window};
use crate::Builder;

/// A pooling layer's window. The defaults are no padding and a number of positions that is rounded down. Sizes are one number, or
/// `[rows, columns]`.
///
/// ```
/// use atrous_graph::Shape;
/// use atrous_nn::layers::Pool;
/// use atrous_nn::{Builder, Mode, Naming};
///
/// let mut b = Builder::new(Naming::Torch, Mode::Inference);
/// let x = b.input("input", Shape::new(1, 32, 32, 8))?;
/// let y = b.max_pool("pool", x, Pool::new(3, 2).padding(1))?;
/// assert_eq!(b.shape(y), Shape::new(1, 16, 16, 8));
/// let y = b.avg_pool("columns", y, Pool::new([1, 4], [1, 4]))?;
/// assert_eq!(b.shape(y), Shape::new(1, 16, 4, 8));
/// # Ok::<(), atrous_graph::GraphError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    window: Window,
    ceil_mode: bool,
    count_include_pad: bool,
}

impl Pool {
    /// A window of `kernel` pixels every `stride` pixels.
    pub fn new(kernel: impl Into<Sides>, stride: impl Into<Sides>) -> Self {
        Self { window: Window::new(kernel, stride), ceil_mode: false, count_include_pad: true }
    }

    /// Padding on each side. It is never the maximum of a window; a mean counts it, as in PyTorch.
    pub fn padding(self, padding: impl Into<ConvPadding>) -> Self {
        Self { window: Window { padding: padding.into(), ..self.window }, ..self }
    }

    /// Keras' padding `same`, which a mean does not count.
    pub fn same(self) -> Self {
        Self { count_include_pad: false, ..self.padding(ConvPadding::Same) }
    }

    /// Distance of neighbouring pixels in the window; for max-pooling only.
    pub fn dilation(self, dilation: impl Into<Sides>) -> Self {
        Self { window: Window { dilation: dilation.into(), ..self.window }, ..self }
    }

    /// Rounds the number of positions up, as PyTorch's `ceil_mode`.
    pub const fn ceil_mode(self) -> Self {
        Self { ceil_mode: true, ..self }
    }

    /// The attributes of the operation for a window over `x`.
    fn over(&self, b: &Builder, op: &'static str, name: &str, x: NodeId) -> Result<op::Window, GraphError> {
        self.window.check(b, op, name)?;
        let Window { kernel, stride, dilation, .. } = self.window;
        let padding = self.window.resolve([b.shape(x).h, b.shape(x).w]);
        let window = op::Window::new(kernel.pair(), stride.pair());
        Ok(op::Window { dilation: dilation.pair(), padding, ceil_mode: self.ceil_mode, ..window })
    }
}

impl Builder {
    /// Largest value in each window: `N×H×W×C` to `N×H'×W'×C`.
    ///
    /// # Errors
    /// If a size is zero or above 2^20, or the window does not fit.
    pub fn max_pool(&mut self, name: &str, x: NodeId, pool: Pool) -> Result<NodeId, GraphError> {
        let window = pool.over(self, "max_pool2d", name, x)?;
        self.add(name, Op::MaxPool(MaxPool { window }), &[x])
    }

    /// Mean of each window: `N×H×W×C` to `N×H'×W'×C`.
    ///
    /// # Errors
    /// If a size is zero or above 2^20, or the window does not fit.
    pub fn avg_pool(&mut self, name: &str, x: NodeId, pool: Pool) -> Result<NodeId, GraphError> {
        let window = pool.over(self, "avg_pool2d", name, x)?;
        let op = AvgPool { window, count_include_pad: pool.count_include_pad, divisor: None };
        self.add(name, Op::AvgPool(op), &[x])
    }

    /// Mean over rows and columns: `N×H×W×C` to `N×1×1×C`.
    ///
    /// # Errors
    /// None for an f32 tensor.
    pub fn global_avg_pool(&mut self, name: &str, x: NodeId) -> Result<NodeId, GraphError> {
        self.add(name, Op::Reduce(Reduce::MEAN_HW), &[x])
    }

    /// Mean over `h×w` bins, as PyTorch's `AdaptiveAvgPool2d`: `N×H×W×C` to `N×h×w×C`.
    ///
    /// # Errors
    /// If there are no bins.
    pub fn adaptive_avg_pool(&mut self, name: &str, x: NodeId, h: usize, w: usize) -> Result<NodeId, GraphError> {
        if (h, w) == (1, 1) {
            return self.global_avg_pool(name, x);
        }
        self.add(name, Op::AdaptiveAvgPool(AdaptiveAvgPool { h, w }), &[x])
    }
}
