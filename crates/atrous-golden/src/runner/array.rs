//! Dense tensors in the order of the files: N×C×H×W.

use atrous_graph::Shape;

use super::CaseError;

/// A dense row-major f32 tensor.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Array {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f32>,
}

/// The [`Shape`] of an activation that the files store as `[n, c, h, w]`, `[n, c]` or `[c]`.
pub(super) fn image_shape(shape: &[usize]) -> Result<Shape, CaseError> {
    match *shape {
        [n, c, h, w] => Ok(Shape::new(n, h, w, c)),
        [n, c] => Ok(Shape::new(n, 1, 1, c)),
        [c] => Ok(Shape::channels(c)),
        _ => Err(CaseError::Unsupported(format!("a tensor of {} sides, {shape:?}", shape.len()))),
    }
}

/// From N×C×H×W to N×H×W×C.
pub(super) fn to_nhwc<T: Copy>(shape: Shape, nchw: &[T]) -> Vec<T> {
    let plane = shape.h * shape.w;
    let mut out = Vec::with_capacity(nchw.len());
    for n in 0..shape.n {
        for p in 0..plane {
            out.extend((0..shape.c).map(|c| nchw[(n * shape.c + c) * plane + p]));
        }
    }
    out
}

/// From N×H×W×C to N×C×H×W.
pub(super) fn to_nchw<T: Copy>(shape: Shape, nhwc: &[T]) -> Vec<T> {
    let plane = shape.h * shape.w;
    let mut out = Vec::with_capacity(nhwc.len());
    for n in 0..shape.n {
        for c in 0..shape.c {
            out.extend((0..plane).map(|p| nhwc[(n * plane + p) * shape.c + c]));
        }
    }
    out
}

/// Position of element `index` of a row-major tensor, as `[n, c, h, w]`.
pub(super) fn position(shape: &[usize], index: usize) -> Vec<usize> {
    let mut rest = index;
    let mut at: Vec<usize> = shape
        .iter()
        .rev()
        .map(|side| {
            let i = rest % side;
            rest /= side;
            i
        })
        .collect();
    at.reverse();
    at
}

/// Mean, standard deviation (of the population), minimum and maximum, computed in f64.
pub(super) fn statistics(values: &[f32]) -> [f64; 4] {
    let n = values.len() as f64;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let variance = values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
    let min = values.iter().copied().fold(f32::INFINITY, f32::min);
    let max = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    [mean, variance.sqrt(), f64::from(min), f64::from(max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_inverse_and_positions_count_the_last_side_first() {
        let shape = Shape::new(2, 3, 4, 5);
        let nchw: Vec<usize> = (0..shape.len()).collect();
        let nhwc = to_nhwc(shape, &nchw);
        assert_eq!(nhwc[shape.index(1, 2, 3, 4)], nchw.len() - 1);
        assert_eq!(nhwc[shape.index(0, 1, 2, 3)], (3 * 3 + 1) * 4 + 2);
        assert_eq!(to_nchw(shape, &nhwc), nchw);
        assert_eq!(position(&[2, 5, 3, 4], (3 * 3 + 1) * 4 + 2), [0, 3, 1, 2]);
    }

    #[test]
    fn statistics_are_those_of_the_population() {
        assert_eq!(statistics(&[1.0, 3.0, 1.0, 3.0]), [2.0, 1.0, 1.0, 3.0]);
    }
}
