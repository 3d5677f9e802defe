//! Windows of convolution and pooling layers.

use atrous_graph::GraphError;
use atrous_graph::op::Padding;

use crate::Builder;

/// The largest kernel, stride, dilation or padding.
const LARGEST: usize = 1 << 20;

/// Rows and columns of a kernel, a stride or a dilation: one number for both, or `[rows, columns]`.
///
/// ```
/// use atrous_nn::layers::{Conv, Sides};
///
/// assert_eq!(Sides::from(3), Sides::from([3, 3]));
/// let row_wise = Conv::new(64, [1, 7]).padding([0, 3]);
/// # let _ = row_wise;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sides {
    /// Number along the height.
    pub rows: usize,
    /// Number along the width.
    pub columns: usize,
}

impl Sides {
    /// Rows and columns.
    pub(super) const fn pair(self) -> [usize; 2] {
        [self.rows, self.columns]
    }
}

impl From<usize> for Sides {
    fn from(n: usize) -> Self {
        Self { rows: n, columns: n }
    }
}

impl From<[usize; 2]> for Sides {
    fn from([rows, columns]: [usize; 2]) -> Self {
        Self { rows, columns }
    }
}

/// Zeros around the image of a convolution or pooling layer: made from one number, `[rows, columns]`, or a [`Padding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvPadding {
    /// These rows and columns; [`ConvPadding::NONE`] is Keras' `valid`.
    Fixed(Padding),
    /// Keras' and TensorFlow's `same`.
    Same,
}

impl ConvPadding {
    /// No padding.
    pub const NONE: Self = Self::Fixed(Padding::NONE);

    /// The rows and columns to add to an image of `size` under a window.
    pub fn resolve(self, size: [usize; 2], kernel: [usize; 2], stride: [usize; 2], dilation: [usize; 2]) -> Padding {
        match self {
            Self::Fixed(padding) => padding,
            Self::Same => Padding::same(size, kernel, stride, dilation),
        }
    }
}

impl From<Padding> for ConvPadding {
    fn from(padding: Padding) -> Self {
        Self::Fixed(padding)
    }
}

impl From<usize> for ConvPadding {
    /// The same on all four sides.
    fn from(n: usize) -> Self {
        Padding::symmetric(n, n).into()
    }
}

impl From<[usize; 2]> for ConvPadding {
    /// Rows above and as many below, columns to the left and as many to the right.
    fn from([rows, columns]: [usize; 2]) -> Self {
        Padding::symmetric(rows, columns).into()
    }
}

/// Kernel, stride, dilation and padding of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) kernel: Sides,
    pub(super) stride: Sides,
    pub(super) dilation: Sides,
    pub(super) padding: ConvPadding,
}

impl Window {
    /// Without dilation and padding.
    pub(super) fn new(kernel: impl Into<Sides>, stride: impl Into<Sides>) -> Self {
        Self { kernel: kernel.into(), stride: stride.into(), dilation: 1.into(), padding: ConvPadding::NONE }
    }

    /// The padding under this window of an image of `size`.
    pub(super) fn resolve(&self, size: [usize; 2]) -> Padding {
        self.padding.resolve(size, self.kernel.pair(), self.stride.pair(), self.dilation.pair())
    }

    /// Checks that kernel, stride and dilation are at least 1, and that nothing is above [`LARGEST`].
    pub(super) fn check(&self, b: &Builder, op: &'static str, name: &str) -> Result<(), GraphError> {
        for (what, sides) in [("kernel", self.kernel), ("stride", self.stride), ("dilation", self.dilation)] {
            if !sides.pair().iter().all(|n| (1..=LARGEST).contains(n)) {
                let [rows, columns] = sides.pair();
                return Err(b.invalid(op, name, format!("the {what} must lie in 1..={LARGEST}, got {rows}×{columns}")));
            }
        }
        if let ConvPadding::Fixed(padding) = self.padding
            && [padding.top, padding.bottom, padding.left, padding.right].iter().any(|n| *n > LARGEST)
        {
            return Err(b.invalid(op, name, format!("the padding must lie in 0..={LARGEST}, got {padding}")));
        }
        Ok(())
    }
}
