//! Shapes, element types and memory layouts of tensors.

use std::fmt;
use std::ops::Range;

/// Logical shape of every tensor: `N×H×W×C`.
///
/// A vector over channels is `1×1×1×C`. A convolution's filter uses the same four numbers as `kh×kw×(Cin/groups)×Cout`,
/// see [`Layout::Filter`].
///
/// ```
/// use atrous_graph::Shape;
///
/// let batch = Shape::new(8, 224, 160, 3);
/// assert_eq!((batch.to_string().as_str(), batch.len()), ("8×224×160×3", 8 * 224 * 160 * 3));
/// // The third channel of the first pixel of the second sample: channels are innermost.
/// assert_eq!(batch.index(1, 0, 0, 2), batch.sample_len() + 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Samples in the batch (filters: kernel height).
    pub n: usize,
    /// Rows (filters: kernel width).
    pub h: usize,
    /// Columns (filters: input channels of one group).
    pub w: usize,
    /// Channels (filters: output channels).
    pub c: usize,
}

impl Shape {
    /// The shape `n×h×w×c`.
    pub const fn new(n: usize, h: usize, w: usize, c: usize) -> Self {
        Self { n, h, w, c }
    }

    /// A vector over channels, `1×1×1×c`: a bias, a batch normalisation's scale.
    pub const fn channels(c: usize) -> Self {
        Self::new(1, 1, 1, c)
    }

    /// The four sizes, outermost first.
    pub const fn dims(self) -> [usize; 4] {
        [self.n, self.h, self.w, self.c]
    }

    /// Number of elements, without any padding.
    pub const fn len(self) -> usize {
        self.n * self.h * self.w * self.c
    }

    /// Whether some side is zero.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Elements of one sample, without any padding.
    pub const fn sample_len(self) -> usize {
        self.h * self.w * self.c
    }

    /// Position of element (n, y, x, c) in dense row-major order.
    pub const fn index(self, n: usize, y: usize, x: usize, c: usize) -> usize {
        ((n * self.h + y) * self.w + x) * self.c + c
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}×{}×{}×{}", self.n, self.h, self.w, self.c))
    }
}

/// Element types of device tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// 32-bit float: activations, parameters, gradients.
    F32,
    /// 16-bit float (IEEE 754 binary16, 11 significant bits, up to 65504): activations and filters, if selected.
    /// Kernels compute in f32 and round what they store.
    F16,
    /// 32-bit unsigned integer: class maps, labels, indices.
    U32,
}

impl DType {
    /// Bytes of an element.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::F32 | Self::U32 => 4,
            Self::F16 => 2,
        }
    }

    /// Whether it is a floating-point type.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F16)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::U32 => "u32",
        })
    }
}

/// Memory layout of a tensor. In both layouts channels are innermost and padded to a multiple of 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Activations and channel vectors. Padding lanes are zero.
    Image,
    /// Filters `kh×kw×(Cin/groups)×Cout`: input channels are padded to a multiple of 4 too, all padding is zero.
    Filter,
}

/// Shape, element type and memory layout of one tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TensorType {
    /// Logical shape.
    pub shape: Shape,
    /// Element type.
    pub dtype: DType,
    /// Memory layout.
    pub layout: Layout,
}

impl TensorType {
    /// An f32 activation.
    pub const fn image(shape: Shape) -> Self {
        Self { shape, dtype: DType::F32, layout: Layout::Image }
    }

    /// A u32 map: classes or indices.
    pub const fn map(shape: Shape) -> Self {
        Self { shape, dtype: DType::U32, layout: Layout::Image }
    }

    /// An f32 filter.
    pub const fn filter(shape: Shape) -> Self {
        Self { shape, dtype: DType::F32, layout: Layout::Filter }
    }

    /// The shape as it lies in memory: channels, and for filters input channels, rounded up to a multiple of 4.
    pub const fn padded(self) -> Shape {
        let w = match self.layout {
            Layout::Image => self.shape.w,
            Layout::Filter => self.shape.w.next_multiple_of(4),
        };
        Shape::new(self.shape.n, self.shape.h, w, self.shape.c.next_multiple_of(4))
    }

    /// Elements in memory, padding included.
    pub const fn padded_len(self) -> usize {
        self.padded().len()
    }

    /// Bytes in memory, padding included.
    pub const fn bytes(self) -> u64 {
        self.padded_len() as u64 * self.dtype.bytes()
    }

    /// The type of a range of its channels.
    pub const fn channels(self, range: &Range<usize>) -> Self {
        Self { shape: Shape { c: range.end - range.start, ..self.shape }, ..self }
    }

    /// Ranges of channels of at most `limit` bytes each: as few as possible, of about the same length, all but the last
    /// of whole vec4s. `None` if four channels exceed the limit.
    pub fn channels_within(self, limit: u64) -> Option<Vec<Range<usize>>> {
        let vec4s = self.padded().c / 4;
        let most = limit / (self.bytes() / vec4s as u64);
        if most == 0 {
            return None;
        }
        let count = (vec4s as u64).div_ceil(most) as usize;
        let len = 4 * vec4s.div_ceil(count);
        let c = self.shape.c;
        Some((0..c).step_by(len).map(|first| first..(first + len).min(c)).collect())
    }

    /// Copies a dense row-major tensor into device layout, writing zeros into the padding.
    ///
    /// # Panics
    /// If `dense` does not have `shape.len()` elements or `device` not `padded_len()`: a bug of the caller.
    pub fn pack<T: Copy + Default>(self, dense: &[T], device: &mut [T]) {
        assert_eq!(dense.len(), self.shape.len(), "dense length of {}", self.shape);
        assert_eq!(device.len(), self.padded_len(), "device length of {}", self.shape);
        let padded = self.padded();
        device.fill(T::default());
        for row in 0..padded.n * padded.h {
            for x in 0..self.shape.w {
                let from = (row * self.shape.w + x) * self.shape.c;
                let to = (row * padded.w + x) * padded.c;
                device[to..to + self.shape.c].copy_from_slice(&dense[from..from + self.shape.c]);
            }
        }
    }

    /// Copies a tensor in device layout into dense row-major order, dropping the padding.
    ///
    /// # Panics
    /// If `device` does not have `padded_len()` elements: a bug of the caller.
    pub fn unpack<T: Copy>(self, device: &[T]) -> Vec<T> {
        assert_eq!(device.len(), self.padded_len(), "device length of {}", self.shape);
        let padded = self.padded();
        let mut dense = Vec::with_capacity(self.shape.len());
        for row in 0..padded.n * padded.h {
            for x in 0..self.shape.w {
                let from = (row * padded.w + x) * padded.c;
                dense.extend_from_slice(&device[from..from + self.shape.c]);
            }
        }
        dense
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.shape, self.dtype)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_cut_into_few_even_ranges() {
        // 2*3*8 padded elements of 4 bytes: 192 bytes for each channel, 768 for each vec4.
        let filter = TensorType::filter(Shape::new(2, 3, 5, 22));
        assert_eq!(filter.channels_within(6 * 768).map(|ranges| ranges.len()), Some(1));
        assert_eq!(filter.channels_within(5 * 768), Some(vec![0..12, 12..22]));
        assert_eq!(filter.channels_within(2 * 768 - 1), Some(vec![0..4, 4..8, 8..12, 12..16, 16..20, 20..22]));
        assert_eq!(filter.channels_within(767), None);
        for limit in 768..6 * 768 {
            let ranges = filter.channels_within(limit).expect("a vec4 fits");
            assert!(ranges.iter().all(|range| filter.channels(range).bytes() <= limit), "{limit}: {ranges:?}");
        }
    }

    #[test]
    fn pack_and_unpack_are_inverse_and_pad_with_zeros() {
        for ty in [TensorType::image(Shape::new(2, 3, 2, 5)), TensorType::filter(Shape::new(1, 2, 3, 6))] {
            let dense: Vec<f32> = (1..=ty.shape.len()).map(|v| v as f32).collect();
            let mut device = vec![f32::NAN; ty.padded_len()];
            ty.pack(&dense, &mut device);
            assert_eq!(ty.unpack(&device), dense);
            assert_eq!(device.iter().filter(|v| **v == 0.0).count(), ty.padded_len() - ty.shape.len());
        }
    }
}
