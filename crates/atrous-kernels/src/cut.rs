//! Cutting an operation: the windows of its inputs that a range of its result needs, and the operation on these
//! windows.

use std::ops::Range;

use atrous_graph::op::Padding;
use atrous_graph::{Op, TensorType};

use crate::window::Window;

/// An operation on parts of its tensors.
pub(crate) struct Cut {
    /// The operation, with the attributes of the part.
    pub(crate) op: Op,
    /// The window of each input.
    pub(crate) inputs: Vec<Window>,
}

/// A range of an operation's result.
#[derive(Clone, Copy)]
pub(crate) struct Section<'a> {
    /// The operation.
    pub(crate) op: &'a Op,
    /// Types of its whole inputs.
    pub(crate) inputs: &'a [TensorType],
    /// Type of its whole result.
    pub(crate) output: TensorType,
    /// The range.
    pub(crate) window: &'a Window,
}

impl Section<'_> {
    /// The rows of the range.
    pub(crate) fn rows(&self) -> Range<usize> {
        self.window.rows.clone()
    }

    /// Whether the range has all rows of the result.
    pub(crate) fn has_all_rows(&self) -> bool {
        self.window.rows.len() == self.output.shape.h
    }

    /// Rows of the first input.
    pub(crate) const fn height(&self) -> usize {
        self.inputs[0].shape.h
    }

    /// The window of these rows in the samples of the range.
    pub(crate) fn samples(&self, rows: Range<usize>) -> Window {
        Window { n: self.window.n.clone(), rows }
    }

    /// This window of the first input, and all other inputs (filters, statistics) whole.
    pub(crate) fn first(&self, window: Window) -> Cut {
        let rest = self.inputs[1..].iter().map(|ty| Window::whole(*ty));
        Cut { op: *self.op, inputs: std::iter::once(window).chain(rest).collect() }
    }

    /// These rows of the first input, and all other inputs whole.
    pub(crate) fn first_rows(&self, rows: Range<usize>) -> Cut {
        self.first(self.samples(rows))
    }

    /// All rows of the first input if the range has all rows, so that several samples are contiguous. Otherwise the
    /// rows that `under` gives for the rows of the range. All other inputs are whole.
    pub(crate) fn first_under(&self, under: impl FnOnce(Range<usize>) -> Range<usize>) -> Cut {
        self.first_rows(if self.has_all_rows() { 0..self.height() } else { under(self.rows()) })
    }

    /// The same window of all inputs.
    pub(crate) fn all(&self, window: &Window) -> Cut {
        Cut { op: *self.op, inputs: vec![window.clone(); self.inputs.len()] }
    }

    /// The range of the result in the first `count` inputs, and all other inputs (vectors) whole.
    pub(crate) fn alike(&self, count: usize) -> Cut {
        let window = |(i, ty): (usize, &TensorType)| if i < count { self.window.clone() } else { Window::whole(*ty) };
        Cut { op: *self.op, inputs: self.inputs.iter().enumerate().map(window).collect() }
    }

    /// The range of the result in all inputs, except along sides of 1, which are broadcast.
    pub(crate) fn broadcast(&self) -> Cut {
        let take = |range: &Range<usize>, have: usize| if have == 1 { 0..1 } else { range.clone() };
        let Window { n, rows } = self.window;
        let inputs = self.inputs.iter().map(|ty| Window { n: take(n, ty.shape.n), rows: take(rows, ty.shape.h) });
        Cut { op: *self.op, inputs: inputs.collect() }
    }
}

/// The input rows under a sliding window for a range of output rows, and the padding that remains above and below them.
/// `None` if the window begins below the image.
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
    // Such a range lies in the padding alone: there is no row to bind.
    if first >= height {
        return None;
    }
    let rows = first..last.max(first + 1);
    let top = (padding.top + first).saturating_sub(begin);
    let bottom = (end - begin).saturating_sub(top + rows.len());
    Some((rows, Padding { top, bottom, ..padding }))
}
