//! Two operands of the result's shape.

use atrous_shaders::pointwise::binary;

use super::operands::{Binaries, Operands};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::variant::{Entry, Variant, require};

pub(super) static VARIANT: Variant<Binaries> = Variant {
    entry: Entry::new("binary_equal"),
    legal: |p| require(p.shapes() == [p.problem.output.ty.shape; 2], "the shapes differ"),
    preferred: |_| Ok(()),
    plan,
};

/// Over an operand that dies, or into a tensor of its own.
fn plan(p: &Operands<'_>) -> Result<NodePlan, PlanError> {
    let in_place = [0, 1].into_iter().find(|i| p.problem.inputs[*i].dies);
    // Over the second operand the first is read second.
    let (order, code) = p.order(in_place.unwrap_or(0));
    let axes = binary::Axes { in_place: in_place.is_some(), ..p.axes() };
    Ok(NodePlan { in_place, ..p.plan(axes, p.constants(code), order)? })
}
