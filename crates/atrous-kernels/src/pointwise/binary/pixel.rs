//! A number for each pixel, the same for all channels of the other operand.

use atrous_shaders::pointwise::binary_pixel;

use super::operands::{Binaries, Operands};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, is_half, vec4s};
use crate::variant::{Entry, Variant, require};

pub(super) static VARIANT: Variant<Binaries> = Variant {
    entry: Entry::new("binary_pixel"),
    legal: |p| require(map(p).is_some(), "neither operand is a map of one channel beside an image of several"),
    preferred: |_| Ok(()),
    plan,
};

/// The operand that is the map.
fn map(p: &Operands<'_>) -> Option<usize> {
    p.repeated(|x, y| x.c == 1 && y.c > 1 && x.h == y.h && x.w == y.w && (x.n == 1 || x.n == y.n))
}

/// The map is read second; over the image if that dies.
fn plan(p: &Operands<'_>) -> Result<NodePlan, PlanError> {
    let (order, code) = p.order(if map(p) == Some(1) { 0 } else { 1 });
    let [image, map] = order;
    let (ty, b) = (p.problem.output.ty, p.problem.inputs[map].ty.shape);
    let in_place = p.problem.inputs[image].dies.then_some(image);
    let call = binary_pixel::call(
        binary_pixel::Axes { in_place: in_place.is_some(), half: is_half(ty) },
        binary_pixel::Constants { count: vec4s(ty), c: ty.shape.c, pixels: b.n * b.h * b.w, code },
        binary_pixel::Bindings {
            a: in_place.is_none().then(|| Bound::input(p.problem, image)),
            b: Bound::input(p.problem, map),
            y: Bound::output(p.problem),
        },
    );
    let dispatch = Kernel::from(call).invocations(vec4s(ty), p.problem.target)?;
    Ok(NodePlan { in_place, ..NodePlan::from(dispatch) })
}
