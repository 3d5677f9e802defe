//! Chains of functions of elements.

use atrous_graph::TensorType;
use atrous_graph::op::{Chain, Step};
use atrous_shaders::codes::{Activation, ChainStep};
use atrous_shaders::pointwise::chain;

use super::unary::activation;
use crate::cut::{Cut, Section};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, is_half, vec4s};
use crate::kernels::Kernels;
use crate::problem::Problem;

impl Kernels for Chain {
    /// Over the first of the inputs that dies.
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let y = problem.output.ty;
        let in_place = problem.inputs.iter().position(|part| part.dies);
        let count = problem.inputs.len() - usize::from(in_place.is_some());
        let others = (0..problem.inputs.len()).filter(|i| in_place != Some(*i));
        let mut bound = others.map(|i| Bound::input(problem, i));
        let call = chain::call(
            chain::Axes { one: count > 0, two: count > 1, three: count > 2, four: count > 3, half: is_half(y) },
            constants(self, y, in_place),
            chain::Bindings {
                y: Bound::output(problem),
                a: bound.next(),
                b: bound.next(),
                d: bound.next(),
                e: bound.next(),
            },
        );
        let dispatch = Kernel::from(call).invocations(vec4s(y), problem.target)?;
        Ok(NodePlan { in_place, ..NodePlan::single("chain", dispatch) })
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.all(section.window))
    }
}

/// The constants of a chain whose result has this type and is written over this input, if over any.
fn constants(chain: &Chain, y: TensorType, in_place: Option<usize>) -> chain::Constants {
    let mut constants = chain::Constants {
        count: vec4s(y),
        c: y.shape.c,
        held: in_place.unwrap_or(u32::MAX as usize),
        kind: [ChainStep::None; Chain::LENGTH],
        input: [0; Chain::LENGTH],
        code: [Activation::Identity; Chain::LENGTH],
        p: [0.0; Chain::LENGTH],
        q: [0.0; Chain::LENGTH],
    };
    let mut input = 0;
    for (i, step) in chain.steps().enumerate() {
        let (kind, function, reads) = match step {
            Step::Unary(f) => (ChainStep::Unary, Some(f), 0),
            Step::UnaryGrad(f) => (ChainStep::UnaryGrad, Some(f), 1),
            Step::Add => (ChainStep::Add, None, 1),
            Step::Mul => (ChainStep::Mul, None, 1),
        };
        let (code, p, q) = function.map_or((Activation::Identity, 0.0, 0.0), |f| activation(&f));
        input += reads;
        (constants.kind[i], constants.input[i], constants.code[i]) = (kind, input, code);
        (constants.p[i], constants.q[i]) = (f64::from(p), f64::from(q));
    }
    constants
}
