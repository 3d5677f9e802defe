//! Interpolation. Rows and columns are independent, so a resize is a list of weighted pixels for each axis.

use std::ops::Range;

use atrous_graph::Shape;
use atrous_graph::op::{Coordinates, Interpolation, Resize, ResizeGrad};

use crate::Tensor;

/// How many roundings of its coordinate a weight may show, in units of those [`magnitude`] stands for. A coordinate
/// is one product and one sum, a magnitude allows for the sums of a large convolution.
const COORDINATE: f64 = 1.0 / 32.0;

/// Where one output row (column) comes from.
struct Taps {
    /// The first pixel that counts.
    first: usize,
    /// The weight of it and the following ones; they add up to 1.
    weights: Vec<f64>,
    /// By how much the weights change with the rounding of the coordinate: the coordinate over the filter's width, or
    /// 0 if they do not depend on it.
    sensitivity: f64,
}

impl Taps {
    /// The pixels that count, with their weights.
    fn pixels(&self) -> impl Iterator<Item = (usize, f64)> {
        self.weights.iter().enumerate().map(|(i, weight)| (self.first + i, *weight))
    }

    /// The weight of pixel `i`.
    fn weight(&self, i: usize) -> f64 {
        i.checked_sub(self.first).and_then(|i| self.weights.get(i)).copied().unwrap_or(0.0)
    }

    /// The pixels that count and their neighbours, of `size` pixels.
    fn reach(&self, size: usize) -> Range<usize> {
        self.first.saturating_sub(1)..(self.first + self.weights.len() + 1).min(size)
    }
}

/// The taps of every output row (`axis` 0) or column, for `size` input and `count` output pixels.
fn taps(op: &Resize, axis: usize, size: usize, count: usize) -> Vec<Taps> {
    let (n, m) = (size as f64, count as f64);
    let step = op.step.map_or(n / m, |step| step[axis]);
    // PyTorch and TensorFlow divide in f32, which for some sizes picks another pixel than f64 does.
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

/// All pixels `j` with a weight `1 - |j + 0.5 - center| / support` above zero, normalised. `center` is measured from
/// the image's edge. A centre beyond the image takes the last pixel.
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

/// `Σ wy[oy,iy] wx[ox,ix] x[n,iy,ix,c]`
pub(crate) fn resize(op: &Resize, x: &Tensor, output: Shape) -> Tensor {
    let rows = taps(op, 0, x.shape.h, output.h);
    let columns = taps(op, 1, x.shape.w, output.w);
    Tensor::from_rows(output, |n, oy, row| {
        for (ox, pixel) in row.chunks_exact_mut(output.c).enumerate() {
            for (iy, wy) in rows[oy].pixels() {
                for (ix, wx) in columns[ox].pixels() {
                    for (sum, value) in pixel.iter_mut().zip(x.pixel(n, iy, ix)) {
                        *sum += wy * wx * value;
                    }
                }
            }
        }
    })
}

/// `resize(|x|) + COORDINATE * (sy + sx) * max |x|`, where `s` is the [`Taps::sensitivity`] of the axis and the
/// maximum is over the pixels that count and their neighbours, which a rounded coordinate can reach. Zero for nearest
/// neighbour.
pub(crate) fn magnitude(op: &Resize, x: &Tensor, output: Shape) -> Tensor {
    match op.interpolation {
        Interpolation::Nearest | Interpolation::NearestExact => return Tensor::zeros(output),
        Interpolation::Bilinear(_) | Interpolation::BilinearAntialias => {}
    }
    let rows = taps(op, 0, x.shape.h, output.h);
    let columns = taps(op, 1, x.shape.w, output.w);
    let interpolated = resize(op, &x.abs(), output);
    Tensor::from_rows(output, |n, oy, row| {
        for (ox, pixel) in row.chunks_exact_mut(output.c).enumerate() {
            for iy in rows[oy].reach(x.shape.h) {
                for ix in columns[ox].reach(x.shape.w) {
                    for (largest, value) in pixel.iter_mut().zip(x.pixel(n, iy, ix)) {
                        *largest = largest.max(value.abs());
                    }
                }
            }
            let sensitivity = COORDINATE * (rows[oy].sensitivity + columns[ox].sensitivity);
            for (result, sum) in pixel.iter_mut().zip(interpolated.pixel(n, oy, ox)) {
                *result = sum + sensitivity * *result;
            }
        }
    })
}

/// `dx[n,iy,ix,c] += wy[oy,iy] wx[ox,ix] dy[n,oy,ox,c]`
pub(crate) fn resize_grad(op: &ResizeGrad, dy: &Tensor, output: Shape) -> Tensor {
    spread(op, dy, output, |rows, columns, iy, ix| rows.weight(iy) * columns.weight(ix))
}

/// `Σ |dy| * (wy wx + COORDINATE * (sy wx + sx wy))`, where `s` is the [`Taps::sensitivity`] of the axis, over the results
/// that the pixel counts for, and those that it counts for if a coordinate is rounded.
pub(crate) fn grad_magnitude(op: &ResizeGrad, dy: &Tensor, output: Shape) -> Tensor {
    spread(op, &dy.abs(), output, |rows, columns, iy, ix| {
        let (wy, wx) = (rows.weight(iy), columns.weight(ix));
        wy * wx + COORDINATE * (rows.sensitivity * wx + columns.sensitivity * wy)
    })
}

/// Adds every `dy`, times `factor` of its taps, a row and a column, to each pixel in reach.
fn spread(op: &ResizeGrad, dy: &Tensor, output: Shape, factor: impl Fn(&Taps, &Taps, usize, usize) -> f64) -> Tensor {
    let rows = taps(&op.resize, 0, output.h, dy.shape.h);
    let columns = taps(&op.resize, 1, output.w, dy.shape.w);
    let mut dx = Tensor::zeros(output);
    for n in 0..dy.shape.n {
        for (oy, row) in rows.iter().enumerate() {
            for (ox, column) in columns.iter().enumerate() {
                for (iy, ix) in row.reach(output.h).flat_map(|iy| column.reach(output.w).map(move |ix| (iy, ix))) {
                    let factor = factor(row, column, iy, ix);
                    for (c, value) in dy.pixel(n, oy, ox).iter().enumerate() {
                        dx.data[output.index(n, iy, ix, c)] += factor * value;
                    }
                }
            }
        }
    }
    dx
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Tolerance, compare};

    /// Resizes one row of pixels to `w` columns.
    #[track_caller]
    fn check(x: &[f64], interpolation: Interpolation, step: Option<f64>, want: &[f64]) {
        let op = Resize { h: 1, w: want.len(), interpolation, step: step.map(|s| [1.0, s]) };
        let x = Tensor::new(Shape::new(1, 1, x.len(), 1), x.to_vec());
        let got = resize(&op, &x, Shape::new(1, 1, want.len(), 1)).data;
        let close = got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-12);
        assert!(close && got.len() == want.len(), "{interpolation:?}: {got:?}, not {want:?}");
    }

    #[test]
    fn bilinear_coordinates() {
        let half = Interpolation::Bilinear(Coordinates::HalfPixel);
        let align = Interpolation::Bilinear(Coordinates::AlignCorners);
        let asymmetric = Interpolation::Bilinear(Coordinates::Asymmetric);
        check(&[0.0, 4.0], half, None, &[0.0, 1.0, 3.0, 4.0]);
        check(&[0.0, 4.0, 8.0, 20.0], half, None, &[2.0, 14.0]);
        check(&[0.0, 3.0], align, None, &[0.0, 1.0, 2.0, 3.0]);
        check(&[5.0, 3.0], align, None, &[5.0]);
        check(&[0.0, 4.0], asymmetric, None, &[0.0, 2.0, 4.0, 4.0]);
        check(&[7.0], half, None, &[7.0, 7.0, 7.0]);
    }

    #[test]
    fn a_given_step_replaces_the_ratio() {
        let half = Interpolation::Bilinear(Coordinates::HalfPixel);
        // Coordinates 0.5*0.4-0.5 < 0, 0.1, 0.5, 0.9.
        check(&[0.0, 10.0], half, Some(0.4), &[0.0, 1.0, 5.0, 9.0]);
        check(&[1.0, 2.0, 3.0], Interpolation::Nearest, Some(0.4), &[1.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 3.0, 3.0]);
    }

    #[test]
    fn nearest_neighbours() {
        check(&[1.0, 2.0, 3.0], Interpolation::Nearest, None, &[1.0, 1.0, 2.0, 2.0, 3.0]);
        check(&[1.0, 2.0, 3.0, 4.0, 5.0], Interpolation::Nearest, None, &[1.0, 2.0, 4.0]);
        check(&[1.0, 2.0, 3.0, 4.0, 5.0], Interpolation::NearestExact, None, &[1.0, 3.0, 5.0]);
        // 41 * 2/82 is 1, but the quotient and the product in f32 stay below.
        let mut halves = [1.0; 82];
        halves[42..].fill(2.0);
        check(&[1.0, 2.0], Interpolation::Nearest, None, &halves);
    }

    #[test]
    fn antialias_is_bilinear_up_and_a_wide_triangle_down() {
        check(&[0.0, 4.0], Interpolation::BilinearAntialias, None, &[0.0, 1.0, 3.0, 4.0]);
        // Centre 1, support 2: pixels 0, 1, 2 weigh 0.75, 0.75, 0.25, and mirrored.
        check(&[7.0, 14.0, 0.0, 21.0], Interpolation::BilinearAntialias, None, &[9.0, 11.0]);
        check(&[1.0, 2.0, 6.0], Interpolation::BilinearAntialias, None, &[20.0 / 7.0]);
    }

    /// The true error of weights computed in f32 stays within the tolerance, a shift by 1 % of a pixel does not.
    #[test]
    fn magnitude_covers_rounded_coordinates_and_no_more() {
        let x = Tensor::new(Shape::new(1, 1, 500, 1), (0..500).map(|i| f64::from(i % 2)).collect());
        let output = Shape::new(1, 1, 1201, 1);
        let op = Resize::bilinear(1, 1201, Coordinates::HalfPixel);
        let (want, scale) = (resize(&op, &x, output), magnitude(&op, &x, output));
        let sample = |at: f32| {
            let at = at.clamp(0.0, 499.0);
            let (first, fraction) = (at as usize, at.fract());
            let value = |i: usize| x.data[i.min(499)] as f32;
            value(first) * (1.0 - fraction) + value(first + 1) * fraction
        };
        let shifted = |shift: f32| -> Vec<f32> {
            (0..1201).map(|o| sample((o as f32 + 0.5) * (500.0 / 1201.0) - 0.5 + shift)).collect()
        };
        assert_eq!(compare(&shifted(0.0), &want, &scale, Tolerance::F32), Ok(()));
        assert!(compare(&shifted(0.01), &want, &scale, Tolerance::F32).is_err());
    }

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
