//! Which input pixels make an output pixel, and with what weights, along one axis.

use std::ops::Range;

use atrous_graph::op::{Coordinates, Interpolation};

/// One output row or column: the input rows or columns from `first` on, one for each weight.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Taps {
    pub(super) first: usize,
    pub(super) weights: Vec<f32>,
}

impl Taps {
    /// The inputs it reads.
    pub(super) fn range(&self) -> Range<usize> {
        self.first..self.first + self.weights.len()
    }
}

/// An axis of `n` input and `m` output pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub(super) n: usize,
    pub(super) m: usize,
    /// Input pixels per output pixel where it is not `n / m`.
    pub(super) step: Option<f64>,
}

impl Axis {
    fn step(&self) -> f64 {
        self.step.unwrap_or(self.n as f64 / self.m as f64)
    }

    fn step_f32(&self) -> f32 {
        self.step.map_or(self.n as f32 / self.m as f32, |s| s as f32)
    }

    /// The taps of output pixel `i`.
    pub(super) fn taps(&self, interpolation: Interpolation, i: usize) -> Taps {
        match interpolation {
            // In f32, as PyTorch has it: for some sizes f64 picks another pixel.
            Interpolation::Nearest => self.single((i as f32 * self.step_f32()).floor() as usize),
            Interpolation::NearestExact => self.single(((i as f32 + 0.5) * self.step_f32()).floor() as usize),
            Interpolation::Bilinear(coordinates) => self.bilinear(coordinates, i),
            Interpolation::BilinearAntialias => self.triangle(i),
        }
    }

    fn single(&self, at: usize) -> Taps {
        Taps { first: at.min(self.n - 1), weights: vec![1.0] }
    }

    fn bilinear(&self, coordinates: Coordinates, i: usize) -> Taps {
        let at = match coordinates {
            Coordinates::HalfPixel => (i as f64 + 0.5) * self.step() - 0.5,
            Coordinates::AlignCorners if self.m == 1 => 0.0,
            Coordinates::AlignCorners => i as f64 * (self.n - 1) as f64 / (self.m - 1) as f64,
            Coordinates::Asymmetric => i as f64 * self.step(),
        };
        let at = at.clamp(0.0, (self.n - 1) as f64);
        let (first, share) = (at.floor() as usize, at - at.floor());
        if share == 0.0 {
            return self.single(first);
        }
        Taps { first, weights: vec![(1.0 - share) as f32, share as f32] }
    }

    /// A triangle as wide as two steps, at least two pixels, around the output pixel's centre; normalised.
    fn triangle(&self, i: usize) -> Taps {
        let width = self.step().max(1.0);
        let centre = (i as f64 + 0.5) * self.step();
        let first = (centre - width + 0.5).max(0.0) as usize;
        let end = ((centre + width + 0.5).max(0.0) as usize).min(self.n);
        let weight = |j: usize| (1.0 - ((j as f64 + 0.5 - centre) / width).abs()).max(0.0);
        let sum: f64 = (first..end).map(weight).sum();
        if sum == 0.0 {
            return self.single(first);
        }
        Taps { first, weights: (first..end).map(|j| (weight(j) / sum) as f32).collect() }
    }

    /// The mean over bin `i` of `m`.
    pub(super) fn bin(&self, i: usize) -> Taps {
        let first = i * self.n / self.m;
        let end = ((i + 1) * self.n).div_ceil(self.m);
        Taps { first, weights: vec![(1.0 / (end - first) as f64) as f32; end - first] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn axis(n: usize, m: usize) -> Axis {
        Axis { n, m, step: None }
    }

    fn taps(first: usize, weights: &[f32]) -> Taps {
        Taps { first, weights: weights.to_vec() }
    }

    #[test]
    fn bilinear_coordinates() {
        let half = Interpolation::Bilinear(Coordinates::HalfPixel);
        assert_eq!(axis(2, 4).taps(half, 0), taps(0, &[1.0]));
        assert_eq!(axis(2, 4).taps(half, 1), taps(0, &[0.75, 0.25]));
        assert_eq!(axis(2, 4).taps(half, 3), taps(1, &[1.0]));
        let aligned = Interpolation::Bilinear(Coordinates::AlignCorners);
        assert_eq!(axis(3, 5).taps(aligned, 1), taps(0, &[0.5, 0.5]));
        assert_eq!(axis(3, 5).taps(aligned, 4), taps(2, &[1.0]));
        assert_eq!(axis(3, 1).taps(aligned, 0), taps(0, &[1.0]));
        let asymmetric = Interpolation::Bilinear(Coordinates::Asymmetric);
        assert_eq!(axis(2, 4).taps(asymmetric, 1), taps(0, &[0.5, 0.5]));
        assert_eq!(axis(2, 4).taps(asymmetric, 3), taps(1, &[1.0]));
    }

    #[test]
    fn nearest_rounds_down_in_single_precision() {
        assert_eq!(axis(4, 2).taps(Interpolation::Nearest, 1), taps(2, &[1.0]));
        assert_eq!(axis(4, 2).taps(Interpolation::NearestExact, 0), taps(1, &[1.0]));
        let scaled = Axis { n: 4, m: 9, step: Some(0.5) };
        assert_eq!(scaled.taps(Interpolation::Nearest, 8), taps(3, &[1.0]));
    }

    #[test]
    fn antialias_weights_are_those_of_a_triangle() {
        // Six pixels to three: a triangle of half-width 2 around 1, 3, 5.
        assert_eq!(axis(6, 3).taps(Interpolation::BilinearAntialias, 1), taps(1, &[0.125, 0.375, 0.375, 0.125]));
        let edge = axis(6, 3).taps(Interpolation::BilinearAntialias, 0);
        assert_eq!(edge.first, 0);
        assert!((edge.weights.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn bins_cover_the_axis() {
        assert_eq!(axis(7, 3).bin(1), taps(2, &[1.0 / 3.0; 3]));
        assert_eq!(axis(7, 3).bin(2).range(), 4..7);
        assert_eq!(axis(2, 3).bin(1).range(), 0..2);
    }
}
