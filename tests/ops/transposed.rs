//! Transposed convolution: PyTorch's sizes, Keras' `same`, every stride, dilation, group and padding.

use std::collections::BTreeSet;

use atrous_graph::op::{Conv2d, Conv2dGradInput, Padding};
use atrous_graph::{Op, Shape, TensorType};
use atrous_kernels::conv::GRAD_INPUT_VARIANTS;
use atrous_tests::{Case, device, is_reachable};

fn case(y: [usize; 4], channels: usize, kernel: [usize; 2], op: Conv2dGradInput, bias: bool) -> Case {
    let [n, h, w, c] = y;
    let filter = Shape::new(kernel[0], kernel[1], channels / op.conv.groups, c);
    let mut inputs = vec![TensorType::image(Shape::new(n, h, w, c)), TensorType::filter(filter)];
    if bias {
        inputs.push(TensorType::image(Shape::channels(channels)));
    }
    Case { op: Op::Conv2dGradInput(op), inputs }
}

struct Torch {
    y: [usize; 4],
    channels: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    output_padding: usize,
    dilation: usize,
    groups: usize,
}

const BASE: Torch =
    Torch { y: [1, 5, 6, 4], channels: 3, kernel: 3, stride: 2, padding: 1, output_padding: 0, dilation: 1, groups: 1 };

impl Torch {
    fn case(&self) -> Case {
        let conv = Conv2d {
            stride: [self.stride; 2],
            dilation: [self.dilation; 2],
            padding: Padding::symmetric(self.padding, self.padding),
            groups: self.groups,
        };
        let kernel = [self.kernel; 2];
        let op = Conv2dGradInput::transposed(conv, [self.y[1], self.y[2]], kernel, [self.output_padding; 2]);
        case(self.y, self.channels, kernel, op.expect("a legal size"), self.padding != 1)
    }
}

fn check(cases: &[Case]) -> BTreeSet<&'static str> {
    let device = device();
    cases.iter().flat_map(|c| c.expect().check_variants(&device, &device.target())).collect()
}

#[test]
fn pytorchs_parameters() {
    let served = check(&[
        BASE.case(),
        Torch { kernel: 2, padding: 0, y: [2, 5, 7, 6], ..BASE }.case(),
        Torch { output_padding: 1, ..BASE }.case(),
        Torch { stride: 1, ..BASE }.case(),
        Torch { stride: 1, kernel: 2, padding: 0, ..BASE }.case(),
        Torch { kernel: 4, groups: 2, channels: 12, y: [1, 5, 4, 8], ..BASE }.case(),
        Torch { kernel: 4, groups: 6, channels: 6, y: [2, 5, 5, 6], ..BASE }.case(),
        Torch { groups: 5, channels: 10, y: [1, 3, 4, 5], padding: 0, ..BASE }.case(),
        Torch { stride: 1, padding: 2, dilation: 2, y: [1, 6, 5, 4], ..BASE }.case(),
        Torch { padding: 2, dilation: 2, output_padding: 1, ..BASE }.case(),
        Torch { kernel: 16, stride: 8, padding: 4, y: [1, 4, 3, 3], ..BASE }.case(),
        // A kernel shorter than the stride leaves positions that no tap reaches.
        Torch { kernel: 1, stride: 3, padding: 0, ..BASE }.case(),
        Torch { kernel: 2, stride: 5, padding: 0, output_padding: 4, ..BASE }.case(),
    ]);
    let target = device().target();
    let all = GRAD_INPUT_VARIANTS.iter().filter(|name| is_reachable(name, &target));
    let never: Vec<_> = all.filter(|name| !served.contains(*name)).collect();
    assert!(never.is_empty(), "variants that no case reaches: {never:?}; served: {served:?}");
}

#[test]
fn sizes_and_channels() {
    check(&[
        Torch { y: [1, 1, 1, 1], channels: 1, kernel: 2, padding: 0, ..BASE }.case(),
        Torch { y: [3, 7, 5, 257], channels: 3, kernel: 2, padding: 0, ..BASE }.case(),
        Torch { y: [1, 4, 4, 21], channels: 130, ..BASE }.case(),
        Torch { y: [1, 8, 8, 64], channels: 32, kernel: 2, padding: 0, ..BASE }.case(),
        Torch { y: [1, 9, 5, 68], channels: 36, kernel: 3, ..BASE }.case(),
        Torch { y: [1, 23, 19, 20], channels: 72, kernel: 3, ..BASE }.case(),
        Torch { y: [2, 37, 41, 260], channels: 260, groups: 260, stride: 1, padding: 0, ..BASE }.case(),
        Torch { y: [1, 40, 43, 520], channels: 520, groups: 520, stride: 1, dilation: 2, ..BASE }.case(),
    ]);
}

#[test]
fn keras_same_and_uneven_axes() {
    let same = |stride: [usize; 2], kernel: [usize; 2]| {
        case([2, 5, 7, 4], 3, kernel, Conv2dGradInput::transposed_same(stride, [5, 7], kernel), true)
    };
    check(&[
        same([2, 2], [2, 2]),
        same([2, 2], [3, 3]),
        same([2, 2], [4, 4]),
        same([1, 1], [3, 3]),
        same([3, 2], [2, 5]),
        same([2, 3], [1, 1]),
    ]);
}

#[test]
fn results_longer_and_shorter_than_the_taps_reach() {
    let conv = Conv2d { stride: [2, 2], padding: Padding::symmetric(1, 0), ..Conv2d::default() };
    check(&[
        case([1, 4, 4, 5], 6, [3, 3], Conv2dGradInput { conv, h: 20, w: 3 }, true),
        case([1, 4, 4, 5], 6, [3, 3], Conv2dGradInput { conv, h: 1, w: 15 }, false),
    ]);
}
