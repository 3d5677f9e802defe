//! Convolutions.

use atrous_graph::op::{Conv2d, Conv2dGradInput, Padding};
use atrous_graph::{GraphError, NodeId, Op, Shape};

use crate::{Builder, Naming, StoredLayout};

/// The largest kernel, stride, dilation or padding.
const LARGEST: usize = 1 << 20;

/// Zeros around the image of a convolution or pooling layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvPadding {
    /// The same on all four sides; 0 is Keras' `valid`.
    Each(usize),
    /// Keras' and TensorFlow's `same`.
    Same,
}

impl ConvPadding {
    /// The rows and columns to add to an image of `size` under a window.
    pub fn resolve(self, size: [usize; 2], kernel: [usize; 2], stride: [usize; 2], dilation: [usize; 2]) -> Padding {
        match self {
            Self::Each(n) => Padding::symmetric(n, n),
            Self::Same => Padding::same(size, kernel, stride, dilation),
        }
    }
}

/// A convolution layer's attributes. Without further calls: stride 1, no padding, no bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    out: usize,
    kernel: [usize; 2],
    stride: usize,
    padding: ConvPadding,
    dilation: usize,
    groups: usize,
    bias: bool,
}

impl Conv {
    /// `out` channels from a `kernel×kernel` window.
    pub const fn new(out: usize, kernel: usize) -> Self {
        let padding = ConvPadding::Each(0);
        Self { out, kernel: [kernel, kernel], stride: 1, padding, dilation: 1, groups: 1, bias: false }
    }

    /// A `kernel×kernel` window for [`Builder::depthwise`], which knows the channels itself.
    pub const fn depthwise(kernel: usize) -> Self {
        Self::new(0, kernel)
    }

    /// Step of the window.
    pub const fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// Zeros on each side.
    pub const fn padding(self, padding: usize) -> Self {
        Self { padding: ConvPadding::Each(padding), ..self }
    }

    /// Keras' padding `same`.
    pub const fn same(self) -> Self {
        Self { padding: ConvPadding::Same, ..self }
    }

    /// Distance of neighbouring taps.
    pub const fn dilation(self, dilation: usize) -> Self {
        Self { dilation, ..self }
    }

    /// Groups that channels are split into.
    pub const fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// With a bias.
    pub const fn bias(self) -> Self {
        Self { bias: true, ..self }
    }

    /// Channels of the result.
    pub const fn channels(&self) -> usize {
        self.out
    }

    fn op(&self, x: Shape) -> Conv2d {
        let (stride, dilation) = ([self.stride; 2], [self.dilation; 2]);
        let padding = self.padding.resolve([x.h, x.w], self.kernel, stride, dilation);
        Conv2d { stride, dilation, padding, groups: self.groups }
    }
}

/// A transposed convolution's attributes. Without further calls: no padding, with a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvTranspose {
    /// Channels of the result.
    pub out: usize,
    /// Height and width of the window.
    pub kernel: usize,
    /// Step of the window in the result.
    pub stride: usize,
    /// What is cut off the result: PyTorch's `padding`, or Keras' `same`, whose result is `stride` times as large.
    pub padding: ConvPadding,
    /// Rows and columns added to the result at the bottom and right; PyTorch only.
    pub output_padding: usize,
    /// Whether there is a bias.
    pub bias: bool,
}

impl ConvTranspose {
    /// `out` channels; every pixel is spread over `kernel×kernel` pixels, `stride` apart.
    pub const fn new(out: usize, kernel: usize, stride: usize) -> Self {
        Self { out, kernel, stride, padding: ConvPadding::Each(0), output_padding: 0, bias: true }
    }
}

impl Builder {
    /// Convolution: `N×H×W×Cin` to `N×H'×W'×out`, `H' = (H + padding - (k-1)*dilation - 1) / stride + 1`.
    ///
    /// Parameters `weight` (`[out, Cin/groups, kh, kw]`) or `kernel` (`[kh, kw, Cin/groups, out]`), and `bias`.
    ///
    /// # Errors
    /// If channels do not split into groups or the window does not fit.
    pub fn conv2d(&mut self, name: &str, x: NodeId, conv: Conv) -> Result<NodeId, GraphError> {
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
    /// If the window does not fit.
    pub fn depthwise(&mut self, name: &str, x: NodeId, multiplier: usize, conv: Conv) -> Result<NodeId, GraphError> {
        match self.naming() {
            Naming::Torch => {
                let c = self.shape(x).c;
                self.conv2d(name, x, Conv { out: c * multiplier, groups: c, ..conv })
            }
            Naming::Keras => self.keras_depthwise(name, &format!("{name}/kernel"), x, multiplier, conv),
        }
    }

    /// Keras' separable convolution: depthwise, then 1×1 to `out` channels, nothing between; stride, padding and dilation
    /// are the depthwise part's, a bias the pointwise part's. The depthwise result is called `name/depthwise`.
    ///
    /// Parameters `depthwise_kernel` (`[kh, kw, C, 1]`), `pointwise_kernel` (`[1, 1, C, out]`), and `bias`.
    ///
    /// # Errors
    /// If the window does not fit.
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
    /// `H' = (H-1)*stride - 2*padding + k + output_padding` (Keras' `same`: `H*stride`).
    ///
    /// Parameters `weight` (`[Cin, out, kh, kw]`) or `kernel` (`[kh, kw, out, Cin]`), and `bias`.
    ///
    /// # Errors
    /// If nothing is left of the result.
    pub fn conv_transpose2d(&mut self, name: &str, x: NodeId, t: ConvTranspose) -> Result<NodeId, GraphError> {
        let Shape { h, w, c: cin, .. } = self.shape(x);
        let (k, size, kernel) = (t.kernel, [h, w], [t.kernel; 2]);
        self.check_window("conv_transpose2d", name, t.padding, [k, t.stride, t.output_padding.saturating_add(1), 1])?;
        let op = match t.padding {
            ConvPadding::Same => Conv2dGradInput::transposed_same([t.stride; 2], size, kernel),
            ConvPadding::Each(p) => {
                let padding = Padding::symmetric(p, p);
                let conv = Conv2d { stride: [t.stride; 2], padding, ..Conv2d::default() };
                Conv2dGradInput::transposed(conv, size, kernel, [t.output_padding; 2])
                    .map_err(|reason| self.invalid("conv_transpose2d", name, reason))?
            }
        };
        let stored = self.stored(StoredLayout::Iohw, StoredLayout::Hwoi);
        let (shape, fan_in) = match self.naming() {
            Naming::Torch => (vec![cin, t.out, k, k], t.out * k * k),
            Naming::Keras => (vec![k, k, t.out, cin], cin * k * k),
        };
        let weight = self.parameter_name(name, "weight", "kernel");
        let weight = self.weight(&weight, Shape::new(k, k, t.out, cin), stored, shape, fan_in)?;
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
        let c = self.shape(x).c;
        let [kh, kw] = conv.kernel;
        let filter = Shape::new(kh, kw, 1, c * multiplier);
        let weight = self.weight(kernel, filter, StoredLayout::Hwim, vec![kh, kw, c, multiplier], kh * kw)?;
        self.convolve(name, x, weight, &Conv { out: c * multiplier, groups: c, ..conv })
    }

    /// Shape of a convolution's weight in the graph.
    fn filter(&self, name: &str, x: NodeId, conv: &Conv) -> Result<Shape, GraphError> {
        let c = self.shape(x).c;
        if conv.groups == 0 || !c.is_multiple_of(conv.groups) {
            let reason = format!("{c} input channels cannot be split into {} groups", conv.groups);
            return Err(self.invalid("conv2d", name, reason));
        }
        Ok(Shape::new(conv.kernel[0], conv.kernel[1], c / conv.groups, conv.out))
    }

    /// The operation, and its bias if it has one.
    fn convolve(&mut self, name: &str, x: NodeId, weight: NodeId, conv: &Conv) -> Result<NodeId, GraphError> {
        self.check_window("conv2d", name, conv.padding, [conv.kernel[0], conv.kernel[1], conv.stride, conv.dilation])?;
        let op = conv.op(self.shape(x));
        let mut inputs = vec![x, weight];
        if conv.bias {
            inputs.push(self.bias(name, weight, conv.out)?);
        }
        self.add(name, Op::Conv2d(op), &inputs)
    }

    /// Kernel, stride, dilation and padding must be numbers that sizes can be computed with.
    fn check_window(
        &self,
        op: &'static str,
        name: &str,
        padding: ConvPadding,
        sizes: [usize; 4],
    ) -> Result<(), GraphError> {
        let padding = if let ConvPadding::Each(n) = padding { n } else { 0 };
        if sizes.iter().all(|s| (1..=LARGEST).contains(s)) && padding <= LARGEST {
            return Ok(());
        }
        let reason = format!(
            "kernel, stride and dilation must lie in 1..={LARGEST}, padding in 0..={LARGEST}, got {sizes:?} and {padding}"
        );
        Err(self.invalid(op, name, reason))
    }
}
