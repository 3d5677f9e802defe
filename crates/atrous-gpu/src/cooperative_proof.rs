//! Whether an adapter's cooperative matrices multiply correctly.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use atrous_graph::op::{Conv2d, Padding};
use atrous_graph::{DType, Graph, Op, Shape, TensorType};
use atrous_kernels::plan::plan;
use atrous_kernels::{Cooperative, Target};

use crate::{Device, InputData, Parameters, Session};

/// Results of the tests in this process, by adapter and matrices: each test runs once.
static PROVEN: Mutex<Vec<(String, Option<Cooperative>)>> = Mutex::new(Vec::new());

/// Lets `device` use those of these matrices that pass their test. A warning names the others.
pub(crate) async fn enable(device: &Device, matrices: Option<Cooperative>) {
    if let Some(matrices) = matrices
        && let Some(proven) = tested(device, matrices).await
    {
        device.use_cooperative(proven);
    }
}

/// The matrices of `have` that multiply correctly on this device. The others are named in a warning.
async fn tested(device: &Device, have: Cooperative) -> Option<Cooperative> {
    let key = format!("{} {have:?} {}", device.info(), device.options().checks);
    let known = |key: &str| {
        let proven = PROVEN.lock().unwrap_or_else(PoisonError::into_inner);
        proven.iter().find(|(of, _)| of == key).map(|(_, proven)| *proven)
    };
    if let Some(proven) = known(&key) {
        return proven;
    }
    let proven = test_all(device, have).await;
    PROVEN.lock().unwrap_or_else(PoisonError::into_inner).push((key, proven));
    proven
}

async fn test_all(device: &Device, have: Cooperative) -> Option<Cooperative> {
    let mut proven = Cooperative { f16: None, f32: None, ..have };
    for (dtype, size) in [(DType::F16, have.f16), (DType::F32, have.f32)] {
        let Some(size) = size else { continue };
        match test(device, have, dtype).await {
            Ok(()) if dtype == DType::F16 => proven.f16 = Some(size),
            Ok(()) => proven.f32 = Some(size),
            Err(reason) => {
                let adapter = &device.info().name;
                tracing::warn!(%adapter, size, %dtype, reason, "cooperative matrices are not used: they fail their test");
            }
        }
    }
    Some(proven).filter(|proven| proven.f16.is_some() || proven.f32.is_some())
}

/// The image of the test: fewer rows than two tiles, and a number of channels that is no multiple of 4.
const IMAGE: Shape = Shape::new(1, 7, 11, 37);
/// The filter of the test: sums of 3·3·37 = 333 terms take several steps of the kernel, and its channels take more than one tile.
const FILTER: Shape = Shape::new(3, 3, 37, 70);

/// An integer from `-most` to `most`, mixed from all four coordinates of `place`.
fn small(place: [usize; 4], most: i32) -> i32 {
    let mixed =
        place.iter().fold(0x9E37_79B9_u32, |hash, at| (hash ^ *at as u32).wrapping_mul(0x0100_0193).rotate_left(13));
    (mixed >> 8) as i32 % (2 * most + 1) - most
}

/// Numbers in the first and the last channel: those of the image, then those of the filter's middle tap. Their two products are
/// large and stand at the beginning and at the end of a sum; together they add 0 in f16, and 1 in f32. A kernel that sums in less
/// than f32 gives another result: in f16, small terms added to 4096 are rounded off, and 4097 has no exact value.
const fn large(dtype: DType) -> [[i32; 2]; 2] {
    match dtype {
        DType::F16 => [[64, 64], [64, -64]],
        _ => [[4097, 4096], [1, -1]],
    }
}

fn image(dtype: DType, [y, x, c]: [usize; 3]) -> i32 {
    match c {
        0 => large(dtype)[0][0],
        36 => large(dtype)[0][1],
        _ => small([1, y, x, c], 3),
    }
}

fn filter(dtype: DType, [ky, kx, i, o]: [usize; 4]) -> i32 {
    match (ky, kx, i) {
        (1, 1, 0) => large(dtype)[1][0],
        (1, 1, 36) => large(dtype)[1][1],
        (_, _, 0 | 36) => 0,
        _ => small([2 + 3 * ky + kx, i, o, i ^ o], 2),
    }
}

/// The exact sum at a place of the result. Its magnitude is below 2048, so that f16 represents it exactly.
fn sum(dtype: DType, [y, x, o]: [usize; 3]) -> i32 {
    let taps = (0..9).map(|t| [t / 3, t % 3]).filter(|[ky, kx]| {
        let inside = |at: usize, k: usize, size: usize| (1..=size).contains(&(at + k));
        inside(y, *ky, IMAGE.h) && inside(x, *kx, IMAGE.w)
    });
    let products = taps.flat_map(|[ky, kx]| {
        (0..IMAGE.c).map(move |i| image(dtype, [y + ky - 1, x + kx - 1, i]) * filter(dtype, [ky, kx, i, o]))
    });
    products.sum()
}

/// All indices of a row-major array of this shape, in order.
fn places([a, b, c]: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    (0..a * b * c).map(move |i| [i / (b * c), i / c % b, i % c])
}

/// Runs a padded 3×3 convolution by the cooperative kernel and compares it with the exact result. The integers differ from place to
/// place, so that exchanged rows and columns, exchanged factors, terms that are left out or added twice, and sums of less than f32
/// give other results.
async fn test(device: &Device, have: Cooperative, dtype: DType) -> Result<(), String> {
    let text = |e: &dyn std::error::Error| e.to_string();
    let mut graph = Graph::new();
    let x = graph.input("x", IMAGE, dtype).map_err(|e| text(&e))?;
    let w = TensorType { dtype, ..TensorType::filter(FILTER) };
    let w = graph.parameter_of("w", w).map_err(|e| text(&e))?;
    let conv = Conv2d { padding: Padding::symmetric(1, 1), ..Conv2d::default() };
    let y = graph.add("y", Op::Conv2d(conv), &[x, w]).map_err(|e| text(&e))?;
    let target = Target { cooperative: Some(have), variant: Some("cooperative"), choices: None, ..device.target() };
    let plan = plan(&graph, &[y], &target).map_err(|e| text(&e))?;
    let served = plan.steps.iter().any(|step| step.variant == "cooperative");
    if !served {
        return Err("the kernel does not fit the adapter's limits".to_owned());
    }

    let values = |numbers: Vec<i32>| numbers.into_iter().map(|v| v as f32).collect::<Vec<f32>>();
    let pixels = values(places([IMAGE.h, IMAGE.w, IMAGE.c]).map(|at| image(dtype, at)).collect());
    let weights = places([9, FILTER.w, FILTER.c]).map(|[t, i, o]| filter(dtype, [t / 3, t % 3, i, o]));
    let weights = HashMap::from([("w".to_owned(), values(weights.collect()))]);
    let parameters = Parameters::upload(device, &graph, &weights).map_err(|e| text(&e))?;
    let mut session = Session::from_plan(device, &graph, plan, Arc::new(parameters)).map_err(|e| text(&e))?;
    let outputs = session.run(&[("x", InputData::F32(&pixels))]).await.map_err(|e| text(&e))?;
    let got = outputs.f32("y").map_err(|e| text(&e))?;
    compare(got, dtype)
}

/// Compares the values of a result with the exact sums.
fn compare(got: &[f32], dtype: DType) -> Result<(), String> {
    let all = places([IMAGE.h, IMAGE.w, FILTER.c]).zip(got).map(|(at, got)| (at, *got, sum(dtype, at) as f32));
    let wrong: Vec<_> = all.filter(|(_, got, want)| got != want).collect();
    match wrong.first() {
        None => Ok(()),
        Some(([y, x, o], first, want)) => Err(format!(
            "{} of {} sums are wrong, the first in row {y}, column {x}, channel {o}: {first} instead of {want}",
            wrong.len(),
            got.len()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_tells_what_is_wrong() {
        for dtype in [DType::F16, DType::F32] {
            let all = || places([IMAGE.h, IMAGE.w, FILTER.c]);
            let right: Vec<f32> = all().map(|at| sum(dtype, at) as f32).collect();
            assert_eq!(compare(&right, dtype), Ok(()));
            // Sums differ from place to place, and f16 holds them.
            let distinct: std::collections::BTreeSet<i32> = right.iter().map(|v| *v as i32).collect();
            assert!(distinct.len() > 100 && distinct.iter().all(|v| v.abs() < 2048), "{}", distinct.len());
            let mut shifted = right.clone();
            shifted.rotate_left(1);
            assert!(compare(&shifted, dtype).is_err());
            let mut one = right.clone();
            one[5 * 70 + 3] += 1.0;
            let reason = compare(&one, dtype).unwrap_err();
            assert!(
                reason.starts_with("1 of 5390 sums are wrong, the first in row 0, column 5, channel 3: "),
                "{reason}"
            );
        }
        // Summed in f16, in the kernel's order.
        let narrow = |at: [usize; 3]| {
            let [y, x, o] = at;
            let products = (0..IMAGE.c).map(|i| image(DType::F16, [y, x, i]) * filter(DType::F16, [1, 1, i, o]));
            products.fold(0.0, |sum: f32, v| half::f16::from_f32(sum + v as f32).to_f32())
        };
        let exact = |[y, x, o]: [usize; 3]| {
            (0..IMAGE.c).map(|i| image(DType::F16, [y, x, i]) * filter(DType::F16, [1, 1, i, o])).sum::<i32>() as f32
        };
        let off = places([7, 11, 70]).filter(|at| narrow(*at) != exact(*at)).count();
        assert!(off > 5000, "{off} of 5390 sums would show it");
    }
}
