//! Convolutions.

use atrous_graph::op::{Conv2d, Conv2dGradInput};
use atrous_graph::{GraphError, NodeId, Op, Shape};

use super::window::{ConvPadding, Sides, Window};
use crate::{Builder, Naming, StoredLayout};

/// A convolution layer's attributes. The defaults are stride 1, no padding, no bias. Sizes are one number, or
/// `[rows, columns]`.
///
/// ```
/// use atrous_graph::Shape;
/// use atrous_nn::layers::Conv;
/// use atrous_nn::{Builder, Mode, Naming};
///
/// let mut b = Builder::new(Naming::Torch, Mode::Inference);
/// let x = b.input("input", Shape::new(1, 32, 32, 8))?;
/// let y = b.conv2d("conv", x, Conv::new(16, 3).stride(2).padding(1).bias())?;
/// assert_eq!(b.shape(y), Shape::new(1, 16, 16, 16));
/// let y = b.conv2d("wide", y, Conv::new(16, [1, 7]).padding([0, 3]).groups(4))?;
/// assert_eq!(b.shape(y), Shape::new(1, 16, 16, 16));
/// # Ok::<(), atrous_graph::GraphError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    out: usize,
    window: Window,
    groups: usize,
    bias: bool,
}

impl Conv {
    /// `out` channels from a window of this size.
    pub fn new(out: usize, kernel: impl Into<Sides>) -> Self {
        Self { out, window: Window::new(kernel, 1), groups: 1, bias: false }
    }

    /// A window for [`Builder::depthwise`], which sets the channels itself.
    pub fn depthwise(kernel: impl Into<Sides>) -> Self {
        Self::new(0, kernel)
    }

    /// Step of the window.
    pub fn stride(self, stride: impl Into<Sides>) -> Self {
        Self { window: Window { stride: stride.into(), ..self.window }, ..self }
    }

    /// Zeros on each side.
    pub fn padding(self, padding: impl Into<ConvPadding>) -> Self {
        Self { window: Window { padding: padding.into(), ..self.window }, ..self }
    }

    /// Keras' padding `same`.
    pub fn same(self) -> Self {
        self.padding(ConvPadding::Same)
    }

    /// Distance of neighbouring taps.
    pub fn dilation(self, dilation: impl Into<Sides>) -> Self {
        Self { window: Window { dilation: dilation.into(), ..self.window }, ..self }
    }

    /// Groups that channels are split into.
    pub const fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// Adds a bias of one value for each channel.
    pub const fn bias(self) -> Self {
        Self { bias: true, ..self }
    }

    /// Channels of the result.
    pub const fn channels(&self) -> usize {
        self.out
    }

    fn op(&self, x: Shape) -> Conv2d {
        let Window { stride, dilation, .. } = self.window;
        let padding = self.window.resolve([x.h, x.w]);
        Conv2d { stride: stride.pair(), dilation: dilation.pair(), padding, groups: self.groups }
    }
}

/// A transposed convolution's attributes. The defaults are no padding and a bias. Sizes are one number, or
/// `[rows, columns]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvTranspose {
    out: usize,
    window: Window,
    output_padding: Sides,
    bias: bool,
}

impl ConvTranspose {
    /// `out` channels; every pixel is spread over a window of this size, and the windows are `stride` apart.
    pub fn new(out: usize, kernel: impl Into<Sides>, stride: impl Into<Sides>) -> Self {
        Self { out, window: Window::new(kernel, stride), output_padding: 0.into(), bias: true }
    }

    /// Rows and columns that are cut off the result, PyTorch's `padding`.
    pub fn padding(self, padding: impl Into<ConvPadding>) -> Self {
        Self { window: Window { padding: padding.into(), ..self.window }, ..self }
    }

    /// Keras' padding `same`: the result is `stride` times as large as the image.
    pub fn same(self) -> Self {
        self.padding(ConvPadding::Same)
    }

    /// Distance of neighbouring taps; 1 with padding `same`.
    pub fn dilation(self, dilation: impl Into<Sides>) -> Self {
        Self { window: Window { dilation: dilation.into(), ..self.window }, ..self }
    }

    /// Rows and columns added to the result at the bottom and right, fewer than the stride; none with padding `same`.
    pub fn output_padding(self, output_padding: impl Into<Sides>) -> Self {
        Self { output_padding: output_padding.into(), ..self }
    }

    /// Without a bias.
    pub const fn without_bias(self) -> Self {
        Self { bias: false, ..self }
    }

    /// The operation on an image of `size`, or why there is none.
    fn op(&self, size: [usize; 2]) -> Result<Conv2dGradInput, String> {
        let Window { kernel, stride, dilation, padding } = self.window;
        match padding {
            ConvPadding::Fixed(padding) => {
                let conv = Conv2d { stride: stride.pair(), dilation: dilation.pair(), padding, groups: 1 };
                Conv2dGradInput::transposed(conv, size, kernel.pair(), self.output_padding.pair())
            }
            ConvPadding::Same if dilation != 1.into() || self.output_padding != 0.into() => {
                Err("with padding `same` there is neither dilation nor output padding".to_owned())
            }
            ConvPadding::Same => Ok(Conv2dGradInput::transposed_same(stride.pair(), size, kernel.pair())),
        }
    }
}

impl Builder {
    /// Convolution: `N×H×W×Cin` to `N×H'×W'×out`, `H' = (H + padding - (k-1)*dilation - 1) / stride + 1`.
    ///
    /// Parameters `weight` (`[out, Cin/groups, kh, kw]`) or `kernel` (`[kh, kw, Cin/groups, out]`), and `bias`.
    ///
    /// # Errors
    /// If channels do not split into groups, a size is zero or above 2^20, or the window does not fit.
    pub fn conv2d(&mut self, name: &str, x: NodeId, conv: Conv) -> Result<NodeId, GraphError> {
        conv.window.check(self, "conv2d", name)?;
        let stored = self.stored(StoredLayout::Oihw, StoredLayout::Hwio);
        let filter = self.filter(name, x, &conv)?;
        let Shape { n: kh, h: kw, w: cin, c: out } = filter;
        let shape = match self.naming() {
            Naming::Torch => vec![out, cin, kh, kw],
            Naming::Keras => vec![kh, kw, cin, out],
        };
        let weight = self.parameter_name(name, "weight", "kernel");
        let weight = self.weight(&weight, filter, stored, shape, kh * kw * cin)?;
        self.convolve(name, x, weight, &conv)
    }

    /// Depthwise convolution: each channel on its own, `multiplier` results per channel; result channel
    /// `c*multiplier + j` comes from channel `c`. Output channels and groups of `conv` are set by this.
    ///
    /// Parameters `weight` (`[C*multiplier, 1, kh, kw]`) or `kernel` (`[kh, kw, C, multiplier]`), and `bias`.
    ///
    /// # Errors
    /// If a size is zero or above 2^20, or the window does not fit.
    pub fn depthwise(&mut self, name: &str, x: NodeId, multiplier: usize, conv: Conv) -> Result<NodeId, GraphError> {
        match self.naming() {
            Naming::Torch => {
                let c = self.shape(x).c;
                self.conv2d(name, x, Conv { out: c.saturating_mul(multiplier), groups: c, ..conv })
            }
            Naming::Keras => self.keras_depthwise(name, &format!("{name}/kernel"), x, multiplier, conv),
        }
    }

    /// Keras' separable convolution: depthwise, then 1×1 to `out` channels, with nothing between them; stride, padding and dilation
    /// are the depthwise part's, a bias the pointwise part's. The depthwise result is called `name/depthwise`.
    ///
    /// Parameters `depthwise_kernel` (`[kh, kw, C, 1]`), `pointwise_kernel` (`[1, 1, C, out]`), and `bias`.
    ///
    /// # Errors
    /// If a size is zero or above 2^20, or the window does not fit.
    pub fn separable_conv2d(&mut self, name: &str, x: NodeId, conv: Conv) -> Result<NodeId, GraphError> {
        let (depthwise, kernel) = (format!("{name}/depthwise"), format!("{name}/depthwise_kernel"));
        let y = self.keras_depthwise(&depthwise, &kernel, x, 1, Conv { bias: false, ..conv })?;
        let pointwise = Conv { bias: conv.bias, ..Conv::new(conv.out, 1) };
        let c = self.shape(y).c;
        let (filter, kernel) = (Shape::new(1, 1, c, conv.out), format!("{name}/pointwise_kernel"));
        let weight = self.weight(&kernel, filter, StoredLayout::Hwio, vec![1, 1, c, conv.out], c)?;
        self.convolve(name, y, weight, &pointwise)
    }

    /// Transposed convolution: `N×H×W×Cin` to `N×H'×W'×out`,
    /// `H' = (H-1)*stride - 2*padding + (k-1)*dilation + 1 + output_padding` (Keras' `same`: `H*stride`).
    ///
    /// Parameters `weight` (`[Cin, out, kh, kw]`) or `kernel` (`[kh, kw, out, Cin]`), and `bias`.
    ///
    /// # Errors
    /// If a size is zero or above 2^20, or nothing is left of the result.
    pub fn conv_transpose2d(&mut self, name: &str, x: NodeId, t: ConvTranspose) -> Result<NodeId, GraphError> {
        t.window.check(self, "conv_transpose2d", name)?;
        let Shape { h, w, c: cin, .. } = self.shape(x);
        let op = t.op([h, w]).map_err(|reason| self.invalid("conv_transpose2d", name, reason))?;
        let stored = self.stored(StoredLayout::Iohw, StoredLayout::Hwoi);
        let [kh, kw] = t.window.kernel.pair();
        let (shape, fan_in) = match self.naming() {
            Naming::Torch => (vec![cin, t.out, kh, kw], t.out.saturating_mul(kh * kw)),
            Naming::Keras => (vec![kh, kw, t.out, cin], cin * kh * kw),
        };
        let weight = self.parameter_name(name, "weight", "kernel");
        let weight = self.weight(&weight, Shape::new(kh, kw, t.out, cin), stored, shape, fan_in)?;
        let mut inputs = vec![x, weight];
        if t.bias {
            inputs.push(self.bias(name, weight, t.out)?);
        }
        self.add(name, Op::Conv2dGradInput(op), &inputs)
    }

    /// The bias `name.bias` over `channels`, of the layer that `weight` belongs to.
    pub(super) fn bias(&mut self, name: &str, weight: NodeId, channels: usize) -> Result<NodeId, GraphError> {
        let bias = self.parameter_name(name, "bias", "bias");
        self.bias_of(weight, &bias, channels)
    }

    /// Keras' depthwise kernel and the convolution with it.
    fn keras_depthwise(
        &mut self,
        name: &str,
        kernel: &str,
        x: NodeId,
        multiplier: usize,
        conv: Conv,
    ) -> Result<NodeId, GraphError> {
        conv.window.check(self, "conv2d", name)?;
        let c = self.shape(x).c;
        let [kh, kw] = conv.window.kernel.pair();
        let filter = Shape::new(kh, kw, 1, c.saturating_mul(multiplier));
        let weight = self.weight(kernel, filter, StoredLayout::Hwim, vec![kh, kw, c, multiplier], kh * kw)?;
        self.convolve(name, x, weight, &Conv { out: c.saturating_mul(multiplier), groups: c, ..conv })
    }

    /// Shape of a convolution's weight in the graph.
    fn filter(&self, name: &str, x: NodeId, conv: &Conv) -> Result<Shape, GraphError> {
        let c = self.shape(x).c;
        if conv.groups == 0 || !c.is_multiple_of(conv.groups) {
            let reason = format!("{c} input channels cannot be split into {} groups", conv.groups);
            return Err(self.invalid("conv2d", name, reason));
        }
        let [kh, kw] = conv.window.kernel.pair();
        Ok(Shape::new(kh, kw, c / conv.groups, conv.out))
    }

    /// The operation, and its bias if it has one.
    fn convolve(&mut self, name: &str, x: NodeId, weight: NodeId, conv: &Conv) -> Result<NodeId, GraphError> {
        let op = conv.op(self.shape(x));
        let mut inputs = vec![x, weight];
        if conv.bias {
            inputs.push(self.bias(name, weight, conv.out)?);
        }
        self.add(name, Op::Conv2d(op), &inputs)
    }
}
