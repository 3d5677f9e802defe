//! Functions of labels. Labels are one u32 per pixel, or per sample as a `1×1` image.

use crate::op::check;
use crate::op::definition::Definition;
use crate::{Shape, TensorType};

use super::class_weights;

/// 1 in the channel of the label, 0 in the others. All channels are 0 for the ignored label and for labels of `classes`
/// and above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OneHot {
    /// Channels of the result.
    pub classes: usize,
    /// A label that is ignored, even if it is below `classes`.
    pub ignore: Option<u32>,
}

impl Definition for OneHot {
    fn name(&self) -> &'static str {
        "one_hot"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let labels = check_labels(self.classes, inputs[0].shape)?;
        Ok(TensorType::image(Shape { c: self.classes, ..labels }))
    }

    fn attributes(&self) -> String {
        format!("classes {}", self.classes)
    }

    fn stores(&self, _input: usize) -> bool {
        false
    }

    fn takes_map(&self, input: usize) -> bool {
        input == 0
    }
}

/// The class weight of each label, or 1 without class weights; 0 for the ignored label and for labels of `classes` and
/// above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LabelWeight {
    /// Number of classes.
    pub classes: usize,
    /// A label that is ignored, even if it is below `classes`.
    pub ignore: Option<u32>,
}

impl Definition for LabelWeight {
    fn name(&self) -> &'static str {
        "label_weight"
    }

    fn arity(&self) -> (usize, usize) {
        (1, 2)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        class_weights::check(inputs.get(1), self.classes)?;
        check_labels(self.classes, inputs[0].shape).map(TensorType::image)
    }

    fn attributes(&self) -> String {
        format!("classes {}", self.classes)
    }

    fn stores(&self, _input: usize) -> bool {
        false
    }

    fn takes_map(&self, input: usize) -> bool {
        input == 0
    }
}

fn check_labels(classes: usize, labels: Shape) -> Result<Shape, String> {
    if classes == 0 {
        return Err("there must be at least one class".to_owned());
    }
    check::shape("the labels", labels, Shape { c: 1, ..labels })?;
    Ok(labels)
}
