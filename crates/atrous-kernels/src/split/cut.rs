//! What a range of the result needs of each input, and the operation between the two.

use std::ops::Range;

use atrous_graph::op::{
    AdaptiveAvgPool, AdaptiveAvgPoolGrad, AvgPool, Conv2d, Conv2dGradInput, CustomCut, Flip, Fused, FusedConv,
    Gradient, MaxPool, MaxPoolIndices, Padding, Place, ResizeArgMax, ResizeCrossEntropyGrad, Slice, Window as Pool,
};
use atrous_graph::{Layout, Op, TensorType};

use super::Window;
use crate::{movement, pool, resize};

/// An operation on parts.
pub(super) struct Cut {
    /// The operation with its padding adjusted.
    pub(super) op: Op,
    /// The window of each input.
    pub(super) inputs: Vec<Window>,
}

/// None if the range cannot be computed on its own.
pub(super) fn cut(op: &Op, inputs: &[TensorType], output: TensorType, out: &Window) -> Option<Cut> {
    let rows_whole = out.rows.len() == output.shape.h;
    // What has no inputs has none to cut.
    let size = inputs.first().map_or(output.shape, |ty| ty.shape);
    let image = |rows: Range<usize>| Window { n: out.n.clone(), rows };
    // The first input in part, all others (filters, statistics) whole.
    let first = |op: Op, window: Window| {
        let rest = inputs[1..].iter().map(|ty| Window::whole(*ty));
        Some(Cut { op, inputs: std::iter::once(window).chain(rest).collect() })
    };
    // The same window of all inputs.
    let all = |window: Window| Some(Cut { op: *op, inputs: vec![window; inputs.len()] });
    // The first so many inputs in the part of the result, all others (vectors) whole.
    let alike = |count: usize| {
        let window = |i: usize, ty: &TensorType| if i < count { out.clone() } else { Window::whole(*ty) };
        Some(Cut { op: *op, inputs: inputs.iter().enumerate().map(|(i, ty)| window(i, ty)).collect() })
    };
    let all_rows = || image(0..size.h);
    // What is resized in some rows, so many others in rows of the resized, all others (class weights) whole.
    let resized = |x: Range<usize>, count: usize, rows: Range<usize>| {
        let mut cut = first(*op, image(x))?;
        cut.inputs[1..=count].fill(image(rows));
        Some(cut)
    };
    if let Op::Fused(Fused::Conv(fused)) = op {
        let split = fused.conv_inputs();
        let mut conv = cut(&fused.conv.op(), &inputs[..split], output, out)?;
        conv.op = Op::Fused(Fused::Conv(FusedConv { conv: FusedConv::of(&conv.op, split)?.conv, ..*fused }));
        // A residual is as large as the result, or a pixel of each sample.
        let pixel = |ty: &TensorType| ty.shape.h == 1 && output.shape.h > 1;
        let window = |ty| if pixel(ty) { image(0..1) } else { out.clone() };
        conv.inputs.extend(inputs[split..].iter().map(window));
        return Some(conv);
    }
    match op {
        Op::Custom(custom) => cut_custom(op, custom.cut(), inputs, output, out),
        Op::Input
        | Op::Parameter
        | Op::Reduce(_)
        | Op::Fused(Fused::BatchStatistics)
        | Op::ChannelVariance
        | Op::Gradient(Gradient::BatchNormSums(_))
        | Op::Fused(Fused::BatchNormGradSums(_))
        | Op::Gradient(Gradient::Conv2dWeight(_))
        | Op::Fused(Fused::Conv(_))
        | Op::RunningStat(_) => None,
        // All rows of the result: all rows of the input, so that several samples are contiguous.
        Op::Conv2d(_)
        | Op::Conv2dGradInput(_)
        | Op::MaxPool(_)
        | Op::Gradient(Gradient::MaxPoolIndices(_))
        | Op::AvgPool(_)
        | Op::AdaptiveAvgPool(_)
        | Op::Gradient(Gradient::AvgPool(_) | Gradient::AdaptiveAvgPool(_))
        | Op::Resize(_)
        | Op::Fused(Fused::ArgMax(_))
        | Op::Gradient(Gradient::Resize(_))
        | Op::Pad(_)
        | Op::Gradient(Gradient::Pad(_))
            if rows_whole =>
        {
            first(*op, all_rows())
        }
        Op::Conv2d(conv) => {
            let reach = (inputs[1].shape.n - 1) * conv.dilation[0] + 1;
            let (rows, padding) = rows_under(&out.rows, size.h, conv.stride[0], reach, conv.padding)?;
            first(Op::Conv2d(Conv2d { padding, ..*conv }), image(rows))
        }
        Op::Conv2dGradInput(g) => {
            let (rows, padding) = rows_spread(&out.rows, size.h, inputs[1].shape.n, g)?;
            let conv = Conv2d { padding, ..g.conv };
            first(Op::Conv2dGradInput(Conv2dGradInput { conv, h: out.rows.len(), w: g.w }), image(rows))
        }
        Op::MaxPool(MaxPool { window }) => {
            let (rows, window) = pool_rows(window, &out.rows, size.h)?;
            first(Op::MaxPool(MaxPool { window }), image(rows))
        }
        Op::Gradient(Gradient::MaxPoolIndices(MaxPoolIndices { window })) => {
            let (rows, window) = pool_rows(window, &out.rows, size.h)?;
            first(Op::Gradient(Gradient::MaxPoolIndices(MaxPoolIndices { window })), image(rows))
        }
        Op::AvgPool(avg) => {
            let (rows, window) = pool_rows(&avg.window, &out.rows, size.h)?;
            first(Op::AvgPool(AvgPool { window, ..*avg }), image(rows))
        }
        Op::AdaptiveAvgPool(AdaptiveAvgPool { h, .. }) => {
            first(*op, image(resize::adaptive_input_rows(*h, size.h, out.rows.clone())))
        }
        Op::Resize(r) | Op::Fused(Fused::ArgMax(ResizeArgMax(r))) => {
            first(*op, image(resize::input_rows(r, size, out.rows.clone())))
        }
        Op::Pad(pad) => first(*op, image(movement::pad_input_rows(pad, size.h, out.rows.clone()))),
        Op::Gradient(Gradient::MaxPool(_)) if rows_whole => all(all_rows()),
        Op::Gradient(Gradient::MaxPool(g)) => all(image(pool::max_grad_rows(&g.window, size.h, out.rows.clone()))),
        Op::Gradient(Gradient::AvgPool(g)) => first(*op, image(resize::avg_grad_rows(g, size, out.rows.clone()))),
        Op::Gradient(Gradient::AdaptiveAvgPool(AdaptiveAvgPoolGrad { h, .. })) => {
            first(*op, image(resize::adaptive_grad_rows(*h, size, out.rows.clone())))
        }
        Op::Gradient(Gradient::Resize(g)) => first(*op, image(resize::resize_grad_rows(g, out.rows.clone()))),
        Op::Gradient(Gradient::Pad(g)) => first(*op, image(resize::pad_grad_rows(g, out.rows.clone()))),
        Op::Slice(slice) => {
            let shift = |r: &Range<usize>, by: usize| r.start + by..r.end + by;
            let n = shift(&out.n, slice.start[0]);
            // All rows of several samples, or just the rows of one.
            let (rows, top) = if out.n.len() > 1 || rows_whole {
                (0..size.h, slice.start[1])
            } else {
                (shift(&out.rows, slice.start[1]), 0)
            };
            let mut part = slice.size;
            (part.n, part.h) = (out.n.len(), out.rows.len());
            let start = [0, top, slice.start[2], slice.start[3]];
            first(Op::Slice(Slice { start, size: part }), Window { n, rows })
        }
        Op::Flip(Flip { vertical, .. }) => {
            let rows = if *vertical { size.h - out.rows.end..size.h - out.rows.start } else { out.rows.clone() };
            first(*op, image(rows))
        }
        Op::BatchNorm(_)
        | Op::ChannelMaxPool(_)
        | Op::ChannelSum
        | Op::Unary(_)
        | Op::Softmax
        | Op::LogSoftmax
        | Op::ArgMax
        | Op::Dropout(_)
        | Op::OneHot(_)
        | Op::LabelWeight(_)
        | Op::StopGradient
        | Op::Cast(_) => first(*op, image(out.rows.clone())),
        Op::Fused(Fused::BatchNorm(fused)) => {
            let mut cut = first(*op, out.clone())?;
            cut.inputs.iter_mut().skip(inputs.len() - usize::from(fused.residual)).for_each(|r| *r = out.clone());
            Some(cut)
        }
        Op::Gradient(Gradient::BatchNorm(_))
        | Op::Fused(Fused::BatchNormGrad(_))
        | Op::Gradient(Gradient::Unary(_) | Gradient::Softmax | Gradient::LogSoftmax)
        | Op::CrossEntropy(_) => alike(2),
        Op::Gradient(Gradient::CrossEntropy(_)) => alike(3),
        Op::Fused(Fused::CrossEntropy(_)) if rows_whole => resized(0..size.h, 1, 0..inputs[1].shape.h),
        Op::Fused(Fused::CrossEntropy(f)) => {
            resized(resize::input_rows(&f.resize, size, out.rows.clone()), 1, out.rows.clone())
        }
        Op::Fused(Fused::CrossEntropyGrad(_)) if rows_whole => resized(0..size.h, 2, 0..inputs[1].shape.h),
        Op::Fused(Fused::CrossEntropyGrad(ResizeCrossEntropyGrad(f))) => {
            let rows = resize::resize_grad_rows(&f.resize_grad(size), out.rows.clone());
            // What these rows are made of, and the pixels themselves, which may count for none.
            let x = resize::input_rows(&f.resize, size, rows.clone());
            resized(x.start.min(out.rows.start)..x.end.max(out.rows.end), 2, rows)
        }
        Op::Concat | Op::Fused(Fused::Chain(_)) | Op::Gradient(Gradient::ChannelMaxPool(_)) | Op::Fill(_) => {
            all(out.clone())
        }
        Op::Place(place) => {
            let (n, from_n) = under(&out.n, place.start[0], size.n);
            // All rows of several samples, or those of one that the rows hold.
            let (rows, from_row) =
                if rows_whole { (0..size.h, place.start[1]) } else { under(&out.rows, place.start[1], size.h) };
            let mut shape = place.shape;
            (shape.n, shape.h) = (out.n.len(), out.rows.len());
            let start = [from_n, from_row, place.start[2], place.start[3]];
            first(Op::Place(Place { start, shape }), Window { n, rows })
        }
        Op::Binary(_) | Op::Broadcast(_) => {
            let take = |range: &Range<usize>, have: usize| if have == 1 { 0..1 } else { range.clone() };
            let inputs =
                inputs.iter().map(|ty| Window { n: take(&out.n, ty.shape.n), rows: take(&out.rows, ty.shape.h) });
            Some(Cut { op: *op, inputs: inputs.collect() })
        }
    }
}

/// What a range of a custom operation's result is made of, if it says that ranges can be computed alone: the same range of the
/// inputs that have as many samples, or rows, and all of the others.
fn cut_custom(op: &Op, cut: CustomCut, inputs: &[TensorType], output: TensorType, out: &Window) -> Option<Cut> {
    let rows_whole = out.rows.len() == output.shape.h;
    if cut == CustomCut::Whole || (cut == CustomCut::Samples && !rows_whole) || output.layout == Layout::Filter {
        return None;
    }
    let window = |ty: &TensorType| {
        let mut window = Window::whole(*ty);
        if ty.layout == Layout::Image && ty.shape.n == output.shape.n {
            window.n = out.n.clone();
        }
        if ty.layout == Layout::Image && ty.shape.h == output.shape.h && !rows_whole && window.n.len() == 1 {
            window.rows = out.rows.clone();
        }
        window
    };
    Some(Cut { op: *op, inputs: inputs.iter().map(window).collect() })
}

/// The part of a box of `size` from `start` on that lies within a range, and where in the range it begins. Of a box beside the
/// range one row, which begins past the range's end.
fn under(out: &Range<usize>, start: usize, size: usize) -> (Range<usize>, usize) {
    let (from, to) = (out.start.max(start), out.end.min(start + size));
    if from < to { (from - start..to - start, from - out.start) } else { (0..1, out.len()) }
}

/// Input rows under a sliding window for a range of output rows, and the padding that remains above and below them.
fn rows_under(
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

/// Rows of `y` that a transposed convolution spreads over a range of result rows.
fn rows_spread(
    out: &Range<usize>,
    height: usize,
    kernel: usize,
    g: &Conv2dGradInput,
) -> Option<(Range<usize>, Padding)> {
    let (stride, top) = (g.conv.stride[0], g.conv.padding.top);
    let reach = (kernel - 1) * g.conv.dilation[0];
    let first = ((out.start + top).saturating_sub(reach) / stride).min(height - 1);
    let last = ((out.end - 1 + top) / stride + 1).min(height).max(first + 1);
    let padding = Padding { top: (top + out.start).checked_sub(first * stride)?, ..g.conv.padding };
    Some((first..last, padding))
}

/// Like [`rows_under`] for pooling, where what lies below matters: padding counts in the divisor, positions past it do not.
fn pool_rows(window: &Pool, out: &Range<usize>, height: usize) -> Option<(Range<usize>, Pool)> {
    let reach = (window.kernel[0] - 1) * window.dilation[0] + 1;
    let (rows, padding) = rows_under(out, height, window.stride[0], reach, window.padding)?;
    let bottom = if rows.end == height { window.padding.bottom } else { 0 };
    Some((rows, Pool { padding: Padding { bottom, ..padding }, ..*window }))
}
