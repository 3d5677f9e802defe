//! Splitting an operation whose tensors pass the adapter's binding limit into parts that do not.
//!
//! A part is a range of samples, or a range of rows of one sample, of the result, together with what it needs of each
//! input. Both are contiguous in memory. Parts run one after the other as dispatches of the same node.

mod cut;

use std::ops::Range;

use atrous_graph::op::{Fused, Gradient};
use atrous_graph::{DType, Op, TensorType};

use crate::kernel::vec4_bytes;
use crate::{Binding, Limits, NodePlan, Part, PlanError, Problem, Slot, Target, plan_part};

/// A range of samples and rows. Either all rows, or one sample.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Window {
    n: Range<usize>,
    rows: Range<usize>,
}

impl Window {
    fn whole(ty: TensorType) -> Self {
        Self { n: 0..ty.shape.n, rows: 0..ty.shape.h }
    }

    /// The window as a tensor of its own, bound from an aligned start.
    fn part(&self, full: TensorType, limits: &Limits) -> (Part, u64) {
        let mut ty = full;
        ty.shape.n = self.n.len();
        ty.shape.h = self.rows.len();
        let padded = full.padded();
        let row = (padded.w * padded.c) as u64 * full.dtype.bytes();
        let start = (self.n.start * padded.h + self.rows.start) as u64 * row;
        let aligned = start - start % limits.alignment.max(16);
        let base = ((start - aligned) / vec4_bytes(full)) as u32;
        let part = Part { base, full, first_sample: self.n.start, first_row: self.rows.start, ..Part::whole(ty) };
        (part, aligned)
    }
}

/// Plans an operation, in parts if need be. What is cut is never written over an input, nor a range of channels.
pub(crate) fn plan(op: &Op, inputs: &[Part], output: Part, target: &Target) -> Result<NodePlan, PlanError> {
    let limits = &target.limits;
    if !target.f16 && inputs.iter().chain([&output]).any(|part| part.ty.dtype == DType::F16) {
        return Err(PlanError::Unsupported("f16 storage on an adapter without SHADER_F16_IN_F32".to_owned()));
    }
    for part in inputs.iter().chain([&output]) {
        check(part.bytes(), limits.max_buffer, "bytes in one buffer")?;
    }
    let fits = inputs.iter().chain([&output]).all(|part| part.bytes() <= limits.max_binding);
    if fits || sums(op) || aliases(op, inputs.len()) {
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

/// Whether an operation sums over the whole of its inputs: its kernels bind windows of them on their own.
const fn sums(op: &Op) -> bool {
    matches!(
        op,
        Op::Reduce(_)
            | Op::Fused(Fused::BatchStatistics)
            | Op::ChannelVariance
            | Op::Gradient(Gradient::BatchNormSums(_))
            | Op::Fused(Fused::BatchNormGradSums(_))
            | Op::Gradient(Gradient::Conv2dWeight(_))
    )
}

/// Whether the result is the first input itself.
pub(crate) const fn aliases(op: &Op, inputs: usize) -> bool {
    matches!((op, inputs), (Op::StopGradient, _) | (Op::Dropout(_), 1))
}

/// Ranges of the result, as large as the limit allows: whole samples, or else rows of one sample.
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

/// What a window's largest binding takes.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    Bytes(u64),
    Impossible,
}

fn largest_binding(op: &Op, inputs: &[TensorType], output: TensorType, limits: &Limits, window: &Window) -> Need {
    let Some(cut) = cut::cut(op, inputs, output, window) else {
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
    let cut = cut::cut(op, inputs, output, window).ok_or_else(unsupported)?;
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

/// Bytes of a part's window before the part.
fn before(part: &Part) -> u64 {
    u64::from(part.base) * vec4_bytes(part.ty)
}

/// A binding relative to a part, made relative to the whole tensor: the window starts at an aligned byte before the part.
fn moved(b: Binding, start: u64, part: &Part) -> Binding {
    Binding { slot: b.slot, offset: b.offset + start, size: b.size + before(part) }
}

fn check(needs: u64, limit: u64, what: &'static str) -> Result<(), PlanError> {
    if needs > limit { Err(PlanError::Limit { what, needs, limit }) } else { Ok(()) }
}
