//! An operation with its shapes, and the variants and tiles that can compute it.

use atrous_graph::{Op, TensorType};

use crate::choice::Choice;
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::family::kernels;
use crate::key::key;
use crate::node::plan_node;
use crate::target::Target;
use crate::variant::Entry;

/// An operation on tensors of given types.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// The operation with its attributes.
    pub op: Op,
    /// Types of its inputs.
    pub inputs: Vec<TensorType>,
    /// Type of its result.
    pub output: TensorType,
}

impl Operation {
    /// The key of the operation in [`Choices`](crate::Choices): attributes and shapes as text.
    pub fn key(&self) -> String {
        key(&self.op, self.inputs.iter().copied(), self.output)
    }

    /// Plans the operation by itself.
    ///
    /// # Errors
    /// As [`plan_node`].
    pub fn plan(&self, target: &Target) -> Result<NodePlan, PlanError> {
        plan_node(&self.op, &self.inputs, self.output, target)
    }

    /// The choice that accepts every problem and that others are compared with: the last variant, such as `direct`. The
    /// name is empty if the operation has no variants.
    pub fn reference(&self) -> Choice {
        Choice { variant: kernels(&self.op).variants().last().map_or("", |entry| entry.name), tile: None }
    }

    /// All choices that can compute it: its legal variants, each in every tile it is linked for.
    pub fn ways(&self, target: &Target) -> Vec<Choice> {
        self.legal(target).into_iter().map(|(_, choice)| choice).collect()
    }

    /// The choices of [`Self::ways`], with their variants.
    fn legal(&self, target: &Target) -> Vec<(&'static Entry, Choice)> {
        let of = |entry: &'static Entry| {
            let tiles = entry.tiles.iter().map(|tile| Some(*tile));
            let none = entry.tiles.is_empty();
            tiles.chain(none.then_some(None)).map(move |tile| (entry, Choice { variant: entry.name, tile }))
        };
        let serves = |choice: Choice| self.plan(&target.with(choice)).is_ok_and(|plan| plan.choice() == choice);
        kernels(&self.op).variants().into_iter().flat_map(of).filter(|(_, choice)| serves(*choice)).collect()
    }

    /// The choices that may be the fastest: the default, then the same variant in other tiles, the most similar first,
    /// then the other variants. Empty if there is only one, and for reductions, whose variants differ only in their
    /// short second stage.
    ///
    /// # Errors
    /// As [`plan_node`].
    pub fn candidates(&self, target: &Target) -> Result<Vec<Choice>, PlanError> {
        if !kernels(&self.op).is_worth_measuring() {
            return Ok(Vec::new());
        }
        let default = self.plan(&Target { choices: None, ..target.clone() })?.choice();
        let ways = self.legal(target);
        let beaten = |entry: &Entry| ways.iter().any(|(other, _)| other.is_better(entry, target));
        let worth = ways.iter().filter(|(entry, way)| *way != default && !beaten(entry));
        let mut others: Vec<Choice> = worth.map(|(_, way)| *way).collect();
        others.sort_by_key(|way| (way.variant != default.variant, way.distance(default)));
        others.insert(0, default);
        Ok(if others.len() > 1 { others } else { Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use atrous_graph::Shape;
    use atrous_graph::op::{Conv2d, Padding};

    use super::*;
    use crate::conv::tiles;
    use crate::limits::Limits;

    fn operation(conv: Conv2d, x: Shape, filter: Shape) -> Operation {
        let inputs = vec![TensorType::image(x), TensorType::filter(filter)];
        let op = Op::Conv2d(conv);
        Operation { op, output: op.infer(&inputs).expect("a valid case"), inputs }
    }

    fn same(groups: usize) -> Operation {
        let conv = Conv2d { padding: Padding::symmetric(1, 1), groups, ..Conv2d::default() };
        operation(conv, Shape::new(1, 56, 56, 64), Shape::new(3, 3, 64 / groups, 64))
    }

    #[test]
    fn the_default_is_the_first_candidate_and_textbook_forms_are_none() {
        for software in [false, true] {
            let target = Target::new(Limits::WEBGPU, software);
            let operation = same(1);
            let candidates = operation.candidates(&target).unwrap();
            assert_eq!(candidates[0], operation.plan(&target).unwrap().choice());
            assert!(candidates.iter().all(|c| c.variant.starts_with("implicit_gemm")), "{candidates:?}");
            let distinct: std::collections::BTreeSet<_> = candidates.iter().collect();
            assert_eq!(distinct.len(), candidates.len());
            let variants = ["implicit_gemm_registers", "implicit_gemm_tiled", "implicit_gemm_split"];
            let variants = &variants[..if software { 1 } else { 3 }];
            let all: usize = variants.iter().map(|variant| tiles(variant).unwrap().len()).sum();
            assert_eq!(candidates.len(), all);
            assert!(operation.ways(&target).iter().any(|way| way.variant == "direct"));
        }
    }

    #[test]
    fn there_is_nothing_to_choose_for_depthwise_and_elementwise_operations() {
        let target = Target::new(Limits::WEBGPU, false);
        assert_eq!(same(64).candidates(&target), Ok(Vec::new()));
        let image = TensorType::image(Shape::new(1, 5, 5, 3));
        let relu = Operation { op: Op::Unary(atrous_graph::op::Unary::Relu), inputs: vec![image], output: image };
        assert_eq!(relu.candidates(&target), Ok(Vec::new()));
    }

    #[test]
    fn a_key_tells_attributes_and_shapes() {
        assert_eq!(
            same(1).key(),
            "conv2d stride [1, 1] dilation [1, 1] padding (1,1,1,1) groups 1: 1×56×56×64 f32, 3×3×64×64 f32 -> 1×56×56×64 f32"
        );
    }
}
