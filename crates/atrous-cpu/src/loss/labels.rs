//! Operations on labels.

use atrous_graph::Shape;
use atrous_graph::op::{LabelWeight, OneHot};

use crate::Tensor;
use crate::reference::Reference;

/// The class of a label, if it is one of `classes` and not the ignored one.
pub(super) fn class(label: f64, classes: usize, ignore: Option<u32>) -> Option<usize> {
    (label < classes as f64 && ignore.map(f64::from) != Some(label)).then_some(label as usize)
}

impl Reference for OneHot {
    /// 1 in the channel of the label; all 0 for labels that do not count.
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        inputs[0].map_pixels(self.classes, |label, result| {
            if let Some(t) = class(label[0], self.classes, self.ignore) {
                result[t] = 1.0;
            }
        })
    }

    fn magnitude(&self, _inputs: &[&Tensor], output: Shape) -> Tensor {
        Tensor::zeros(output)
    }

    fn range(&self) -> (f64, f64) {
        (0.0, 1.0)
    }
}

impl Reference for LabelWeight {
    /// `w[t]`, or 1 without weights; 0 for labels that do not count.
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        let weights = inputs.get(1);
        inputs[0]
            .map(|label| class(label, self.classes, self.ignore).map_or(0.0, |t| weights.map_or(1.0, |w| w.data[t])))
    }

    fn magnitude(&self, _inputs: &[&Tensor], output: Shape) -> Tensor {
        Tensor::zeros(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_do_not_count_are_nowhere() {
        let labels = Tensor::from_u32(Shape::new(1, 1, 4, 1), &[0, 1, 2, u32::MAX]);
        let one_hot = |classes, ignore| {
            let op = OneHot { classes, ignore };
            op.evaluate(&[&labels], Shape { c: classes, ..labels.shape }).data
        };
        let label_weight =
            |inputs: &[&Tensor], classes, ignore| LabelWeight { classes, ignore }.evaluate(inputs, labels.shape).data;
        assert_eq!(one_hot(3, Some(1)), [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!(label_weight(&[&labels], 2, None), [1.0, 1.0, 0.0, 0.0]);
        let weights = Tensor::channels(&[2.0, 3.0, 4.0]);
        assert_eq!(label_weight(&[&labels, &weights], 3, Some(0)), [0.0, 3.0, 4.0, 0.0]);
        assert_eq!(one_hot(2, Some(u32::MAX))[6..], [0.0, 0.0]);
    }
}
