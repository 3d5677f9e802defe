//! Cross-entropy and its gradient.

use atrous_graph::Shape;
use atrous_graph::op::{CrossEntropy, CrossEntropyGrad, LogSoftmax, Softmax};

use crate::Tensor;
use crate::reference::Reference;

use super::labels::class;

/// The weight of each term `-ln p[c]` in a pixel's loss: `(1-ε) w[t]` for the label `t`, plus `ε/C w[c]` for every
/// class.
fn shares(op: &CrossEntropy, t: usize, classes: usize, weights: Option<&Tensor>) -> Vec<f64> {
    let weight = |c: usize| weights.map_or(1.0, |w| w.data[c]);
    let smoothing = f64::from(op.smoothing);
    let all = |c: usize| if smoothing == 0.0 { 0.0 } else { smoothing / classes as f64 * weight(c) };
    let mut shares: Vec<f64> = (0..classes).map(all).collect();
    shares[t] += (1.0 - smoothing) * weight(t);
    shares
}

/// `Σ_c share[c] * term[n,y,x,c]` over the shares that are not zero, for every pixel with a valid label, else 0.
fn weigh(op: &CrossEntropy, terms: &Tensor, labels: &Tensor, weights: Option<&Tensor>) -> Tensor {
    let classes = terms.shape.c;
    Tensor::from_fn(Shape { c: 1, ..terms.shape }, |n, y, x, _| {
        class(labels.at(n, y, x, 0), classes, op.ignore).map_or(0.0, |t| {
            let shares = shares(op, t, classes, weights);
            terms
                .pixel(n, y, x)
                .iter()
                .zip(shares)
                .filter(|(_, share)| *share != 0.0)
                .map(|(term, share)| term * share)
                .sum()
        })
    })
}

impl Reference for CrossEntropy {
    /// `(1-ε) w[t] * -ln p[t] + ε/C Σ_c w[c] * -ln p[c]`, `p` the softmax; 0 for labels that do not count.
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        let terms = LogSoftmax.evaluate(&inputs[..1], inputs[0].shape).map(|v| -v);
        weigh(self, &terms, inputs[1], inputs.get(2).copied())
    }

    /// The same sum of absolute weights times the error scale of the log-softmax.
    fn magnitude(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        let weights = inputs.get(2).map(|w| w.abs());
        let terms = LogSoftmax.magnitude(&inputs[..1], inputs[0].shape);
        weigh(self, &terms, inputs[1], weights.as_ref())
    }
}

impl Reference for CrossEntropyGrad {
    /// `dy * (p[c] * Σ_j share[j] - share[c])`, the share of class `c` in the pixel's loss being
    /// `(1-ε) w[t] [c = t] + ε/C w[c]`; 0 for labels that do not count.
    fn evaluate(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let (labels, dy, weights) = (inputs[1], inputs[2], inputs.get(3).copied());
        let p = Softmax.evaluate(&inputs[..1], output);
        grad(&self.0, &p, labels, dy, weights, |all, own| all - own)
    }

    /// `|dy| * (m[c] * Σ_j |share[j]| + |share[c]|)`, `m` the error scale of the softmax.
    fn magnitude(&self, inputs: &[&Tensor], output: Shape) -> Tensor {
        let (labels, dy, weights) = (inputs[1], inputs[2].abs(), inputs.get(3).map(|w| w.abs()));
        let m = Softmax.magnitude(&inputs[..1], output);
        grad(&self.0, &m, labels, &dy, weights.as_ref(), |all, own| all + own)
    }
}

/// How strongly the loss of each pixel may depend on each logit: `p[c] * Σ_j |share[j]| + |share[c]|`, an upper bound
/// of the absolute derivative.
pub(super) fn slopes(op: &CrossEntropy, inputs: &[&Tensor]) -> Tensor {
    let weights = inputs.get(2).map(|w| w.abs());
    let ones = inputs[1].map(|_| 1.0);
    let p = Softmax.evaluate(&inputs[..1], inputs[0].shape);
    grad(op, &p, inputs[1], &ones, weights.as_ref(), |all, own| all + own)
}

/// `|dy| * p[c] * Σ_j |share[j]|`: the error of the gradient if `p` are the errors of the probabilities.
pub(super) fn times_shares(op: &CrossEntropy, p: &Tensor, inputs: &[&Tensor]) -> Tensor {
    let (labels, dy, weights) = (inputs[1], inputs[2].abs(), inputs.get(3).map(|w| w.abs()));
    grad(op, p, labels, &dy, weights.as_ref(), |all, _| all)
}

fn grad(
    op: &CrossEntropy,
    p: &Tensor,
    labels: &Tensor,
    dy: &Tensor,
    weights: Option<&Tensor>,
    combine: impl Fn(f64, f64) -> f64 + Sync,
) -> Tensor {
    let classes = p.shape.c;
    Tensor::from_rows(p.shape, |n, y, row| {
        for (x, pixel) in row.chunks_exact_mut(classes).enumerate() {
            let Some(t) = class(labels.at(n, y, x, 0), classes, op.ignore) else { continue };
            let shares = shares(op, t, classes, weights);
            let sum: f64 = shares.iter().sum();
            for (c, result) in pixel.iter_mut().enumerate() {
                *result = dy.at(n, y, x, 0) * combine(p.at(n, y, x, c) * sum, shares[c]);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four pixels of two classes with probabilities 1/4, 3/4. Labels are 0, 1, one out of range and the largest u32.
    fn pixels() -> (Tensor, Tensor) {
        let logits = [0.0, 3f64.ln()].repeat(4);
        let labels = Tensor::from_u32(Shape::new(1, 1, 4, 1), &[0, 1, 2, u32::MAX]);
        (Tensor::new(Shape::new(1, 1, 4, 2), logits), labels)
    }

    #[track_caller]
    fn close(got: &Tensor, want: &[f64]) {
        let near = got.data.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-15 * w.abs().max(1.0));
        assert!(near && got.data.len() == want.len(), "{got:?}, not {want:?}");
    }

    #[test]
    fn losses_of_known_probabilities() {
        let (logits, labels) = pixels();
        let (l0, l1) = (4f64.ln(), (4f64 / 3.0).ln());
        let loss =
            |ignore, smoothing, inputs: &[&Tensor]| CrossEntropy { ignore, smoothing }.evaluate(inputs, labels.shape);
        close(&loss(None, 0.0, &[&logits, &labels]), &[l0, l1, 0.0, 0.0]);
        close(&loss(Some(1), 0.0, &[&logits, &labels]), &[l0, 0.0, 0.0, 0.0]);
        let weights = Tensor::channels(&[2.0, 3.0]);
        let all = 0.25 * (2.0 * l0 + 3.0 * l1);
        close(&loss(None, 0.5, &[&logits, &labels, &weights]), &[0.5 * 2.0 * l0 + all, 0.5 * 3.0 * l1 + all, 0.0, 0.0]);
    }

    #[test]
    fn gradients_of_known_probabilities() {
        let (logits, labels) = pixels();
        let dy = Tensor::new(labels.shape, vec![1.0, 2.0, 3.0, 4.0]);
        let plain = CrossEntropy { ignore: None, smoothing: 0.0 };
        let want = [-0.75, 0.75, 0.5, -0.5, 0.0, 0.0, 0.0, 0.0];
        close(&CrossEntropyGrad(plain).evaluate(&[&logits, &labels, &dy], logits.shape), &want);
        // Shares of label 0: 0.5*2 + 0.5/2*2 and 0.5/2*3.
        let (smooth, weights) = (CrossEntropy { ignore: Some(1), smoothing: 0.5 }, Tensor::channels(&[2.0, 3.0]));
        let dx = CrossEntropyGrad(smooth).evaluate(&[&logits, &labels, &dy, &weights], logits.shape);
        close(&dx, &[0.25 * 2.25 - 1.5, 0.75 * 2.25 - 0.75, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }
}
