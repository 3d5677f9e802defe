//! The operations and shapes that a device is examined with: small, odd in every side, and together they reach every kernel.

use atrous_graph::op::*;
use atrous_graph::{DType, Op, Shape, TensorType};

/// An operation, and the types of its inputs.
pub(super) type Case = (Op, Vec<TensorType>);

const X: Shape = Shape::new(2, 5, 7, 21);

/// All cases, simple operations first.
pub(super) fn cases() -> Vec<Case> {
    [pointwise(), movement(), pooling(), normalisation(), losses(), convolutions()].concat()
}

fn images(op: Op, shapes: &[Shape]) -> Case {
    (op, shapes.iter().map(|shape| TensorType::image(*shape)).collect())
}

fn gradient(op: Gradient, shapes: &[Shape]) -> Case {
    images(Op::Gradient(op), shapes)
}

fn fused(op: Fused, shapes: &[Shape]) -> Case {
    images(Op::Fused(op), shapes)
}

fn pointwise() -> Vec<Case> {
    let functions = Unary::EXAMPLES
        .into_iter()
        .flat_map(|f| [images(Op::Unary(f), &[X]), gradient(Gradient::Unary(UnaryGrad(f)), &[X, X])]);
    let chain = [Step::Mul, Step::UnaryGrad(Unary::HardSwish), Step::Add, Step::Unary(Unary::Relu)];
    let chain = Chain::new(&chain).expect("a chain of four steps");
    let map = Shape { c: 1, ..X };
    let binary = [Binary::Add, Binary::Sub, Binary::Mul, Binary::DivNoNan, Binary::Equal].map(Op::Binary);
    let pairs = [[X, X], [X, Shape::channels(X.c)], [X, map], [X, Shape { w: 1, ..X }]];
    let binary = binary.into_iter().flat_map(|op| pairs.map(|pair| images(op, &pair)));
    let dropout = Dropout { rate: 0.3, stream: 1, unit: DropoutUnit::Element };
    let seed = TensorType::map(Shape::channels(1));
    let others = [
        images(Op::Softmax, &[X]),
        images(Op::LogSoftmax, &[X]),
        gradient(Gradient::Softmax, &[X, X]),
        gradient(Gradient::LogSoftmax, &[X, X]),
        fused(Fused::Chain(chain), &[X; 4]),
        (Op::Dropout(dropout), vec![TensorType::image(X), seed]),
    ];
    functions.chain(binary).chain(others).collect()
}

fn movement() -> Vec<Case> {
    let padding = Padding { top: 1, bottom: 2, left: 0, right: 3 };
    let modes = [PadMode::Constant(-1.5), PadMode::Reflect, PadMode::Replicate];
    let pads = modes.map(|mode| images(Op::Pad(Pad { padding, mode }), &[X]));
    let others = [
        images(Op::Concat, &[X, Shape { c: 3, ..X }, Shape { c: 8, ..X }]),
        images(Op::Slice(Slice::channels(X, 3, 5)), &[X]),
        images(Op::Slice(Slice::crop(X, 2, 1, 3, 4)), &[X]),
        images(Op::Place(Place { start: [0, 1, 2, 3], shape: Shape::new(2, 7, 9, 30) }), &[X]),
        images(Op::Flip(Flip { vertical: true, horizontal: false }), &[X]),
        images(Op::Permute(Permute { axes: [0, 3, 1, 2] }), &[X]),
        images(Op::Broadcast(Broadcast { shape: X }), &[Shape { h: 1, ..X }]),
        (Op::Fill(Fill { shape: X, value: -1.5 }), Vec::new()),
        images(Op::Cast(Cast { dtype: DType::F16 }), &[X]),
    ];
    pads.into_iter().chain(others).collect()
}

fn pooling() -> Vec<Case> {
    let window = Window { padding: Padding::symmetric(1, 1), ceil_mode: true, ..Window::new([3, 3], [2, 2]) };
    let channels = ChannelMaxPool { window: 3, stride: 2 };
    let max = Op::MaxPool(MaxPool { window });
    let pooled = max.infer(&[TensorType::image(X)]).expect("a window that fits").shape;
    let large = Shape::new(3, 65, 67, 5);
    let reductions = [Reduce::MEAN_NHW, Reduce::MAX_HW, Reduce { reduction: Reduction::Sum, ..Reduce::MEAN_NHW }];
    let reductions = reductions.into_iter().flat_map(|op| [X, large].map(|shape| images(Op::Reduce(op), &[shape])));
    let antialias = Resize { interpolation: Interpolation::BilinearAntialias, ..Resize::nearest(3, 4) };
    // Weights that are multiples of 1/4, so that equal values stay equal.
    let exact = [Resize::nearest(11, 4), Resize::bilinear(10, 14, Coordinates::HalfPixel)];
    let resizes = exact.into_iter().chain([antialias]).map(|op| images(Op::Resize(op), &[X]));
    let maps = exact.map(|op| fused(Fused::ArgMax(ResizeArgMax(op)), &[X]));
    let others = [
        images(max, &[X]),
        (
            Op::Gradient(Gradient::MaxPool(MaxPoolGrad { window, h: X.h, w: X.w })),
            vec![TensorType::image(pooled), TensorType::map(pooled)],
        ),
        gradient(Gradient::MaxPoolIndices(MaxPoolIndices { window }), &[X]),
        images(Op::AvgPool(AvgPool { window, count_include_pad: false, divisor: None }), &[X]),
        images(Op::AdaptiveAvgPool(AdaptiveAvgPool { h: 3, w: 2 }), &[X]),
        images(Op::ChannelMaxPool(channels), &[X]),
        gradient(Gradient::ChannelMaxPool(ChannelMaxPoolGrad(channels)), &[X, Shape { c: 10, ..X }]),
        images(Op::ArgMax, &[X]),
        images(Op::ChannelSum, &[X]),
    ];
    reductions.chain(resizes).chain(maps).chain(others).collect()
}

fn normalisation() -> Vec<Case> {
    let c = Shape::channels(X.c);
    let both = Shape { n: 2, ..c };
    let large = Shape::new(3, 65, 67, 5);
    let norm = BatchNorm { eps: 1e-3, scale: true, shift: true, batch: false };
    let relu = Some(Unary::Relu);
    let with = FusedBatchNormGrad { eps: 1e-3, batch: true, activation: Unary::Relu };
    vec![
        images(Op::BatchNorm(norm), &[X, c, c, c, c]),
        fused(Fused::BatchNorm(FusedBatchNorm { norm, residual: true, activation: relu }), &[X, c, c, c, c, X]),
        images(Op::ChannelVariance, &[X, c]),
        fused(Fused::BatchStatistics, &[X]),
        fused(Fused::BatchStatistics, &[large]),
        images(Op::RunningStat(RunningStat { keep: 0.9, take: 0.11, sample: 0 }), &[c, c]),
        gradient(Gradient::BatchNorm(BatchNormGrad { eps: 1e-3, scale: true, batch: true }), &[X, X, c, c, c, both]),
        gradient(Gradient::BatchNormSums(BatchNormGradSums { eps: 1e-3 }), &[X, X, c, c]),
        fused(Fused::BatchNormGradSums(FusedBatchNormGradSums(with)), &[X, X, both, both, c, c]),
        fused(Fused::BatchNormGrad(with), &[X, X, both, both, c, c, both]),
    ]
}

fn losses() -> Vec<Case> {
    let (pixels, larger) = (Shape { c: 1, ..X }, Shape::new(2, 10, 14, 1));
    let loss = CrossEntropy { ignore: Some(1), smoothing: 0.1 };
    let resize = Resize::bilinear(10, 14, Coordinates::HalfPixel);
    let resized = ResizeCrossEntropy { resize, loss };
    let of = |op: Op, labels: Shape, dy: bool, weights: bool| -> Case {
        let mut inputs = vec![TensorType::image(X), TensorType::map(labels)];
        inputs.extend(dy.then_some(TensorType::image(labels)));
        inputs.extend(weights.then_some(TensorType::image(Shape::channels(X.c))));
        (op, inputs)
    };
    let mut cases = Vec::new();
    for weights in [false, true] {
        cases.push(of(Op::CrossEntropy(loss), pixels, false, weights));
        cases.push(of(Op::Gradient(Gradient::CrossEntropy(CrossEntropyGrad(loss))), pixels, true, weights));
        cases.push(of(Op::Fused(Fused::CrossEntropy(resized)), larger, false, weights));
        cases.push(of(Op::Fused(Fused::CrossEntropyGrad(ResizeCrossEntropyGrad(resized))), larger, true, weights));
    }
    let labels = vec![TensorType::map(pixels)];
    cases.push((Op::OneHot(OneHot { classes: X.c, ignore: Some(1) }), labels.clone()));
    cases.push((Op::LabelWeight(LabelWeight { classes: X.c, ignore: Some(1) }), labels));
    cases
}

/// A convolution of an image of this shape to `cout` channels.
struct Row {
    x: Shape,
    cout: usize,
    kernel: [usize; 2],
    conv: Conv2d,
}

impl Row {
    const fn new(x: Shape, cout: usize, kernel: usize, stride: usize, dilation: usize, groups: usize) -> Self {
        let pad = kernel / 2 * dilation;
        let conv =
            Conv2d { stride: [stride; 2], dilation: [dilation; 2], padding: Padding::symmetric(pad, pad), groups };
        Self { x, cout, kernel: [kernel; 2], conv }
    }

    /// Forward, as a transposed convolution, the gradient of the filter, and forward with bias, residual and function.
    fn cases(&self) -> Vec<Case> {
        let [kh, kw] = self.kernel;
        let filter = TensorType::filter(Shape::new(kh, kw, self.x.c / self.conv.groups, self.cout));
        let x = TensorType::image(self.x);
        let y = Op::Conv2d(self.conv).infer(&[x, filter]).expect("a legal convolution");
        let back = Op::Conv2dGradInput(Conv2dGradInput { conv: self.conv, h: self.x.h, w: self.x.w });
        let weight = Conv2dGradWeight { conv: self.conv, kernel: self.kernel };
        let plain = Op::Conv2d(self.conv);
        let bias = TensorType::image(Shape::channels(self.cout));
        let ends = FusedConv::of(&plain, 3).map(|conv| {
            let conv = FusedConv { residual: true, activation: Some(Unary::Relu), ..conv };
            (Op::Fused(Fused::Conv(conv)), vec![x, filter, bias, y])
        });
        let cases = [
            (plain, vec![x, filter]),
            (back, vec![y, filter]),
            (Op::Gradient(Gradient::Conv2dWeight(weight)), vec![x, y]),
        ];
        cases.into_iter().chain(ends).collect()
    }
}

fn convolutions() -> Vec<Case> {
    let rows = [
        Row::new(Shape::new(2, 9, 7, 12), 20, 3, 1, 1, 1),
        Row::new(Shape::new(1, 9, 11, 3), 24, 3, 2, 1, 1),
        Row::new(Shape::new(1, 8, 9, 36), 40, 1, 1, 1, 1),
        Row::new(Shape::new(2, 9, 7, 8), 12, 3, 2, 2, 1),
        Row::new(Shape::new(1, 6, 7, 6), 9, 3, 1, 1, 3),
        Row::new(Shape::new(2, 9, 10, 12), 12, 3, 1, 1, 12),
        Row::new(Shape::new(1, 9, 7, 5), 15, 3, 2, 1, 5),
        Row::new(Shape::new(1, 9, 10, 12), 12, 5, 2, 1, 12),
    ];
    rows.iter().flat_map(Row::cases).collect()
}
