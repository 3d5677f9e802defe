//! Pooling.

use atrous_graph::op::{AvgPool, Reduce, Window};
use atrous_graph::{GraphError, NodeId, Op, Shape};

use super::ConvPadding;
use crate::Builder;

/// A pooling layer's window. Without further calls: no padding, positions rounded down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    kernel: usize,
    stride: usize,
    padding: ConvPadding,
    ceil_mode: bool,
    count_include_pad: bool,
}

impl Pool {
    /// A window of `kernel×kernel` pixels every `stride` pixels.
    pub const fn new(kernel: usize, stride: usize) -> Self {
        Self { kernel, stride, padding: ConvPadding::Each(0), ceil_mode: false, count_include_pad: true }
    }

    /// Padding on each side. Never a maximum; counted by a mean as PyTorch does.
    pub const fn padding(self, padding: usize) -> Self {
        Self { padding: ConvPadding::Each(padding), ..self }
    }

    /// Keras' padding `same`, which a mean does not count.
    pub const fn same(self) -> Self {
        Self { padding: ConvPadding::Same, count_include_pad: false, ..self }
    }

    /// Rounds the number of positions up, as PyTorch's `ceil_mode`.
    pub const fn ceil_mode(self) -> Self {
        Self { ceil_mode: true, ..self }
    }

    fn window(&self, x: Shape) -> Window {
        let (kernel, stride) = ([self.kernel; 2], [self.stride; 2]);
        let padding = self.padding.resolve([x.h, x.w], kernel, stride, [1, 1]);
        Window { padding, ceil_mode: self.ceil_mode, ..Window::new(kernel, stride) }
    }
}

impl Builder {
    /// Largest value in each window: `N×H×W×C` to `N×H'×W'×C`.
    ///
    /// # Errors
    /// If the window does not fit.
    pub fn max_pool(&mut self, name: &str, x: NodeId, pool: Pool) -> Result<NodeId, GraphError> {
        let window = pool.window(self.shape(x));
        self.add(name, Op::MaxPool(window), &[x])
    }

    /// Mean of each window: `N×H×W×C` to `N×H'×W'×C`.
    ///
    /// # Errors
    /// If the window does not fit.
    pub fn avg_pool(&mut self, name: &str, x: NodeId, pool: Pool) -> Result<NodeId, GraphError> {
        let window = pool.window(self.shape(x));
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
        self.add(name, Op::AdaptiveAvgPool { h, w }, &[x])
    }
}
