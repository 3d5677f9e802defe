//! The input pixels that an output pixel is computed from, and their weights, along one axis.

use std::ops::Range;

use atrous_graph::op::{Coordinates, Interpolation};

/// Weights below this are what rounding leaves of 0. A pixel of weight 0 is not read, since it may be infinite or NaN.
const NEGLIGIBLE: f64 = 1e-9;

/// The taps of one output row or column: the input rows or columns that it reads, in ascending order, with their
/// weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Taps(pub(crate) Vec<(usize, f32)>);

impl Taps {
    /// Inputs from `first` on, one for each weight.
    fn run(first: usize, weights: impl IntoIterator<Item = f32>) -> Self {
        Self((first..).zip(weights).collect())
    }

    /// The same weight for each of these inputs.
    pub(crate) fn equal(inputs: Range<usize>, weight: f32) -> Self {
        Self(inputs.map(|i| (i, weight)).collect())
    }

    /// From the first input to the last; `None` if there are no inputs.
    pub(crate) fn range(&self) -> Option<Range<usize>> {
        Some(self.0.first()?.0..self.0.last()?.0 + 1)
    }
}

/// The taps of the adjoint, for an axis of `n` inputs: the outputs that each input contributes to, with the same
/// weights.
pub(crate) fn transposed(outputs: &[Taps], n: usize) -> Vec<Taps> {
    let mut inputs = vec![Taps::default(); n];
    for (i, taps) in outputs.iter().enumerate() {
        for &(j, weight) in &taps.0 {
            inputs[j].0.push((i, weight));
        }
    }
    inputs
}

/// From the first row that any of these reads to the last; the first row if none reads any.
pub(crate) fn hull(taps: impl Iterator<Item = Taps>) -> Range<usize> {
    taps.filter_map(|t| t.range()).reduce(|a, b| a.start.min(b.start)..a.end.max(b.end)).unwrap_or(0..1)
}

/// An axis of `n` input and `m` output pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis {
    pub(crate) n: usize,
    pub(crate) m: usize,
    /// Input pixels per output pixel, if this is not `n / m`.
    pub(crate) step: Option<f64>,
}

impl Axis {
    fn step(&self) -> f64 {
        self.step.unwrap_or(self.n as f64 / self.m as f64)
    }

    fn step_f32(&self) -> f32 {
        self.step.map_or(self.n as f32 / self.m as f32, |s| s as f32)
    }

    /// The taps of output pixel `i`.
    pub(crate) fn taps(&self, interpolation: Interpolation, i: usize) -> Taps {
        match interpolation {
            // In f32 as in PyTorch: for some sizes f64 selects another pixel.
            Interpolation::Nearest => self.single((i as f32 * self.step_f32()).floor() as usize),
            Interpolation::NearestExact => self.single(((i as f32 + 0.5) * self.step_f32()).floor() as usize),
            Interpolation::Bilinear(coordinates) => self.bilinear(coordinates, i),
            Interpolation::BilinearAntialias => self.triangle(i),
        }
    }

    fn single(&self, at: usize) -> Taps {
        Taps::run(at.min(self.n - 1), [1.0])
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
        match share {
            share if share < NEGLIGIBLE => self.single(first),
            share if share > 1.0 - NEGLIGIBLE => self.single(first + 1),
            share => Taps::run(first, [(1.0 - share) as f32, share as f32]),
        }
    }

    /// A normalised triangle around the output pixel's centre. Its half-width is one step, but at least one pixel.
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
        let shares = (first..end).map(|j| (j, weight(j) / sum)).filter(|(_, share)| *share >= NEGLIGIBLE);
        Taps(shares.map(|(j, share)| (j, share as f32)).collect())
    }

    /// The mean over bin `i` of `m`.
    pub(crate) fn bin(&self, i: usize) -> Taps {
        let first = i * self.n / self.m;
        let end = ((i + 1) * self.n).div_ceil(self.m);
        Taps::equal(first..end, (1.0 / (end - first) as f64) as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn axis(n: usize, m: usize) -> Axis {
        Axis { n, m, step: None }
    }

    fn taps(first: usize, weights: &[f32]) -> Taps {
        Taps::run(first, weights.iter().copied())
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
        assert_eq!(edge.0[0].0, 0);
        assert!((edge.0.iter().map(|tap| tap.1).sum::<f32>() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn bins_cover_the_axis() {
        assert_eq!(axis(7, 3).bin(1), taps(2, &[1.0 / 3.0; 3]));
        assert_eq!(axis(7, 3).bin(2).range(), Some(4..7));
        assert_eq!(axis(2, 3).bin(1).range(), Some(0..2));
    }

    #[test]
    fn transposed_taps_are_what_each_input_gives() {
        // Three pixels to five with aligned corners: the middle one contributes to its own output and, by half, to
        // those beside it.
        let aligned: Vec<Taps> =
            (0..5).map(|i| axis(3, 5).taps(Interpolation::Bilinear(Coordinates::AlignCorners), i)).collect();
        assert_eq!(transposed(&aligned, 3)[1], taps(1, &[0.5, 1.0, 0.5]));
        // Every second pixel of four is dropped.
        let dropped: Vec<Taps> = (0..2).map(|i| axis(4, 2).taps(Interpolation::Nearest, i)).collect();
        let given = transposed(&dropped, 4);
        assert_eq!(given, [taps(0, &[1.0]), Taps::default(), taps(1, &[1.0]), Taps::default()]);
        assert_eq!(given[1].range(), None);
    }
}
