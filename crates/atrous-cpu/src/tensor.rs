//! Dense f64 tensors.

use atrous_graph::Shape;
use rayon::prelude::*;

/// A dense row-major tensor `N×H×W×C` (filters: `kh×kw×Cin×Cout`) without padding. u32 maps are held as f64, which
/// represents each of them exactly.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Logical shape.
    pub shape: Shape,
    /// `shape.len()` values, channels innermost.
    pub data: Vec<f64>,
}

impl Tensor {
    /// A tensor of these values.
    ///
    /// # Panics
    /// If `data` does not have `shape.len()` values: a bug of the caller.
    pub fn new(shape: Shape, data: Vec<f64>) -> Self {
        assert_eq!(data.len(), shape.len(), "values for {shape}");
        Self { shape, data }
    }

    /// A tensor of zeros.
    pub fn zeros(shape: Shape) -> Self {
        Self { shape, data: vec![0.0; shape.len()] }
    }

    /// A tensor of these f32 values, dense and row-major.
    ///
    /// # Panics
    /// If `data` does not have `shape.len()` values: a bug of the caller.
    pub fn from_f32(shape: Shape, data: &[f32]) -> Self {
        Self::new(shape, data.iter().map(|v| f64::from(*v)).collect())
    }

    /// A map of these u32 values, dense and row-major.
    ///
    /// # Panics
    /// If `data` does not have `shape.len()` values: a bug of the caller.
    pub fn from_u32(shape: Shape, data: &[u32]) -> Self {
        Self::new(shape, data.iter().map(|v| f64::from(*v)).collect())
    }

    /// A vector over channels, `1×1×1×C`.
    pub fn channels(values: &[f32]) -> Self {
        Self::from_f32(Shape::channels(values.len()), values)
    }

    /// The values rounded to f32, dense and row-major.
    pub fn to_f32(&self) -> Vec<f32> {
        self.data.iter().map(|v| *v as f32).collect()
    }

    /// The tensor with every value rounded to the nearest f32.
    pub fn rounded(&self) -> Self {
        self.map(|v| f64::from(v as f32))
    }

    /// The tensor with every value rounded to the nearest f16, from 65520 on to infinity.
    pub fn rounded_to_f16(&self) -> Self {
        self.map(|v| half::f16::from_f64(v).to_f64())
    }

    /// Element (n, y, x, c).
    pub fn at(&self, n: usize, y: usize, x: usize, c: usize) -> f64 {
        self.data[self.shape.index(n, y, x, c)]
    }

    /// The channels of pixel (n, y, x).
    pub fn pixel(&self, n: usize, y: usize, x: usize) -> &[f64] {
        &self.data[self.shape.index(n, y, x, 0)..][..self.shape.c]
    }

    /// The absolute value of every element.
    pub fn abs(&self) -> Self {
        self.map(f64::abs)
    }

    /// `f` of every element.
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self { shape: self.shape, data: self.data.iter().map(|v| f(*v)).collect() }
    }

    /// The tensor whose element (n, y, x, c) is `f(n, y, x, c)`.
    pub(crate) fn from_fn(shape: Shape, f: impl Fn(usize, usize, usize, usize) -> f64 + Sync) -> Self {
        Self::from_rows(shape, |n, y, row| {
            for (i, value) in row.iter_mut().enumerate() {
                *value = f(n, y, i / shape.c, i % shape.c);
            }
        })
    }

    /// The tensor whose pixels are `f` of this tensor's pixels; only the number of channels may differ.
    pub(crate) fn map_pixels(&self, channels: usize, f: impl Fn(&[f64], &mut [f64]) + Sync) -> Self {
        Self::from_rows(Shape { c: channels, ..self.shape }, |n, y, row| {
            for (x, pixel) in row.chunks_exact_mut(channels).enumerate() {
                f(self.pixel(n, y, x), pixel);
            }
        })
    }

    /// The tensor whose rows `f(n, y, row)` fills; `row` begins as `W×C` zeros. Rows are computed in parallel, each by
    /// one thread, so the result does not depend on the number of threads.
    pub(crate) fn from_rows(shape: Shape, f: impl Fn(usize, usize, &mut [f64]) + Sync) -> Self {
        let mut result = Self::zeros(shape);
        let rows = result.data.par_chunks_exact_mut((shape.w * shape.c).max(1));
        rows.enumerate().for_each(|(i, row)| f(i / shape.h, i % shape.h, row));
        result
    }
}
