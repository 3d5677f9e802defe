//! What is not finite stays so. All suites run each of their cases with a NaN too (`atrous_tests::Expected::check`); here are the places
//! where it would get lost most easily, and infinities.

use atrous_graph::op::*;
use atrous_graph::{Op, Shape, TensorType};
use atrous_tests::{Case, Expected, device};

const NAN: f32 = f32::NAN;
const INF: f32 = f32::INFINITY;

fn run(expected: &Expected) -> Vec<f32> {
    let device = device();
    expected.result(&device, &device.target())
}

/// Both are NaN, or the same but for rounding.
fn assert_like(got: &[f32], want: &[f32], what: &str) {
    let like = |got: f32, want: f32| {
        (got.is_nan() && want.is_nan()) || got == want || (got - want).abs() <= 1e-5 * want.abs() + 1e-37
    };
    let all = got.len() == want.len() && got.iter().zip(want).all(|(got, want)| like(*got, *want));
    assert!(all, "{what}: got {got:?}, not {want:?}");
}

fn row(values: &[f32]) -> Shape {
    Shape::new(1, 1, values.len(), 1)
}

#[test]
fn functions_of_what_is_not_finite() {
    for f in Unary::EXAMPLES {
        let x = [NAN, -NAN, 1.0, INF, -INF, -1.0];
        let got = run(&Case::images(Op::Unary(f), &[row(&x)]).expect_with(vec![x.to_vec()]));
        assert!(got[0].is_nan() && got[1].is_nan() && !got[2].is_nan(), "{f:?} of {x:?}: {got:?}");
        let limits = match f {
            Unary::Relu | Unary::Softplus | Unary::Sqrt | Unary::Pow { .. } => [INF, 0.0],
            Unary::Relu6 => [6.0, 0.0],
            Unary::LeakyRelu { .. } => [INF, -INF],
            Unary::Elu { alpha } => [INF, -alpha],
            Unary::Sigmoid | Unary::HardSigmoid | Unary::Step => [1.0, 0.0],
            Unary::Tanh => [1.0, -1.0],
            Unary::Affine { scale, .. } => [scale * INF, scale * -INF],
            Unary::Abs | Unary::Square | Unary::Huber { .. } => [INF, INF],
            Unary::Exp => [INF, 0.0],
            Unary::Ln => [INF, NAN],
            Unary::Clip { low, high } => [high, low],
            // PyTorch has NaN for negative infinity, the product of it and 0; the limit is 0.
            Unary::Silu | Unary::Gelu | Unary::GeluTanh | Unary::HardSwish => {
                assert_eq!(got[3], INF, "{f:?}");
                continue;
            }
        };
        assert_like(&got[3..5], &limits, &format!("{f:?} of infinities"));
    }
}

/// A gradient that is NaN stays so wherever the function is not constant, and at NaN it takes part.
#[test]
fn gradients_of_functions_at_what_is_not_finite() {
    for f in Unary::EXAMPLES.into_iter().filter(|f| *f != Unary::Step) {
        let (x, dy) = ([NAN, 0.4, 0.3, NAN], [NAN, NAN, 1.0, 1.0]);
        let case = Case::images(Op::Gradient(Gradient::Unary(UnaryGrad(f))), &[row(&x), row(&x)]);
        let got = run(&case.expect_with(vec![x.to_vec(), dy.to_vec()]));
        assert!(got[0].is_nan() && got[1].is_nan() && got[2].is_finite(), "{f:?}: {got:?}");
        let of_line = match f {
            Unary::Relu | Unary::Relu6 | Unary::Abs | Unary::Clip { .. } => 1.0,
            Unary::LeakyRelu { slope } => slope,
            Unary::HardSigmoid => 1.0 / 6.0,
            Unary::Affine { scale, .. } => scale,
            _ => NAN,
        };
        assert_like(&got[3..], &[of_line], &format!("{f:?} at NaN"));
    }
}

#[test]
fn maxima_of_what_is_not_finite() {
    let rows = [
        ([NAN, 1.0, 2.0, 0.5], NAN, 0),
        ([3.0, NAN, 2.0, 0.5], NAN, 1),
        ([1.0, NAN, 2.0, -NAN], NAN, 3),
        ([-INF, -INF, -INF, -INF], -INF, 0),
        ([-INF, 1.0, INF, 2.0], INF, 2),
    ];
    for (x, largest, at) in rows {
        let what = format!("{x:?}");
        let wide = Shape::new(1, 1, 4, 1);
        let deep = Shape::channels(4);
        let window = Window::new([1, 4], [1, 4]);
        let of = |op: Op, shape: Shape| run(&Case::images(op, &[shape]).expect_with(vec![x.to_vec()]));
        assert_like(&of(Op::MaxPool(MaxPool { window }), wide), &[largest], &what);
        assert_like(&of(Op::Reduce(Reduce::MAX_HW), wide), &[largest], &what);
        let channels = ChannelMaxPool { window: 4, stride: 4 };
        assert_like(&of(Op::ChannelMaxPool(channels), deep), &[largest], &what);

        let device = device();
        let indices = Case::images(Op::Gradient(Gradient::MaxPoolIndices(MaxPoolIndices { window })), &[wide]);
        let indices = indices.expect_with(vec![x.to_vec()]);
        indices.check(&device, &device.target());
        assert_eq!(indices.want().data, [f64::from(at)], "{what}");
        let grad = Op::Gradient(Gradient::ChannelMaxPool(ChannelMaxPoolGrad(channels)));
        let grad = Case::images(grad, &[deep, Shape::channels(1)]).expect_with(vec![x.to_vec(), vec![1.0]]);
        let mut want = [0.0; 4];
        want[at as usize] = 1.0;
        assert_like(&run(&grad), &want, &what);

        // The first NaN, where pooling takes the last.
        let class = Case::images(Op::ArgMax, &[deep]).expect_with(vec![x.to_vec()]);
        class.check(&device, &device.target());
        assert_eq!(class.want().data, [f64::from(at.min(if largest.is_nan() { 1 } else { 3 }))], "{what}");
    }
}

/// In f16, where two values share a word: what is not finite, or becomes infinite, leaves its neighbour as it is.
#[test]
fn halves_beside_what_is_not_finite() {
    let device = device();
    if !device.info().f16 {
        return;
    }
    for (special, twice) in [(NAN, NAN), (-NAN, NAN), (INF, INF), (-INF, -INF), (40000.0, INF), (-40000.0, -INF)] {
        // 1.0234375 is 1 and 24 units of f16; 2^-20 is subnormal.
        let [one, small] = [1.0234375, (-20f32).exp2()];
        let x = vec![special, one, one, special, special, small, small, special, one, small, -one, -small];
        let case = Case::images(Op::Binary(Binary::Add), &[row(&x); 2]).half();
        let want: Vec<f32> = x.iter().map(|v| if *v == special || v.is_nan() { twice } else { 2.0 * v }).collect();
        for shape in [row(&x), Shape::channels(x.len())] {
            let case = Case { inputs: vec![TensorType { shape, ..case.inputs[0] }; 2], ..case.clone() };
            let got = case.expect_with(vec![x.clone(); 2]).result(&device, &device.target());
            let same = |(got, want): (&f32, &f32)| got == want || (got.is_nan() && want.is_nan());
            assert!(got.iter().zip(&want).all(same), "{special} in {shape}: got {got:?}, not {want:?}");
        }
    }
}

/// Beyond the first four channels.
#[test]
fn class_maps_of_what_is_not_finite() {
    let x = vec![5.0, 1.0, 2.0, 0.5, 9.0, 3.0, NAN, NAN, 2.0];
    let class = Case::images(Op::ArgMax, &[Shape::channels(9)]).expect_with(vec![x]);
    let device = device();
    class.check(&device, &device.target());
    assert_eq!(class.want().data, [6.0]);
}

#[test]
fn normalisations_of_what_is_not_finite() {
    let op = Op::BatchNorm(BatchNorm { eps: 1e-3, scale: true, shift: true, batch: false });
    let shape = Shape::new(1, 1, 2, 3);
    let vector = Shape::channels(3);
    let case = Case::images(op, &[shape, vector, vector, vector, vector]);
    let ones = || vec![1.0_f32; 3];
    // The second channel each time.
    for input in 1..5 {
        for value in [NAN, if input == 2 { -1.0 } else { -NAN }] {
            let mut values = vec![vec![0.5; 6], ones(), ones(), ones(), ones()];
            values[input][1] = value;
            let got = run(&case.expect_with(values));
            for (i, got) in got.iter().enumerate() {
                assert_eq!(got.is_nan(), i % 3 == 1, "{value} in input {input}: value {i} is {got}");
            }
        }
    }
    for op in [Op::Softmax, Op::LogSoftmax] {
        for x in [[1.0, NAN, 2.0], [NAN, 0.0, 0.0], [-INF, -INF, -INF], [INF, 0.0, INF]] {
            let got = run(&Case::images(op, &[vector]).expect_with(vec![x.to_vec()]));
            assert!(got.iter().all(|v| v.is_nan()), "{op:?} of {x:?}: {got:?}");
        }
        let got = run(&Case::images(op, &[vector]).expect_with(vec![vec![0.0, -INF, 0.0]]));
        let want = if op == Op::Softmax { [0.5, 0.0, 0.5] } else { [-2f32.ln(), -INF, -2f32.ln()] };
        assert_like(&got, &want, &format!("{op:?}"));
    }
}
