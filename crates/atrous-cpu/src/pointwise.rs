//! Functions of two elements, and repetition.

use atrous_graph::Shape;
use atrous_graph::op::Binary;

use crate::Tensor;

/// `x[n,y,x,c]`, the index of every side of 1 being 0.
fn repeated(t: &Tensor, at: [usize; 4]) -> f64 {
    let dims = t.shape.dims();
    let [n, y, x, c] = std::array::from_fn(|i| if dims[i] == 1 { 0 } else { at[i] });
    t.at(n, y, x, c)
}

/// See [`Binary`] for the formulas; sides of 1 are repeated.
pub(crate) fn binary(op: Binary, a: &Tensor, b: &Tensor, output: Shape) -> Tensor {
    Tensor::from_fn(output, |n, y, x, c| {
        let (a, b) = (repeated(a, [n, y, x, c]), repeated(b, [n, y, x, c]));
        match op {
            Binary::Add => a + b,
            Binary::Sub => a - b,
            Binary::Mul => a * b,
            Binary::DivNoNan => {
                if b == 0.0 {
                    0.0
                } else {
                    a / b
                }
            }
            Binary::Equal => f64::from(u8::from(a == b)),
        }
    })
}

/// Repeats the sides of 1 up to `output`.
pub(crate) fn broadcast(x: &Tensor, output: Shape) -> Tensor {
    Tensor::from_fn(output, |n, row, column, c| repeated(x, [n, row, column, c]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting() {
        let a = Tensor::new(Shape::new(2, 1, 2, 2), (1..=8).map(f64::from).collect());
        let per_channel = Tensor::channels(&[10.0, 20.0]);
        let per_sample = Tensor::new(Shape::new(2, 1, 1, 2), vec![1.0, 2.0, 3.0, 4.0]);
        let single = Tensor::new(Shape::new(1, 1, 2, 1), vec![1.0, -1.0]);
        let sum = binary(Binary::Add, &a, &per_channel, a.shape);
        assert_eq!(sum.data, [11.0, 22.0, 13.0, 24.0, 15.0, 26.0, 17.0, 28.0]);
        let product = binary(Binary::Mul, &per_sample, &a, a.shape);
        assert_eq!(product.data, [1.0, 4.0, 3.0, 8.0, 15.0, 24.0, 21.0, 32.0]);
        let difference = binary(Binary::Sub, &per_channel, &single, Shape::new(1, 1, 2, 2));
        assert_eq!(difference.data, [9.0, 19.0, 11.0, 21.0]);
    }
    #[test]
    fn division_by_zero_and_equality() {
        let (a, b) = (Tensor::channels(&[1.0, 0.0, 6.0, -2.0]), Tensor::channels(&[0.0, 0.0, -4.0, -2.0]));
        assert_eq!(binary(Binary::DivNoNan, &a, &b, a.shape).data, [0.0, 0.0, -1.5, 1.0]);
        assert_eq!(binary(Binary::Equal, &a, &b, a.shape).data, [0.0, 1.0, 0.0, 1.0]);
    }

    #[test]
    fn repetition() {
        let x = Tensor::new(Shape::new(2, 1, 1, 2), vec![1.0, 2.0, 3.0, 4.0]);
        assert_eq!(broadcast(&x, Shape::new(2, 1, 2, 2)).data, [1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0]);
        assert_eq!(broadcast(&Tensor::channels(&[7.0]), Shape::new(1, 2, 1, 2)).data, [7.0; 4]);
    }
}
