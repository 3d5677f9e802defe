use atrous_graph::op::{
    AdaptiveAvgPool, AdaptiveAvgPoolGrad, AvgPool, AvgPoolGrad, ChannelMaxPool, ChannelMaxPoolGrad, Gradient, MaxPool,
    MaxPoolGrad, MaxPoolIndices, Padding, Window,
};
use atrous_graph::{Op, Shape};

use crate::check::{check, distinct, eval, linear};

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
    for window in windows() {
        for (count_include_pad, divisor) in [(true, None), (false, None), (true, Some(5)), (false, Some(2))] {
            let pool = AvgPool { window, count_include_pad, divisor };
            let grad = AvgPoolGrad { pool, h: IMAGE.h, w: IMAGE.w };
            linear(
                &format!("{pool:?}"),
                IMAGE,
                |x| eval(Op::AvgPool(pool), &[x]),
                |u| eval(Op::Gradient(Gradient::AvgPool(grad)), &[u]),
            );
        }
    }
}

/// Bins that divide the image, that overlap, and that are more than its pixels.
#[test]
fn adaptive_average_pool() {
    for (h, w) in [(1, 1), (7, 6), (3, 2), (5, 4), (2, 5), (9, 13)] {
        linear(
            &format!("{h}×{w} bins"),
            IMAGE,
            |x| eval(Op::AdaptiveAvgPool(AdaptiveAvgPool { h, w }), &[x]),
            |u| eval(Op::Gradient(Gradient::AdaptiveAvgPool(AdaptiveAvgPoolGrad { h: IMAGE.h, w: IMAGE.w })), &[u]),
        );
    }
}

#[test]
fn channel_max_pool() {
    let x = distinct(Shape::new(2, 2, 3, 11), 2);
    for (window, stride) in [(2, 2), (3, 1), (4, 2), (1, 3), (2, 5), (11, 1), (1, 1)] {
        let op = ChannelMaxPool { window, stride };
        check(
            &format!("{op:?}"),
            &x,
            |x| eval(Op::ChannelMaxPool(op), &[x]),
            |u| eval(Op::Gradient(Gradient::ChannelMaxPool(ChannelMaxPoolGrad(op))), &[&x, u]),
        );
    }
}
