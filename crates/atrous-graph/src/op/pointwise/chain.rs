//! Element-wise functions in sequence.

use crate::TensorType;
use crate::op::definition::Definition;

use super::functions::Unary;

/// One step of a [`Chain`], applied to the value of the step before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// `f(value)`
    Unary(Unary),
    /// `value * f'(x)`, `x` the next input.
    UnaryGrad(Unary),
    /// `value + b`, `b` the next input.
    Add,
    /// `value * b`, `b` the next input.
    Mul,
}

/// Element-wise functions in sequence: several operations that a pass has merged, so that no intermediate result is
/// stored. It has no gradient, since passes run after differentiation.
///
/// Inputs are the first value, then the operands of the steps, all of the same type. Functions are
/// [piecewise](Unary::is_piecewise).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chain {
    steps: [Option<Step>; Chain::LENGTH],
}

impl Chain {
    /// The most steps that a chain has.
    pub const LENGTH: usize = 4;
    /// The most inputs that a chain has.
    pub const INPUTS: usize = 4;

    /// A chain of these steps. `None` if there are no steps, more than [`Self::LENGTH`], or more than [`Self::INPUTS`]
    /// inputs.
    pub fn new(steps: &[Step]) -> Option<Self> {
        let mut chain = Self { steps: [None; Self::LENGTH] };
        let fits = !steps.is_empty() && steps.len() <= Self::LENGTH;
        chain.steps.iter_mut().zip(steps).for_each(|(to, step)| *to = Some(*step));
        (fits && chain.inputs() <= Self::INPUTS).then_some(chain)
    }

    /// The steps in the order in which they are applied.
    pub fn steps(&self) -> impl Iterator<Item = Step> {
        self.steps.into_iter().flatten()
    }

    const fn inputs(&self) -> usize {
        let (mut count, mut i) = (1, 0);
        while i < Self::LENGTH {
            if let Some(Step::UnaryGrad(_) | Step::Add | Step::Mul) = self.steps[i] {
                count += 1;
            }
            i += 1;
        }
        count
    }
}

impl Definition for Chain {
    fn name(&self) -> &'static str {
        "chain"
    }

    fn arity(&self) -> (usize, usize) {
        (self.inputs(), self.inputs())
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        if let Some(other) = inputs.iter().find(|ty| **ty != inputs[0]) {
            return Err(format!("all inputs must be {}, got {other}", inputs[0]));
        }
        for step in self.steps() {
            if let Step::Unary(f) | Step::UnaryGrad(f) = step
                && !f.is_piecewise()
            {
                return Err(format!("{} is too costly or too steep for a chain", f.name()));
            }
        }
        Ok(inputs[0])
    }

    fn attributes(&self) -> String {
        let step = |step| match step {
            Step::Unary(f) => f.name().to_owned(),
            Step::UnaryGrad(f) => format!("{} gradient", f.name()),
            Step::Add => "add".to_owned(),
            Step::Mul => "mul".to_owned(),
        };
        self.steps().map(step).collect::<Vec<_>>().join(", ")
    }

    fn stores(&self, _input: usize) -> bool {
        true
    }
}
