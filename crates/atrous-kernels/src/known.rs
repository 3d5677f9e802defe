//! The kernel variants of all families by name.

use crate::error::PlanError;
use crate::target::Target;
use crate::variant::{Entry, find};
use crate::{conv, pointwise, reduce, resize};

/// The variants of each family, best first.
fn families() -> [Vec<&'static Entry>; 6] {
    [
        conv::forward::VARIANTS.entries(),
        conv::transposed::VARIANTS.entries(),
        conv::grad_weight::VARIANTS.entries(),
        pointwise::binary::VARIANTS.entries(),
        reduce::stages::VARIANTS.entries(),
        resize::tables::VARIANTS.entries(),
    ]
}

/// Finds a variant by name, for [`Target::variant`](crate::Target::variant).
///
/// # Errors
/// [`PlanError::UnknownVariant`] if no family has a variant of this name, with the names that come closest.
pub fn known_variant(name: &str) -> Result<&'static str, PlanError> {
    find(name, &families().concat()).map(|entry| entry.name)
}

/// Whether another variant can serve in place of this one: all but the last of each family.
pub fn is_replaceable(name: &str) -> bool {
    families().iter().any(|family| family.iter().rev().skip(1).any(|entry| entry.name == name))
}

/// Checks that the variant that a target asks for exists.
///
/// # Errors
/// As [`known_variant`].
pub(crate) fn check_asked(target: &Target) -> Result<(), PlanError> {
    target.variant.map_or(Ok(()), |name| known_variant(name).map(|_| ()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use atrous_graph::op::{
        Binary, Conv2d, Conv2dGradInput, Conv2dGradWeight, Coordinates, Gradient, Interpolation, Padding, Reduce,
        Resize,
    };
    use atrous_graph::{Graph, Layout, Op, Shape, TensorType};

    use super::*;
    use crate::plan::plan;
    use crate::{Limits, plan_node, variants};

    #[test]
    fn every_variant_has_a_name_of_its_own() {
        let mut names = BTreeSet::new();
        for entry in families().concat() {
            assert!(names.insert(entry.name), "two variants are called {}", entry.name);
            assert_eq!(known_variant(entry.name), Ok(entry.name));
        }
    }

    #[test]
    fn variants_beat_others_of_their_family() {
        for family in families() {
            let place = |entry: &Entry| family.iter().position(|other| std::ptr::eq(*other, entry));
            for entry in &family {
                for beaten in entry.beats.iter().chain(entry.beats_on_software) {
                    assert!(place(beaten).is_some(), "{} beats {}", entry.name, beaten.name);
                    let back = beaten.beats.iter().chain(beaten.beats_on_software);
                    assert!(back.copied().all(|other| !std::ptr::eq(other, *entry)), "{}", entry.name);
                }
            }
            let last = family.last().expect("every family has a last variant");
            assert!(last.beats.is_empty() && last.beats_on_software.is_empty() && last.tiles.is_empty());
        }
    }

    fn image(n: usize, h: usize, w: usize, c: usize) -> TensorType {
        TensorType::image(Shape::new(n, h, w, c))
    }

    #[test]
    fn a_name_that_no_family_knows_is_an_error() {
        let error = known_variant("gemm_titled").unwrap_err();
        assert!(matches!(&error, PlanError::UnknownVariant { name, .. } if name == "gemm_titled"));
        let text = "no kernel variant is named \"gemm_titled\"; similar names: gemm_tiled, gemm_split, ";
        assert!(error.to_string().starts_with(text), "{error}");
        assert_eq!(
            conv::tiles("gemm_titled").map_err(|e| e.to_string()[..text.len()].to_owned()),
            Err(text.to_owned())
        );
        assert!(conv::tiles("binary_equal").is_err(), "that is no convolution's");

        // For every operation, alone and in a graph.
        let target = Target { variant: Some("gemm_titled"), ..Target::new(Limits::WEBGPU, false) };
        let x = image(1, 5, 5, 8);
        assert_eq!(plan_node(&Op::Softmax, &[x], x, &target).map(|plan| plan.variant), Err(error.clone()));
        let mut graph = Graph::new();
        let input = graph.input("x", x.shape, x.dtype).unwrap();
        let filter = graph.parameter("w", Shape::new(1, 1, 8, 8), Layout::Filter).unwrap();
        let y = graph.add("y", Op::Conv2d(Conv2d::default()), &[input, filter]).unwrap();
        assert_eq!(plan(&graph, &[y], &target).map(|plan| plan.steps.len()), Err(error));
        // A target is for a whole network: it may name a variant of another family.
        let target = Target { variant: Some("taps"), ..target };
        let served = plan(&graph, &[y], &target).map(|plan| plan.steps[0].variant);
        assert_eq!(served, Ok("gemm_tiled"));
    }

    #[test]
    fn the_last_variant_serves_what_all_others_decline() {
        let conv = Conv2d { groups: 3, padding: Padding::symmetric(1, 1), ..Conv2d::default() };
        let (x, y, filter) = (image(1, 9, 9, 6), image(1, 9, 9, 9), TensorType::filter(Shape::new(3, 3, 2, 9)));
        let rough = Op::Resize(Resize { h: 3, w: 9, interpolation: Interpolation::BilinearAntialias, step: None });
        let cases = [
            (Op::Conv2d(conv), vec![x, filter]),
            (Op::Conv2dGradInput(Conv2dGradInput { conv, h: 9, w: 9 }), vec![y, filter]),
            (Op::Gradient(Gradient::Conv2dWeight(Conv2dGradWeight { conv, kernel: [3, 3] })), vec![x, y]),
            (Op::Binary(Binary::Add), vec![x, image(1, 9, 1, 6)]),
            (Op::Reduce(Reduce::MEAN_NHW), vec![image(1, 99, 99, 6)]),
            (rough, vec![x]),
        ];
        for ((op, inputs), family) in cases.into_iter().zip(families()) {
            let output = op.infer(&inputs).expect("a valid case");
            let plan = plan_node(&op, &inputs, output, &Target::new(Limits::WEBGPU, true)).expect("a plan");
            let mut names: Vec<&str> = family.iter().map(|entry| entry.name).collect();
            assert_eq!(variants(&op), names);
            assert_eq!(Some(plan.variant), names.pop());
            assert!(plan.declined.iter().map(|declined| declined.variant).eq(names), "{op}: {:?}", plan.declined);
        }
        // If it is asked for, it serves and no other variant is declined.
        let half = Op::Resize(Resize::bilinear(18, 18, Coordinates::HalfPixel));
        let target = Target { variant: Some("taps"), ..Target::new(Limits::WEBGPU, true) };
        let plan = plan_node(&half, &[x], half.infer(&[x]).expect("a valid case"), &target).expect("a plan");
        assert_eq!((plan.variant, plan.declined.len()), ("taps", 0));
    }
}
