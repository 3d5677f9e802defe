//! Functions of elements, one after the other.

use atrous_graph::op::{Chain, Fused, Step, Unary};
use atrous_graph::{Op, Shape, TensorType};
use atrous_tests::Case;

use crate::grads::check;
use crate::others::SHAPES;

fn chain(x: Shape, steps: &[Step]) -> Case {
    let inputs = 1 + steps.iter().filter(|step| !matches!(step, Step::Unary(_))).count();
    Case::images(Op::Fused(Fused::Chain(Chain::new(steps).expect("a chain"))), &vec![x; inputs])
}

fn piecewise() -> impl Iterator<Item = Unary> {
    Unary::EXAMPLES.into_iter().filter(|f| f.is_piecewise())
}

/// Chains of every kind of step, with every number of steps and operands.
pub(crate) fn chains(x: Shape) -> Vec<Case> {
    let [relu, hard, affine] =
        [Unary::Relu, Unary::HardSigmoid, Unary::Affine { scale: -0.7, shift: 0.4 }].map(Step::Unary);
    let grad = Step::UnaryGrad(Unary::HardSwish);
    let (add, mul) = (Step::Add, Step::Mul);
    let all: [&[Step]; 9] = [
        &[hard],
        &[mul],
        &[add, relu],
        &[affine, hard, affine, relu],
        &[mul, add],
        &[grad, affine, add],
        &[add, grad, mul],
        &[add, add, add, relu],
        &[affine, mul, add, grad],
    ];
    all.into_iter().map(|steps| chain(x, steps)).collect()
}

#[test]
fn every_kind_of_step() {
    check(SHAPES.into_iter().flat_map(chains));
}

#[test]
fn every_function_at_every_place() {
    let x = Shape::new(2, 3, 5, 7);
    check(piecewise().flat_map(|f| {
        let (f, grad) = (Step::Unary(f), Step::UnaryGrad(f));
        [chain(x, &[f, Step::Add, Step::Mul, f]), chain(x, &[grad, Step::Add, grad]), chain(x, &[Step::Mul, f, f, f])]
    }));
}

#[test]
fn what_is_no_chain_is_refused() {
    assert_eq!(Chain::new(&[]), None);
    assert_eq!(Chain::new(&[Step::Add; 4]), None);
    assert_eq!(Chain::new(&[Step::Unary(Unary::Relu); 5]), None);
    let ty = |c| TensorType::image(Shape::new(1, 2, 2, c));
    let infer = |step, other| Op::Fused(Fused::Chain(Chain::new(&[step]).expect("a chain"))).infer(&[ty(3), other]);
    assert!(infer(Step::Add, ty(1)).expect_err("an error").contains("all inputs must be"));
    assert!(infer(Step::UnaryGrad(Unary::Exp), ty(3)).expect_err("an error").contains("exp is too costly"));
}
