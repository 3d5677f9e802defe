//! Chains of functions of elements.

use atrous_graph::op::{Chain, Step};

use super::activation;
use crate::kernel::{Kernel, vec4s};
use crate::{NodePlan, PlanError, Problem, Slot};

/// The constants of each step in `pointwise/chain`: its kind, its operand, the code and parameters of its function.
const STEPS: [[&str; 5]; Chain::LENGTH] = [
    ["KIND_0", "OPERAND_0", "CODE_0", "P_0", "Q_0"],
    ["KIND_1", "OPERAND_1", "CODE_1", "P_1", "Q_1"],
    ["KIND_2", "OPERAND_2", "CODE_2", "P_2", "Q_2"],
    ["KIND_3", "OPERAND_3", "CODE_3", "P_3", "Q_3"],
];

/// The variants by number of operands, and the operands' constants.
const VARIANTS: [&str; Chain::INPUTS] = ["", "one", "one,two", "one,two,three"];
const BASES: [&str; Chain::INPUTS - 1] = ["A_BASE", "B_BASE", "D_BASE"];

/// Plans a chain.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_chain(op: &Chain, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let count = vec4s(problem.output.ty);
    let mut kernel = Kernel::new("pointwise/chain", VARIANTS[problem.inputs.len() - 1])
        .sizes([("COUNT", count), ("C", problem.output.ty.shape.c)])
        .bind("X_BASE", Slot::Input(0), &problem.inputs[0])
        .bind("Y_BASE", Slot::Output, &problem.output);
    for (i, (part, base)) in problem.inputs[1..].iter().zip(BASES).enumerate() {
        kernel = kernel.bind(base, Slot::Input(i + 1), part);
    }
    let mut operand = 0;
    for (step, names) in op.steps().zip(STEPS) {
        let (kind, function, reads) = match step {
            Step::Unary(f) => (1, Some(f), 0),
            Step::UnaryGrad(f) => (2, Some(f), 1),
            Step::Add => (3, None, 1),
            Step::Mul => (4, None, 1),
        };
        let (code, p, q) = function.map_or((0, 0.0, 0.0), |f| activation(&f));
        let values = [f64::from(kind), f64::from(operand), f64::from(code), f64::from(p), f64::from(q)];
        kernel = names.into_iter().zip(values).fold(kernel, |kernel, (name, value)| kernel.set(name, value));
        operand += reads;
    }
    Ok(NodePlan::single("chain", kernel.invocations(count, problem.target)?))
}
