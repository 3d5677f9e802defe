//! Comparison of a network's output shape with the shape that its info states.

use atrous_graph::Shape;
use atrous_nn::{Info, Model, Task};

use super::size;
use crate::predictor::recipe::Recipe;

/// If the network's output has another number of classes, or other pixels, than its info states: the shapes of image, stated output and
/// output.
pub(in crate::predictor) fn broken(recipe: &Recipe, model: &Model, info: &Info) -> Option<[Shape; 3]> {
    let (image, result) = (model.input_shape(), model.output_shape());
    let promised = match info.task {
        Task::Classification => Shape::new(image.n, 1, 1, info.classes),
        Task::Segmentation if result.c == info.classes && loses_only_a_border(recipe, image, result) => return None,
        Task::Segmentation => Shape { c: info.classes, ..image },
    };
    (result != promised).then_some([image, promised, result])
}

/// Whether the output only lacks a border, as of convolutions without padding: it then grows by as many pixels as the image. With strides
/// it would grow by fewer.
fn loses_only_a_border(recipe: &Recipe, image: Shape, result: Shape) -> bool {
    if (image.h, image.w) == (result.h, result.w) {
        return true;
    }
    let larger = Shape { h: image.h + size::STEP, w: image.w + size::STEP, ..image };
    match recipe.model(larger, |model| Ok(vec![model.output()])) {
        Ok(model) => {
            let grown = model.output_shape();
            (grown.h, grown.w) == (result.h + size::STEP, result.w + size::STEP)
        }
        // The network takes images of this size only.
        Err(_) => result.h < image.h && result.w < image.w,
    }
}
