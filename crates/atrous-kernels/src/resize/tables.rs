//! The variants of operations that weight rows and columns separately, by their largest number of taps.

use atrous_shaders::groups;
use atrous_shaders::resize::{argmax, taps};

use super::taps::Taps;
use crate::dispatch::{Binding, NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, is_half, vec4s};
use crate::problem::Problem;
use crate::target::Target;
use crate::variant::{Entry, Family, General, Variant, Variants, require};

/// The family of results that are read through tables of taps.
pub(crate) enum Tables {}

impl Family for Tables {
    type Problem<'a> = Resampling<'a>;
}

/// The variants, best first.
pub(crate) static VARIANTS: Variants<Tables> = Variants { best_first: &[&NEAREST, &TWO_TAPS], last: &TAPS };

static NEAREST: Variant<Tables> = Variant {
    entry: Entry::new("nearest"),
    legal: |p| require(p.each(|t| matches!(t.0[..], [(_, 1.0)])), "some pixel is no copy of another"),
    preferred: |_| Ok(()),
    plan: |p| p.plan(Form::Nearest, p.taps().flat_map(|t| [t.0[0].0 as u32, 0, 0, 0]).collect()),
};

static TWO_TAPS: Variant<Tables> = Variant {
    entry: Entry::new("two_taps"),
    legal: |p| require(p.each(|t| matches!(t.0.len(), 1 | 2)), "some pixel has no tap or more than two"),
    preferred: |p| require(!p.each(|t| t.0.len() < 2), "no pixel has two taps"),
    plan: |p| p.plan(Form::Two, p.taps().flat_map(two).collect()),
};

static TAPS: General<Tables> =
    General { entry: Entry::new("taps"), plan: |p| p.plan(Form::Listed, listed(&p.rows, &p.columns)) };

/// Whether a target asks for one of these variants.
pub(crate) fn asks_for_a_table(target: &Target) -> bool {
    NEAREST.entry.is_asked(target) || asks_for_taps(target)
}

/// Whether a target asks for a variant that weights taps.
pub(crate) fn asks_for_taps(target: &Target) -> bool {
    TWO_TAPS.entry.is_asked(target) || TAPS.entry.is_asked(target)
}

/// What a kernel computes from the channels of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Their values.
    Values,
    /// The channel of the largest value.
    Classes,
}

/// The form of a kernel's table, see `helpers/resample`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// One tap of weight 1 for each row and column.
    Nearest,
    /// Two taps.
    Two,
    /// Lists of any length.
    Listed,
}

/// Plans a result of this kind with these taps of rows and columns. Taps of rows count from the first row of the whole
/// input.
pub(crate) fn resample(
    kind: Kind,
    mut rows: Vec<Taps>,
    columns: Vec<Taps>,
    problem: &Problem<'_>,
) -> Result<NodePlan, PlanError> {
    for (row, _) in rows.iter_mut().flat_map(|taps| &mut taps.0) {
        *row -= problem.inputs[0].first_row;
    }
    VARIANTS.plan(&Resampling { kind, rows, columns, problem }, problem.target)
}

/// A result that is read through taps of its rows and columns.
pub(crate) struct Resampling<'a> {
    kind: Kind,
    rows: Vec<Taps>,
    columns: Vec<Taps>,
    problem: &'a Problem<'a>,
}

impl Resampling<'_> {
    /// The taps of rows, then of columns.
    fn taps(&self) -> impl Iterator<Item = &Taps> {
        self.rows.iter().chain(&self.columns)
    }

    fn each(&self, holds: fn(&Taps) -> bool) -> bool {
        self.taps().all(holds)
    }

    /// One dispatch, which reads a table of this form.
    fn plan(&self, form: Form, table: Vec<u32>) -> Result<NodePlan, PlanError> {
        let (problem, y) = (self.problem, self.problem.output.ty);
        let x = problem.inputs[0].ty;
        let (nearest, two, half) = (form == Form::Nearest, form == Form::Two, is_half(x));
        let resample = groups::Resample {
            n: y.shape.n,
            h: x.shape.h,
            w: x.shape.w,
            c4: x.padded().c / 4,
            oh: y.shape.h,
            ow: y.shape.w,
        };
        let bytes = table.len() as u64 * 4;
        let bound_table = Bound::window(Binding { slot: Slot::Constant(0), offset: 0, size: bytes }, 0);
        let (x_bound, y_bound) = (Bound::input(problem, 0), Bound::output(problem));
        // One invocation for each vec4, or for each pixel of a class map.
        let (call, count) = match self.kind {
            Kind::Values => {
                let call = taps::call(
                    taps::Axes { nearest, two, half },
                    taps::Constants { resample },
                    taps::Bindings { x: x_bound, table: bound_table, y: y_bound },
                );
                (call, vec4s(y))
            }
            Kind::Classes => {
                let call = argmax::call(
                    argmax::Axes { nearest, two, half },
                    argmax::Constants { resample, c: x.shape.c },
                    argmax::Bindings { x: x_bound, table: bound_table, y: y_bound },
                );
                (call, y.shape.n * y.shape.h * y.shape.w)
            }
        };
        let dispatch = Kernel::from(call).invocations(count, problem.target)?;
        Ok(NodePlan { constants: vec![table], ..dispatch.into() })
    }
}

/// An entry of the two-tap table. A single tap is read twice, the second time with weight 0.
pub(crate) fn two(taps: &Taps) -> [u32; 4] {
    let (first, weight) = taps.0[0];
    let (second, other) = taps.0.get(1).copied().unwrap_or((first, 0.0));
    [first as u32, second as u32, weight.to_bits(), other.to_bits()]
}

/// The general table, in entries of four words: for each row and column the index of its first tap and their number,
/// then all taps.
fn listed(rows: &[Taps], columns: &[Taps]) -> Vec<u32> {
    let mut place = rows.len() + columns.len();
    let mut table = Vec::new();
    for taps in rows.iter().chain(columns) {
        table.extend([place as u32, taps.0.len() as u32, 0, 0]);
        place += taps.0.len();
    }
    let all = rows.iter().chain(columns).flat_map(|taps| &taps.0);
    table.extend(all.flat_map(|(i, weight)| [*i as u32, weight.to_bits(), 0, 0]));
    table
}
