//! Activations, arithmetic and layers that only move data.

use atrous_graph::op::{Binary, Dropout, DropoutUnit, Pad, PadMode, Padding, Permute, Slice, Unary};
use atrous_graph::{GraphError, NodeId, Op};

use crate::Builder;

impl Builder {
    /// A function of each element; the result has the shape of `x`.
    ///
    /// # Errors
    /// If a parameter of the function is not finite, is not positive where [`Unary`] says so, or no value lies within the
    /// limits of [`Unary::Clip`].
    pub fn activation(&mut self, name: &str, x: NodeId, function: Unary) -> Result<NodeId, GraphError> {
        self.add(name, Op::Unary(function), &[x])
    }

    /// `max(x, 0)`; the result has the shape of `x`.
    ///
    /// # Errors
    /// None for an f32 tensor.
    pub fn relu(&mut self, name: &str, x: NodeId) -> Result<NodeId, GraphError> {
        self.activation(name, x, Unary::Relu)
    }

    /// `a + b`; sides of 1 broadcast.
    ///
    /// # Errors
    /// If the shapes do not broadcast.
    pub fn sum(&mut self, name: &str, a: NodeId, b: NodeId) -> Result<NodeId, GraphError> {
        self.add(name, Op::Binary(Binary::Add), &[a, b])
    }

    /// `a * b`; sides of 1 broadcast.
    ///
    /// # Errors
    /// If the shapes do not broadcast.
    pub fn product(&mut self, name: &str, a: NodeId, b: NodeId) -> Result<NodeId, GraphError> {
        self.add(name, Op::Binary(Binary::Mul), &[a, b])
    }

    /// The inputs' channels one after the other: `N×H×W×(C1+C2+…)`.
    ///
    /// # Errors
    /// If batch, height or width differ.
    pub fn concat(&mut self, name: &str, inputs: &[NodeId]) -> Result<NodeId, GraphError> {
        self.add(name, Op::Concat, inputs)
    }

    /// The axes N, H, W, C in another order, as PyTorch's `permute`: axis `i` of the result is axis `axes[i]` of `x`, with N = 0, H = 1, W = 2,
    /// C = 3. `[0, 2, 1, 3]` exchanges rows and columns.
    ///
    /// # Errors
    /// If `axes` is not 0 to 3 in some order.
    pub fn permute(&mut self, name: &str, x: NodeId, axes: [usize; 4]) -> Result<NodeId, GraphError> {
        self.add(name, Op::Permute(Permute { axes }), &[x])
    }

    /// Dropout of a share `rate` of all elements: [`Self::dropout_of`] elements.
    ///
    /// # Errors
    /// If the rate is negative, or not below 1.
    pub fn dropout(&mut self, name: &str, x: NodeId, rate: f32) -> Result<NodeId, GraphError> {
        self.dropout_of(DropoutUnit::Element, name, x, rate)
    }

    /// Dropout of whole channels, a share `rate` of those of each sample: PyTorch's `Dropout2d`, Keras' `SpatialDropout2D`.
    ///
    /// # Errors
    /// If the rate is negative, or not below 1.
    pub fn dropout_channels(&mut self, name: &str, x: NodeId, rate: f32) -> Result<NodeId, GraphError> {
        self.dropout_of(DropoutUnit::Channel, name, x, rate)
    }

    /// Stochastic depth (Huang et al. 2016) of a residual branch `x`, before it is added: training drops the branch for a share `rate` of
    /// the samples, as torchvision's `StochasticDepth(rate, "row")`. [`Self::dropout_of`] with [`DropoutUnit::Batch`] is the mode
    /// `"batch"`.
    ///
    /// # Errors
    /// If the rate is negative, or not below 1.
    pub fn stochastic_depth(&mut self, name: &str, x: NodeId, rate: f32) -> Result<NodeId, GraphError> {
        self.dropout_of(DropoutUnit::Sample, name, x, rate)
    }

    /// Dropout of a share `rate` of all units; the others are scaled by `1 / (1 - rate)`. At inference it is the identity; in training the
    /// mask is computed from the input [`crate::DROPOUT_SEED`], which all dropouts of a network share. The result has the shape of `x`.
    ///
    /// # Errors
    /// If the rate is negative, or not below 1.
    pub fn dropout_of(&mut self, unit: DropoutUnit, name: &str, x: NodeId, rate: f32) -> Result<NodeId, GraphError> {
        let (seed, stream) = self.dropout_source()?;
        let inputs: Vec<NodeId> = [x].into_iter().chain(seed).collect();
        self.add(name, Op::Dropout(Dropout { rate, stream, unit }), &inputs)
    }

    /// Rows and columns of zeros around the image.
    ///
    /// # Errors
    /// None for an f32 tensor.
    pub fn zero_pad(&mut self, name: &str, x: NodeId, padding: Padding) -> Result<NodeId, GraphError> {
        self.add(name, Op::Pad(Pad { padding, mode: PadMode::Constant(0.0) }), &[x])
    }

    /// The central `height×width` pixels, from row `(H - height) / 2` and column `(W - width) / 2`. An image of that size is
    /// returned as it is.
    ///
    /// # Errors
    /// If the image is smaller than that.
    pub fn center_crop(&mut self, name: &str, x: NodeId, height: usize, width: usize) -> Result<NodeId, GraphError> {
        let shape = self.shape(x);
        if (shape.h, shape.w) == (height, width) {
            return Ok(x);
        }
        let (top, left) = (shape.h.saturating_sub(height) / 2, shape.w.saturating_sub(width) / 2);
        self.add(name, Op::Slice(Slice::crop(shape, top, left, height, width)), &[x])
    }
}
