//! What a range of an operation's result needs of each input, and the operation between the two.

use std::ops::Range;

use atrous_graph::op::Padding;
use atrous_graph::{Op, TensorType};

use crate::window::Window;

/// An operation on parts of its tensors.
pub(crate) struct Cut {
    /// The operation, its attributes those of the parts.
    pub(crate) op: Op,
    /// The window of each input.
    pub(crate) inputs: Vec<Window>,
}

/// A range of an operation's result.
#[derive(Clone, Copy)]
pub(crate) struct Section<'a> {
    /// The operation.
    pub(crate) op: &'a Op,
    /// Types of its inputs, all of each.
    pub(crate) inputs: &'a [TensorType],
    /// Type of all of its result.
    pub(crate) output: TensorType,
    /// The range.
    pub(crate) window: &'a Window,
}

impl Section<'_> {
    /// The rows of the result.
    pub(crate) fn rows(&self) -> Range<usize> {
        self.window.rows.clone()
    }

    /// Whether those are all of them.
    pub(crate) fn has_all_rows(&self) -> bool {
        self.window.rows.len() == self.output.shape.h
    }

    /// Rows of the first input.
    pub(crate) const fn height(&self) -> usize {
        self.inputs[0].shape.h
    }

    /// These rows of the samples of the result.
    pub(crate) fn samples(&self, rows: Range<usize>) -> Window {
        Window { n: self.window.n.clone(), rows }
    }

    /// The first input in part, all others (filters, statistics) whole.
    pub(crate) fn first(&self, window: Window) -> Cut {
        let rest = self.inputs[1..].iter().map(|ty| Window::whole(*ty));
        Cut { op: *self.op, inputs: std::iter::once(window).chain(rest).collect() }
    }

    /// These rows of the first input, all others whole.
    pub(crate) fn first_rows(&self, rows: Range<usize>) -> Cut {
        self.first(self.samples(rows))
    }

    /// All rows of the first input for all rows of the result, so that several samples are contiguous; for fewer rows those that `under`
    /// tells. All others whole.
    pub(crate) fn first_under(&self, under: impl FnOnce(Range<usize>) -> Range<usize>) -> Cut {
        self.first_rows(if self.has_all_rows() { 0..self.height() } else { under(self.rows()) })
    }

    /// The same window of all inputs.
    pub(crate) fn all(&self, window: &Window) -> Cut {
        Cut { op: *self.op, inputs: vec![window.clone(); self.inputs.len()] }
    }

    /// The first so many inputs in the range of the result, all others (vectors) whole.
    pub(crate) fn alike(&self, count: usize) -> Cut {
        let window = |(i, ty): (usize, &TensorType)| if i < count { self.window.clone() } else { Window::whole(*ty) };
        Cut { op: *self.op, inputs: self.inputs.iter().enumerate().map(window).collect() }
    }

    /// All inputs in the range of the result, but for sides of 1, which are the same for all of it.
    pub(crate) fn broadcast(&self) -> Cut {
        let take = |range: &Range<usize>, have: usize| if have == 1 { 0..1 } else { range.clone() };
        let Window { n, rows } = self.window;
        let inputs = self.inputs.iter().map(|ty| Window { n: take(n, ty.shape.n), rows: take(rows, ty.shape.h) });
        Cut { op: *self.op, inputs: inputs.collect() }
    }
}

/// Input rows under a sliding window for a range of output rows, and the padding that remains above and below them.
pub(crate) fn rows_under(
    out: &Range<usize>,
    height: usize,
    stride: usize,
    reach: usize,
    padding: Padding,
) -> Option<(Range<usize>, Padding)> {
    let begin = out.start * stride;
    let end = (out.end - 1) * stride + reach;
    let first = begin.saturating_sub(padding.top);
    let last = end.saturating_sub(padding.top).min(height);
    // A range that lies in the padding alone has no row of its own to bind.
    if first >= height {
        return None;
    }
    let rows = first..last.max(first + 1);
    let top = (padding.top + first).saturating_sub(begin);
    let bottom = (end - begin).saturating_sub(top + rows.len());
    Some((rows, Padding { top, bottom, ..padding }))
}
