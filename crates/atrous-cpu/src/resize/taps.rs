//! The pixels that a resized image is computed from. Rows and columns are independent, so a resize is a list of
//! weighted pixels for each axis.

use std::ops::Range;

use atrous_graph::op::{Coordinates, Interpolation, Resize};

/// Allowed error of a weight because of the rounding of its coordinate, as a fraction of the error that an error scale
/// allows. The latter is enough for the sums of a large convolution, while a coordinate is one product and one sum.
pub(super) const COORDINATE: f64 = 1.0 / 32.0;

/// Weights below this are what rounding leaves of 0.
const NEGLIGIBLE: f64 = 1e-9;

/// The pixels that one output row (column) is computed from.
pub(super) struct Taps {
    /// The first pixel with a weight.
    first: usize,
    /// The weights of this pixel and the following ones, which sum to 1.
    weights: Vec<f64>,
    /// How strongly the weights depend on the rounding of the coordinate: the coordinate over the filter's width, or 0
    /// if they do not depend on it.
    pub(super) sensitivity: f64,
}

impl Taps {
    /// The pixels with a weight, and their weights.
    pub(super) fn pixels(&self) -> impl Iterator<Item = (usize, f64)> {
        let given = self.weights.iter().enumerate().filter(|(_, weight)| **weight >= NEGLIGIBLE);
        given.map(|(i, weight)| (self.first + i, *weight))
    }

    /// The weight of pixel `i`; 0 if it has none.
    pub(super) fn weight(&self, i: usize) -> f64 {
        i.checked_sub(self.first).and_then(|i| self.weights.get(i)).copied().filter(|w| *w >= NEGLIGIBLE).unwrap_or(0.0)
    }

    /// The pixels with a weight and their neighbours, within `size` pixels.
    pub(super) fn reach(&self, size: usize) -> Range<usize> {
        self.first.saturating_sub(1)..(self.first + self.weights.len() + 1).min(size)
    }
}

/// The taps of every output row (`axis` 0) or column, for `size` input and `count` output pixels.
pub(super) fn taps(op: &Resize, axis: usize, size: usize, count: usize) -> Vec<Taps> {
    let (n, m) = (size as f64, count as f64);
    let step = op.step.map_or(n / m, |step| step[axis]);
    // PyTorch and TensorFlow divide in f32. For some sizes f64 would select another pixel.
    let step_f32 = op.step.map_or(size as f32 / count as f32, |step| step[axis] as f32);
    let pixel = |coordinate: f32| {
        let first = (coordinate.floor() as usize).min(size - 1);
        Taps { first, weights: vec![1.0], sensitivity: 0.0 }
    };
    let taps = |o: usize| match op.interpolation {
        Interpolation::Nearest => pixel(o as f32 * step_f32),
        Interpolation::NearestExact => pixel((o as f32 + 0.5) * step_f32),
        Interpolation::Bilinear(coordinates) => {
            let o = o as f64;
            let coordinate = match coordinates {
                Coordinates::HalfPixel => (o + 0.5) * step - 0.5,
                Coordinates::AlignCorners if count == 1 => 0.0,
                Coordinates::AlignCorners => o * (n - 1.0) / (m - 1.0),
                Coordinates::Asymmetric => o * step,
            };
            bilinear(coordinate.clamp(0.0, n - 1.0), size)
        }
        Interpolation::BilinearAntialias => antialias((o as f64 + 0.5) * step, step.max(1.0), size),
    };
    (0..count).map(taps).collect()
}

/// The two pixels around `coordinate`, weighted by nearness; `coordinate` lies in `0 ..= size-1`.
fn bilinear(coordinate: f64, size: usize) -> Taps {
    let first = coordinate.floor() as usize;
    let fraction = coordinate - coordinate.floor();
    let weights = if first + 1 < size { vec![1.0 - fraction, fraction] } else { vec![1.0] };
    Taps { first, weights, sensitivity: coordinate }
}

/// All pixels `j` with a positive weight `1 - |j + 0.5 - center| / support`, normalised. `center` is measured from the
/// image's edge. If it is beyond the image, the last pixel is taken.
fn antialias(center: f64, support: f64, size: usize) -> Taps {
    let first = ((center - support + 0.5).max(0.0).floor() as usize).min(size - 1);
    let end = ((center + support + 0.5).floor() as usize).clamp(first + 1, size);
    let weight = |j: usize| (1.0 - ((j as f64 + 0.5 - center) / support).abs()).max(0.0);
    let mut weights: Vec<f64> = (first..end).map(weight).collect();
    let sum: f64 = weights.iter().sum();
    if sum > 0.0 {
        weights.iter_mut().for_each(|w| *w /= sum);
    } else {
        weights = vec![1.0];
    }
    Taps { first, weights, sensitivity: center / support }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_add_up_to_one_for_any_size() {
        for interpolation in [
            Interpolation::Nearest,
            Interpolation::NearestExact,
            Interpolation::BilinearAntialias,
            Interpolation::Bilinear(Coordinates::HalfPixel),
            Interpolation::Bilinear(Coordinates::AlignCorners),
            Interpolation::Bilinear(Coordinates::Asymmetric),
        ] {
            for step in [None, Some([0.3, 0.3]), Some([5.0, 5.0])] {
                for (size, count) in (1..12).flat_map(|n| (1..30).map(move |m| (n, m))) {
                    let op = Resize { h: count, w: count, interpolation, step };
                    for tap in taps(&op, 0, size, count) {
                        assert!((tap.weights.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{op:?} of {size}");
                        assert!(tap.first + tap.weights.len() <= size, "{op:?} of {size}");
                    }
                }
            }
        }
    }
}
