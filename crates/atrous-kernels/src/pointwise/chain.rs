//! Chains of functions of elements.

use atrous_graph::op::{Chain, Step};
use atrous_shaders::codes::Activation;

use super::unary::activation;
use crate::cut::{Cut, Section};
use crate::dispatch::{NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::{Kernel, vec4s};
use crate::kernels::Kernels;
use crate::problem::Problem;

/// The constants of each step in `pointwise/chain`: its kind, the input it reads, the code and parameters of its function.
const STEPS: [[&str; 5]; Chain::LENGTH] = [
    ["KIND_0", "INPUT_0", "CODE_0", "P_0", "Q_0"],
    ["KIND_1", "INPUT_1", "CODE_1", "P_1", "Q_1"],
    ["KIND_2", "INPUT_2", "CODE_2", "P_2", "Q_2"],
    ["KIND_3", "INPUT_3", "CODE_3", "P_3", "Q_3"],
];

/// The variants by number of bound inputs, and the inputs' constants.
const VARIANTS: [&str; Chain::INPUTS + 1] = ["", "one", "one,two", "one,two,three", "one,two,three,four"];
const BASES: [&str; Chain::INPUTS] = ["A_BASE", "B_BASE", "D_BASE", "E_BASE"];

impl Kernels for Chain {
    /// Over the first of the inputs that dies.
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let count = vec4s(problem.output.ty);
        let in_place = problem.inputs.iter().position(|part| part.dies);
        let bound: Vec<usize> = (0..problem.inputs.len()).filter(|i| in_place != Some(*i)).collect();
        let mut kernel = Kernel::storing(problem.output.ty, "pointwise/chain", VARIANTS[bound.len()])
            .sizes([("COUNT", count), ("C", problem.output.ty.shape.c)])
            .set("HELD", in_place.map_or(f64::from(u32::MAX), |i| i as f64))
            .bind("Y_BASE", Slot::Output, &problem.output);
        for (i, base) in bound.into_iter().zip(BASES) {
            kernel = kernel.bind(base, Slot::Input(i), &problem.inputs[i]);
        }
        let mut input = 0;
        for (step, names) in self.steps().zip(STEPS) {
            let (kind, function, reads) = match step {
                Step::Unary(f) => (1, Some(f), 0),
                Step::UnaryGrad(f) => (2, Some(f), 1),
                Step::Add => (3, None, 1),
                Step::Mul => (4, None, 1),
            };
            let (code, p, q) = function.map_or((Activation::Identity, 0.0, 0.0), |f| activation(&f));
            input += reads;
            let values = [f64::from(kind), f64::from(input), f64::from(code as u32), f64::from(p), f64::from(q)];
            kernel = names.into_iter().zip(values).fold(kernel, |kernel, (name, value)| kernel.set(name, value));
        }
        let dispatch = kernel.invocations(count, problem.target)?;
        Ok(NodePlan { in_place, ..NodePlan::single("chain", dispatch) })
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.all(section.window))
    }
}
