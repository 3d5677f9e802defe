//! Interpolation and its gradient.

use atrous_graph::Shape;
use atrous_graph::op::{Interpolation, Resize, ResizeGrad};

use crate::Tensor;
use crate::reference::{Reference, on_absolutes};

use super::taps::{COORDINATE, Taps, taps};

impl Reference for Resize {
    /// `Σ wy[oy,iy] wx[ox,ix] x[n,iy,ix,c]`
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let x = inputs[0];
        let rows = taps(self, 0, x.shape.h, output.h);
        let columns = taps(self, 1, x.shape.w, output.w);
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

    /// `resize(|x|) + COORDINATE * (sy + sx) * max |x|`, where `s` is the [`Taps::sensitivity`] of the axis. The
    /// maximum is over the pixels with a weight and their neighbours, which a rounded coordinate can reach. Zero for
    /// nearest neighbour.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let x = inputs[0];
        match self.interpolation {
            Interpolation::Nearest | Interpolation::NearestExact => return Tensor::zeros(output),
            Interpolation::Bilinear(_) | Interpolation::BilinearAntialias => {}
        }
        let rows = taps(self, 0, x.shape.h, output.h);
        let columns = taps(self, 1, x.shape.w, output.w);
        let interpolated = on_absolutes(self, inputs, output);
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
}

impl Reference for ResizeGrad {
    /// `dx[n,iy,ix,c] += wy[oy,iy] wx[ox,ix] dy[n,oy,ox,c]`
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        spread(self, inputs[0], output, |rows, columns, iy, ix| rows.weight(iy) * columns.weight(ix))
    }

    /// `Σ |dy| * (wy wx + COORDINATE * (sy wx + sx wy))`, where `s` is the [`Taps::sensitivity`] of the axis. The sum
    /// is over the results that the pixel contributes to, and those that it contributes to if a coordinate is rounded.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        spread(self, &inputs[0].abs(), output, |rows, columns, iy, ix| {
            let (wy, wx) = (rows.weight(iy), columns.weight(ix));
            wy * wx + COORDINATE * (rows.sensitivity * wx + columns.sensitivity * wy)
        })
    }
}

/// Adds every `dy` to each pixel in reach, times `factor`, a function of the taps of its row and column and of the
/// pixel.
fn spread(op: &ResizeGrad, dy: &Tensor, output: Shape, factor: impl Fn(&Taps, &Taps, usize, usize) -> f64) -> Tensor {
    let rows = taps(&op.resize, 0, output.h, dy.shape.h);
    let columns = taps(&op.resize, 1, output.w, dy.shape.w);
    let mut dx = Tensor::zeros(output);
    for n in 0..dy.shape.n {
        for (oy, row) in rows.iter().enumerate() {
            for (ox, column) in columns.iter().enumerate() {
                for (iy, ix) in row.reach(output.h).flat_map(|iy| column.reach(output.w).map(move |ix| (iy, ix))) {
                    let factor = factor(row, column, iy, ix);
                    if factor == 0.0 {
                        continue;
                    }
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
    use atrous_graph::op::Coordinates;

    use super::*;
    use crate::{Tolerance, compare};

    /// Resizes one row of pixels to `w` columns.
    #[track_caller]
    fn check(x: &[f64], interpolation: Interpolation, step: Option<f64>, want: &[f64]) {
        let op = Resize { h: 1, w: want.len(), interpolation, step: step.map(|s| [1.0, s]) };
        let x = Tensor::new(Shape::new(1, 1, x.len(), 1), x.to_vec());
        let got = op.evaluate(&[&x], Shape::new(1, 1, want.len(), 1)).data;
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
        let (want, scale) = (op.evaluate(&[&x], output), op.magnitude(&[&x], output));
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
}
