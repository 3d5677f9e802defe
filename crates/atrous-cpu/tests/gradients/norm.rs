use atrous_cpu::Tensor;
use atrous_graph::op::{BatchNorm, BatchNormGrad, BatchNormGradSums, Binary, Gradient, Reduce};
use atrous_graph::{Op, Shape};

use crate::check::{check, eval, noise};

const SHAPE: Shape = Shape::new(3, 4, 2, 5);

/// `eps`, and whether there are a scale and a shift.
fn cases() -> impl Iterator<Item = (f64, bool, bool)> {
    [1e-3, 0.5].into_iter().flat_map(|eps| {
        [(false, false), (true, false), (false, true), (true, true)].map(|(scale, shift)| (eps, scale, shift))
    })
}

/// `x` with another mean and deviation in every channel.
fn image() -> Tensor {
    let deviations = Tensor::channels(&[0.3, 1.0, 2.0, 0.7, 5.0]);
    let means = Tensor::channels(&[0.0, 3.0, -2.0, 0.5, 10.0]);
    let scaled = eval(Op::Binary(Binary::Mul), &[&noise(SHAPE, 1), &deviations]);
    eval(Op::Binary(Binary::Add), &[&scaled, &means])
}

fn vectors() -> [Tensor; 2] {
    [noise(Shape::channels(5), 2).map(|v| v + 1.5), noise(Shape::channels(5), 3)]
}

/// Statistics that are not those of [`image`].
fn given() -> [Tensor; 2] {
    [noise(Shape::channels(5), 4), noise(Shape::channels(5), 5).map(|v| v + 1.2)]
}

fn statistics(x: &Tensor) -> [Tensor; 2] {
    let mean = eval(Op::Reduce(Reduce::MEAN_NHW), &[x]);
    let var = eval(Op::ChannelVariance, &[x, &mean]);
    [mean, var]
}

fn forward(op: BatchNorm, x: &Tensor, [mean, var]: &[Tensor; 2], [scale, shift]: &[Tensor; 2]) -> Tensor {
    let mut inputs = vec![x, mean, var];
    inputs.extend(op.scale.then_some(scale));
    inputs.extend(op.shift.then_some(shift));
    eval(Op::BatchNorm(op), &inputs)
}

fn backward(op: BatchNorm, x: &Tensor, u: &Tensor, [mean, var]: &[Tensor; 2], scale: &Tensor) -> Tensor {
    let sums = eval(Op::Gradient(Gradient::BatchNormSums(BatchNormGradSums { eps: op.eps })), &[x, u, mean, var]);
    let mut inputs = vec![x, u, mean, var];
    inputs.extend(op.scale.then_some(scale));
    inputs.extend(op.batch.then_some(&sums));
    let grad = BatchNormGrad { eps: op.eps, scale: op.scale, batch: op.batch };
    eval(Op::Gradient(Gradient::BatchNorm(grad)), &inputs)
}

#[test]
fn with_given_statistics_with_respect_to_x() {
    let (x, vectors, statistics) = (image(), vectors(), given());
    for (eps, scale, shift) in cases() {
        let op = BatchNorm { eps, scale, shift, batch: false };
        check(
            &format!("{op:?}"),
            &x,
            |x| forward(op, x, &statistics, &vectors),
            |u| backward(op, &x, u, &statistics, &vectors[0]),
        );
    }
}

/// Mean and variance depend on every element of `x`.
#[test]
fn with_the_batch_statistics_with_respect_to_x() {
    let (x, vectors) = (image(), vectors());
    for (eps, scale, shift) in cases() {
        let op = BatchNorm { eps, scale, shift, batch: true };
        check(
            &format!("{op:?}"),
            &x,
            |x| forward(op, x, &statistics(x), &vectors),
            |u| backward(op, &x, u, &statistics(&x), &vectors[0]),
        );
    }
}

/// The comparison above detects a gradient that ignores how the statistics depend on `x`.
#[test]
#[should_panic(expected = "by differences")]
fn statistics_cannot_be_forgotten() {
    let (x, vectors) = (image(), vectors());
    let op = BatchNorm { eps: 1e-3, scale: true, shift: true, batch: true };
    let frozen = BatchNorm { batch: false, ..op };
    check(
        "frozen",
        &x,
        |x| forward(op, x, &statistics(x), &vectors),
        |u| backward(frozen, &x, u, &statistics(&x), &vectors[0]),
    );
}

#[test]
fn with_respect_to_scale_and_shift() {
    let (x, vectors) = (image(), vectors());
    for (statistics, batch) in [(given(), false), (statistics(&x), true)] {
        for eps in [1e-3, 0.5] {
            let op = BatchNorm { eps, scale: true, shift: true, batch };
            let [mean, var] = &statistics;
            let sum = |u: &Tensor, sample: usize| {
                let sums = eval(Op::Gradient(Gradient::BatchNormSums(BatchNormGradSums { eps })), &[&x, u, mean, var]);
                Tensor::new(Shape::channels(5), sums.data[5 * sample..][..5].to_vec())
            };
            let [scale, shift] = vectors.clone();
            check(
                &format!("{op:?} scale"),
                &scale,
                |scale| forward(op, &x, &statistics, &[scale.clone(), shift.clone()]),
                |u| sum(u, 1),
            );
            check(
                &format!("{op:?} shift"),
                &shift,
                |shift| forward(op, &x, &statistics, &[scale.clone(), shift.clone()]),
                |u| sum(u, 0),
            );
        }
    }
}

/// The mean is given and does not depend on `x`.
#[test]
fn variance() {
    let (x, mean) = (noise(Shape::new(2, 3, 4, 3), 1), noise(Shape::channels(3), 2));
    let distance = eval(Op::Binary(Binary::Sub), &[&x, &mean]).map(|v| 2.0 * v / 24.0);
    check(
        "variance",
        &x,
        |x| eval(Op::ChannelVariance, &[x, &mean]),
        |u| eval(Op::Binary(Binary::Mul), &[&distance, u]),
    );
}
