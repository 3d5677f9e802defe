//! Splitting an operation whose tensors exceed the adapter's binding limit into parts that do not.
//!
//! A part is a range of samples of the result, or a range of rows of one sample, with the parts of the inputs that it
//! needs. These are contiguous in memory. Parts run one after the other as dispatches of the same node.

use atrous_graph::{DType, Op, TensorType};

use crate::cut::{Cut, Section};
use crate::dispatch::{Binding, NodePlan, Slot};
use crate::error::PlanError;
use crate::family::{kernels, plan_part};
use crate::kernel::vec4_bytes;
use crate::limits::Limits;
use crate::problem::{Part, Problem};
use crate::target::Target;
use crate::window::Window;

/// Plans an operation, in parts if its tensors exceed a binding. Parts are not written over inputs, nor into ranges of
/// channels.
pub(crate) fn plan(op: &Op, inputs: &[Part], output: Part, target: &Target) -> Result<NodePlan, PlanError> {
    let limits = &target.limits;
    if !target.f16 && inputs.iter().chain([&output]).any(|part| part.ty.dtype == DType::F16) {
        return Err(PlanError::Unsupported("f16 storage on an adapter without SHADER_F16_IN_F32".to_owned()));
    }
    for part in inputs.iter().chain([&output]) {
        check(part.bytes(), limits.max_buffer, "bytes in one buffer")?;
    }
    let fits = inputs.iter().chain([&output]).all(|part| part.bytes() <= limits.max_binding);
    let kernels = kernels(op);
    if fits || kernels.sums() || kernels.is_alias(inputs.len()) {
        return plan_part(&Problem { op, inputs, output, target });
    }
    let inputs: Vec<TensorType> = inputs.iter().map(|part| part.ty).collect();
    let (inputs, output) = (inputs.as_slice(), output.ty);
    let mut plan = NodePlan::default();
    for window in windows(op, inputs, output, limits)? {
        append(&mut plan, op, inputs, output, target, &window)?;
    }
    Ok(plan)
}

/// The windows of the inputs that a window of the result needs; `None` if it cannot be computed on its own.
fn cut(op: &Op, inputs: &[TensorType], output: TensorType, window: &Window) -> Option<Cut> {
    kernels(op).cut(&Section { op, inputs, output, window })
}

/// Windows of the result, as large as the limit allows: whole samples, or else rows of one sample.
fn windows(op: &Op, inputs: &[TensorType], output: TensorType, limits: &Limits) -> Result<Vec<Window>, PlanError> {
    let (n, h) = (output.shape.n, output.shape.h);
    let (mut samples, mut rows) = (n, h);
    loop {
        let windows: Vec<Window> = (0..n)
            .step_by(samples)
            .flat_map(|a| {
                (0..h).step_by(rows).map(move |b| Window { n: a..(a + samples).min(n), rows: b..(b + rows).min(h) })
            })
            .collect();
        let largest = windows.iter().map(|w| largest_binding(op, inputs, output, limits, w)).max();
        match largest {
            Some(Need::Bytes(bytes)) if bytes <= limits.max_binding => return Ok(windows),
            Some(Need::Bytes(bytes)) if samples == 1 && rows == 1 => {
                return Err(PlanError::Limit { what: "bytes in one binding", needs: bytes, limit: limits.max_binding });
            }
            Some(Need::Impossible) if samples == 1 => {
                let needs = inputs.iter().chain([&output]).map(|ty| ty.bytes()).max().unwrap_or(0);
                return Err(PlanError::Limit { what: "bytes in one binding", needs, limit: limits.max_binding });
            }
            _ if samples > 1 => samples = samples.div_ceil(2),
            _ => rows = rows.div_ceil(2),
        }
    }
}

/// Bytes of the largest binding for a window.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    Bytes(u64),
    Impossible,
}

fn largest_binding(op: &Op, inputs: &[TensorType], output: TensorType, limits: &Limits, window: &Window) -> Need {
    let Some(cut) = cut(op, inputs, output, window) else {
        return Need::Impossible;
    };
    let bound = |w: &Window, ty: TensorType| {
        let (part, _) = w.part(ty, limits);
        part.ty.bytes() + before(&part)
    };
    let needs = cut.inputs.iter().zip(inputs).map(|(w, ty)| bound(w, *ty)).chain([bound(window, output)]);
    Need::Bytes(needs.max().unwrap_or(0))
}

fn append(
    plan: &mut NodePlan,
    op: &Op,
    inputs: &[TensorType],
    output: TensorType,
    target: &Target,
    window: &Window,
) -> Result<(), PlanError> {
    let unsupported = || PlanError::Unsupported(format!("splitting {} {output}", op.name()));
    let cut = cut(op, inputs, output, window).ok_or_else(unsupported)?;
    let parts: Vec<(Part, u64)> = cut.inputs.iter().zip(inputs).map(|(w, ty)| w.part(*ty, &target.limits)).collect();
    let (out, out_start) = window.part(output, &target.limits);
    let inputs: Vec<Part> = parts.iter().map(|(part, _)| *part).collect();
    let part = plan_part(&Problem { op: &cut.op, inputs: &inputs, output: out, target })?;

    let constants = plan.constants.len();
    let shift = |b: Binding| match b.slot {
        Slot::Input(i) => moved(b, parts[i].1, &parts[i].0),
        Slot::Output => moved(b, out_start, &out),
        Slot::Constant(i) => Binding { slot: Slot::Constant(i + constants), ..b },
        Slot::Scratch(_) | Slot::Strips => b,
    };
    for mut dispatch in part.dispatches {
        dispatch.bindings = dispatch.bindings.into_iter().map(shift).collect();
        plan.dispatches.push(dispatch);
    }
    plan.constants.extend(part.constants);
    for (i, bytes) in part.scratch.into_iter().enumerate() {
        match plan.scratch.get_mut(i) {
            Some(have) => *have = (*have).max(bytes),
            None => plan.scratch.push(bytes),
        }
    }
    plan.variant = part.variant;
    plan.tile = part.tile;
    plan.declined = part.declined;
    Ok(())
}

/// Bytes of a part's binding before the part.
fn before(part: &Part) -> u64 {
    u64::from(part.base) * vec4_bytes(part.ty)
}

/// Converts a binding relative to a part into one relative to the whole tensor. It begins at the aligned byte before
/// the part.
fn moved(b: Binding, start: u64, part: &Part) -> Binding {
    Binding { slot: b.slot, offset: b.offset + start, size: b.size + before(part) }
}

fn check(needs: u64, limit: u64, what: &'static str) -> Result<(), PlanError> {
    if needs > limit { Err(PlanError::Limit { what, needs, limit }) } else { Ok(()) }
}
