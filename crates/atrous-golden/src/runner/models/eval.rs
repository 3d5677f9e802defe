//! Evaluation: compares a network's output with the stored logits, samples and statistics.

use atrous_gpu::{Data, InputData};
use atrous_graph::passes::Precision;

use super::super::{
    CaseError,
    array::{Array, image_shape, statistics, to_nchw},
    compare::{close, largest_deviation, number},
    folder::stored,
};
use super::{
    entry::Eval,
    images::Photographs,
    network::{Network, build},
};
use crate::fill::{self, FillSource};

/// Runs a network on one input and compares everything stored of its output.
pub(super) fn check(network: &Network<'_>, eval: &Eval, photographs: &Photographs) -> Result<(), CaseError> {
    let output = run(network, eval, photographs)?;
    let stored = stored(&network.stored, &eval.tensor)?;
    let sample = match eval.sample_step {
        None => output.clone(),
        Some(step) => sample(&output, step)?,
    };
    if sample.shape != stored.shape {
        return Err(CaseError::Failed(format!(
            "the output has {:?} to compare, stored {:?}",
            sample.shape, stored.shape
        )));
    }
    let half = network.executor.precision() == Precision::F16;
    let atol = if half { half_atol(eval.f32_err, &stored.values) } else { eval.atol };
    close("output", &stored.shape, &sample.values, &stored.values, atol)?;
    if let Some(want) = eval.mean_std_min_max {
        // If no value changes by more than `atol`, none of the four statistics does.
        for ((what, got), want) in ["mean", "std", "min", "max"].iter().zip(statistics(&output.values)).zip(want) {
            number(what, got, want, atol)?;
        }
    }
    if let Some(projection) = &eval.projection {
        let uniform = fill::uniform(&projection.fill, output.values.len(), 0.0, 1.0);
        let dot = output.values.iter().zip(uniform).map(|(a, b)| f64::from(*a) * f64::from(b)).sum();
        number("projection", dot, projection.value, projection.atol * (atol / eval.atol))?;
    }
    if let Some(top5) = &eval.top5 {
        check_top(&output, top5, if half { 2.0 * atol } else { 0.0 })?;
    }
    if let Some(counts) = &eval.argmax_counts {
        // The largest deviation of the whole output is estimated as twice that of the sample, and at least that of the framework's own
        // f32 run.
        let deviation = (2.0 * largest_deviation(&sample.values, &stored.values)).max(eval.f32_err).min(atol);
        check_counts(&output, counts, deviation)?;
    }
    Ok(())
}

/// The absolute error that an output may have when tensors are stored in f16: `2 (2^13 f32_err + 2^-11 max|stored|)`.
///
/// `f32_err` is the error of the framework's own f32 run, caused by roundings of `2^-24`. Roundings of f16 are `2^13` times as large. The
/// output itself is rounded too. The factor 2 covers the rounded parameters and the variation between runs.
fn half_atol(f32_err: f64, stored: &[f32]) -> f64 {
    const F32: f64 = 1.0 / (1 << 24) as f64;
    const F16: f64 = 1.0 / (1 << 11) as f64;
    let largest = stored.iter().fold(0.0, |most: f64, v| most.max(f64::from(v.abs())));
    2.0 * (F16 / F32 * f32_err + F16 * largest)
}

/// The output for an evaluation's input, as N×C×H×W.
fn run(network: &Network<'_>, eval: &Eval, photographs: &Photographs) -> Result<Array, CaseError> {
    let shape = eval.input.shape().ok_or_else(|| CaseError::Unsupported("an input that is no image".to_owned()))?;
    let model = build(network.entry, shape)?;
    if model.output_shape() != image_shape(&eval.shape)? {
        return Err(CaseError::Failed(format!("the output is {}, expected {:?}", model.output_shape(), eval.shape)));
    }
    let input = photographs.input(&eval.input)?;
    let name = &model.graph.node(model.input).name;
    let source = FillSource::new(&model, &network.entry.fill_prefix, network.entry.wvar);
    let outputs =
        network.executor.infer(&model.graph, &source, &[(name, InputData::F32(&input))], &[model.output()])?;
    match outputs.as_slice() {
        [Data::F32(values)] => Ok(Array { shape: eval.shape.clone(), values: to_nchw(model.output_shape(), values) }),
        _ => Err(CaseError::Failed("the output is not f32".to_owned())),
    }
}

/// Every `step`-th row and column.
fn sample(output: &Array, step: usize) -> Result<Array, CaseError> {
    let [n, c, h, w] = output.shape[..] else {
        return Err(CaseError::Unsupported(format!("a sample of {:?}", output.shape)));
    };
    let step = step.max(1);
    let mut values = Vec::new();
    for plane in output.values.chunks_exact(h * w) {
        for row in plane.chunks_exact(w).step_by(step) {
            values.extend(row.iter().step_by(step));
        }
    }
    Ok(Array { shape: vec![n, c, h.div_ceil(step), w.div_ceil(step)], values })
}

/// Compares the classes with the largest logits of each sample, best first. Classes whose logits differ by at most `near` may be
/// swapped.
fn check_top(output: &Array, want: &[Vec<usize>], near: f64) -> Result<(), CaseError> {
    let classes = output.shape[1..].iter().product();
    for (n, (logits, want)) in output.values.chunks_exact(classes).zip(want).enumerate() {
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
        order.truncate(want.len());
        let apart = |(got, want): (&usize, &usize)| f64::from(logits[*got] - logits[*want]).abs() > near;
        if order.iter().zip(want).any(apart) {
            return Err(CaseError::Failed(format!("best classes of image {n} are {order:?}, expected {want:?}")));
        }
    }
    Ok(())
}

/// Compares the number of pixels of each class in the class map. A count may differ by the number of pixels that the class can lose, or
/// gain, if every logit deviates by `deviation`.
fn check_counts(output: &Array, want: &[usize], deviation: f64) -> Result<(), CaseError> {
    let [_, classes, h, w] = output.shape[..] else {
        return Err(CaseError::Unsupported(format!("class counts of {:?}", output.shape)));
    };
    if want.len() != classes {
        return Err(CaseError::Failed(format!("{} class counts for {classes} classes", want.len())));
    }
    let (mut counts, mut losable, mut winnable) = (vec![0; classes], vec![0; classes], vec![0; classes]);
    for image in output.values.chunks_exact(classes * h * w) {
        for pixel in 0..h * w {
            let logit = |c: usize| f64::from(image[c * h * w + pixel]);
            let best = (1..classes).fold(0, |best, c| if logit(c) > logit(best) { c } else { best });
            counts[best] += 1;
            let near = |c: &usize| *c != best && logit(best) - logit(*c) <= 2.0 * deviation;
            let rivals: Vec<usize> = (0..classes).filter(near).collect();
            losable[best] += usize::from(!rivals.is_empty());
            rivals.iter().for_each(|c| winnable[*c] += 1);
        }
    }
    for c in 0..classes {
        let (got, want) = (counts[c], want[c]);
        let allowed = if got > want { losable[c] } else { winnable[c] };
        if got.abs_diff(want) > allowed {
            return Err(CaseError::Failed(format!(
                "class {c} wins {got} pixels, expected {want}: off by {}, allowed {allowed} (near ties)",
                got.abs_diff(want)
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_take_every_step_and_the_first() {
        let array = Array { shape: vec![1, 2, 3, 5], values: (0..30).map(|v| v as f32).collect() };
        let sample = sample(&array, 2).unwrap();
        assert_eq!(sample.shape, [1, 2, 2, 3]);
        assert_eq!(sample.values, [0.0, 2.0, 4.0, 10.0, 12.0, 14.0, 15.0, 17.0, 19.0, 25.0, 27.0, 29.0]);
    }

    #[test]
    fn only_near_ties_excuse_a_count() {
        // Three pixels, two classes: class 1 by far, class 0 by far, class 0 by 0.01.
        let output = Array { shape: vec![1, 2, 1, 3], values: vec![0.0, 1.0, 0.51, 1.0, 0.0, 0.50] };
        assert!(check_counts(&output, &[2, 1], 0.0).is_ok());
        assert!(check_counts(&output, &[1, 2], 0.001).is_err());
        assert!(check_counts(&output, &[1, 2], 0.006).is_ok());
        assert!(check_counts(&output, &[0, 3], 0.006).is_err());
        assert!(check_counts(&output, &[3, 0], 0.006).is_err());
    }

    #[test]
    fn the_best_classes_come_in_order() {
        let output = Array { shape: vec![2, 3], values: vec![0.1, 0.3, 0.2, 1.0, -1.0, 2.0] };
        assert!(check_top(&output, &[vec![1, 2], vec![2, 0]], 0.0).is_ok());
        assert!(check_top(&output, &[vec![1, 2], vec![0, 2]], 0.0).is_err());
        assert!(check_top(&output, &[vec![2, 1], vec![2, 0]], 0.2).is_ok());
        assert!(check_top(&output, &[vec![2, 1], vec![2, 0]], 0.05).is_err());
    }
}
