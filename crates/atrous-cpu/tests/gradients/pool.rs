use atrous_graph::op::{
    AdaptiveAvgPool, AdaptiveAvgPoolGrad, AvgPool, AvgPoolGrad, ChannelMaxPool, ChannelMaxPoolGrad, Gradient, MaxPool,
    MaxPoolGrad, MaxPoolIndices, Padding, Window,
};
use atrous_graph::{Op, Shape};

use crate::check::{check, distinct, eval};
use crate::table::{Read, Row, check_all};

const IMAGE: Shape = Shape::new(2, 7, 6, 3);

/// Windows that overlap, leave pixels out, are padded unevenly, or run over the end.
fn windows() -> Vec<Window> {
    let padding = Padding { top: 1, bottom: 0, left: 0, right: 1 };
    let around = Padding::symmetric(1, 1);
    vec![
        Window::new([2, 2], [2, 2]),
        Window::new([3, 2], [1, 1]),
        Window::new([1, 2], [3, 3]),
        Window::new([7, 6], [1, 1]),
        Window { padding: around, ..Window::new([3, 3], [2, 2]) },
        Window { padding, ..Window::new([2, 3], [2, 1]) },
        Window { ceil_mode: true, ..Window::new([2, 4], [3, 4]) },
        Window { padding: around, ceil_mode: true, ..Window::new([3, 3], [2, 2]) },
        Window { padding, ceil_mode: true, ..Window::new([3, 2], [3, 3]) },
    ]
}

#[test]
fn max_pool() {
    let x = distinct(IMAGE, 1);
    let dilated = [
        Window { dilation: [2, 3], ..Window::new([3, 2], [1, 1]) },
        Window { dilation: [3, 2], padding: Padding::symmetric(1, 1), ceil_mode: true, ..Window::new([2, 2], [2, 3]) },
    ];
    for window in windows().into_iter().chain(dilated) {
        let indices = eval(Op::Gradient(Gradient::MaxPoolIndices(MaxPoolIndices { window })), &[&x]);
        let grad = MaxPoolGrad { window, h: IMAGE.h, w: IMAGE.w };
        check(
            &format!("{window:?}"),
            &x,
            |x| eval(Op::MaxPool(MaxPool { window }), &[x]),
            |u| eval(Op::Gradient(Gradient::MaxPool(grad)), &[u, &indices]),
        );
    }
}

#[test]
fn average_pool() {
    let counts = [(true, None), (false, None), (true, Some(5)), (false, Some(2))];
    check_all(windows().into_iter().flat_map(|window| {
        counts.map(|(count_include_pad, divisor)| {
            let pool = AvgPool { window, count_include_pad, divisor };
            let grad = AvgPoolGrad { pool, h: IMAGE.h, w: IMAGE.w };
            Row::linear(Op::AvgPool(pool), IMAGE, Op::Gradient(Gradient::AvgPool(grad)))
        })
    }));
}

fn adaptive(h: usize, w: usize) -> Row {
    let gradient = AdaptiveAvgPoolGrad { h: IMAGE.h, w: IMAGE.w };
    let gradient = Op::Gradient(Gradient::AdaptiveAvgPool(gradient));
    Row::linear(Op::AdaptiveAvgPool(AdaptiveAvgPool { h, w }), IMAGE, gradient)
}

fn channel_max(window: usize, stride: usize) -> Row {
    let (op, x) = (ChannelMaxPool { window, stride }, distinct(Shape::new(2, 2, 3, 11), 2));
    let gradient = Op::Gradient(Gradient::ChannelMaxPool(ChannelMaxPoolGrad(op)));
    Row::new(Op::ChannelMaxPool(op), vec![x], gradient, [Read::Input(0), Read::Dy])
}

/// Bins that divide the image, bins that overlap, more bins than pixels; and pools over channels.
#[test]
fn every_line() {
    check_all([
        adaptive(1, 1),
        adaptive(7, 6),
        adaptive(3, 2),
        adaptive(5, 4),
        adaptive(2, 5),
        adaptive(9, 13),
        channel_max(2, 2),
        channel_max(3, 1),
        channel_max(4, 2),
        channel_max(1, 3),
        channel_max(2, 5),
        channel_max(11, 1),
        channel_max(1, 1),
    ]);
}
