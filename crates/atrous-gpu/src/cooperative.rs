//! Cooperative matrices: which of an adapter's are used, and whether they multiply as they should.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use atrous_graph::op::{Conv2d, Padding};
use atrous_graph::{DType, Graph, Op, Shape, TensorType};
use atrous_kernels::plan::plan;
use atrous_kernels::{Cooperative, Target};
use wgpu::CooperativeScalarType as Scalar;

use crate::{Device, InputData, Parameters, Session};

/// What kernels with cooperative matrices need of a device.
pub(crate) const FEATURES: wgpu::Features =
    wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX.union(wgpu::Features::SUBGROUP).union(wgpu::Features::SHADER_F16);

/// What the adapter multiplies, as text: `8×8×8 f16 -> f32`.
pub(crate) fn listed(adapter: &wgpu::Adapter) -> Vec<String> {
    let name = |scalar: Scalar| format!("{scalar:?}").to_lowercase();
    let text = |p: wgpu::CooperativeMatrixProperties| {
        format!("{}×{}×{} {} -> {}", p.m_size, p.n_size, p.k_size, name(p.ab_type), name(p.cr_type))
    };
    adapter.cooperative_matrix_properties().into_iter().map(text).collect()
}

/// What kernels are written for of what the adapter multiplies, on a device with these features.
///
/// # Errors
/// Why they cannot use it.
pub(crate) fn of(adapter: &wgpu::Adapter, features: wgpu::Features) -> Result<Cooperative, String> {
    let info = adapter.get_info();
    let subgroups = match info.backend {
        // wgpu says 4 to 64 of every Metal device; those with matrices have SIMD groups of 32 (Metal Feature Set Tables, Apple7).
        wgpu::Backend::Metal => [32, 32],
        _ => [info.subgroup_min_size, info.subgroup_max_size],
    };
    usable(&adapter.cooperative_matrix_properties(), features, subgroups)
}

fn usable(
    list: &[wgpu::CooperativeMatrixProperties],
    features: wgpu::Features,
    [least, most]: [u32; 2],
) -> Result<Cooperative, String> {
    let missing = FEATURES - features;
    if !missing.is_empty() {
        let names: Vec<String> = missing.iter_names().map(|(name, _)| name.to_lowercase()).collect();
        return Err(format!("it lacks {}", names.join(", ")));
    }
    if least != most {
        return Err(format!(
            "its subgroups may be of {least} to {most} invocations, kernels need to know their number"
        ));
    }
    let size = |operand: Scalar| {
        let square = |p: &&wgpu::CooperativeMatrixProperties| p.m_size == p.n_size && p.n_size == p.k_size;
        let known = list.iter().filter(square).filter(|p| [8, 16].contains(&p.m_size) && !p.saturating_accumulation);
        known.filter(|p| p.ab_type == operand && p.cr_type == Scalar::F32).map(|p| p.m_size).max()
    };
    let (f16, f32) = (size(Scalar::F16), size(Scalar::F32));
    if f16.is_none() && f32.is_none() {
        return Err("none of its matrices are 8×8×8 or 16×16×16 of f16 or f32, summed in f32".to_owned());
    }
    Ok(Cooperative { lanes: least, f16, f32 })
}

/// What tests found, by adapter and matrices: they are done once in a program.
static PROVEN: Mutex<Vec<(String, Option<Cooperative>)>> = Mutex::new(Vec::new());

/// What of `have` multiplies as it should on this device. The rest is told of and not used.
pub(crate) async fn tested(device: &Device, have: Cooperative) -> Option<Cooperative> {
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

/// The image of the test: less than two tiles of rows, channels that fill no vec4.
const IMAGE: Shape = Shape::new(1, 7, 11, 37);
/// Its filter: 333 terms, several steps; channels beyond one tile.
const FILTER: Shape = Shape::new(3, 3, 37, 70);

/// A small integer that depends on all of its place.
fn small(place: [usize; 4], most: i32) -> i32 {
    let mixed =
        place.iter().fold(0x9E37_79B9_u32, |hash, at| (hash ^ *at as u32).wrapping_mul(0x0100_0193).rotate_left(13));
    (mixed >> 8) as i32 % (2 * most + 1) - most
}

/// The numbers whose products stand at the beginning and at the end of every sum, under the filter's middle: in the image, then in the
/// filter. They leave 0 or 1, and only if sums keep f32: 4096 swallows what an f16 would add to it, and 4097 is no f16.
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

/// The sum at a place of the result, exactly; below 2048, so that f16 holds it.
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

/// Indices of a row-major array.
fn places([a, b, c]: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    (0..a * b * c).map(move |i| [i / (b * c), i / c % b, i % c])
}

/// A padded 3×3 convolution by the kernel itself, of integers whose sums are exact: they tell rows from columns, one factor from the
/// other, what a step forgets or adds twice, and sums that are not kept in f32.
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

/// Whether these are the sums.
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

    fn matrices(size: [u32; 3], ab_type: Scalar, cr_type: Scalar) -> wgpu::CooperativeMatrixProperties {
        let [m_size, n_size, k_size] = size;
        wgpu::CooperativeMatrixProperties { m_size, n_size, k_size, ab_type, cr_type, saturating_accumulation: false }
    }

    #[test]
    fn square_matrices_that_sum_in_f32_are_used() {
        let [half, single] = [Scalar::F16, Scalar::F32];
        let nvidia = [
            matrices([16, 8, 16], half, single),
            matrices([16, 16, 16], half, half),
            matrices([16, 16, 16], half, single),
            matrices([16, 16, 16], Scalar::I32, Scalar::I32),
        ];
        let of = |list: &[_], lanes| usable(list, wgpu::Features::all(), [lanes; 2]);
        assert_eq!(of(&nvidia, 32), Ok(Cooperative { lanes: 32, f16: Some(16), f32: None }));
        let apple = [[single, single], [half, half], [half, single]].map(|[ab, cr]| matrices([8; 3], ab, cr));
        assert_eq!(of(&apple, 32), Ok(Cooperative { lanes: 32, f16: Some(8), f32: Some(8) }));
        assert_eq!(of(&apple[1..], 8), Ok(Cooperative { lanes: 8, f16: Some(8), f32: None }));
        assert!(of(&nvidia[..2], 32).unwrap_err().contains("none of its matrices"));
    }

    #[test]
    fn adapters_that_cannot_say_why() {
        let list = [matrices([16; 3], Scalar::F16, Scalar::F32)];
        let error = usable(&list, wgpu::Features::all(), [32, 64]).unwrap_err();
        assert!(error.contains("32 to 64"), "{error}");
        let error = usable(&[], wgpu::Features::SUBGROUP, [8, 8]).unwrap_err();
        assert!(error.contains("lacks") && error.contains("cooperative") && error.contains("f16"), "{error}");
    }

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
