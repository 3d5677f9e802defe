//! Advice for trainings that do not fit into memory.

use atrous_gpu::{Device, GpuError, Purpose};
use atrous_graph::{Shape, autodiff::Recompute};

use super::{
    TrainError, TrainOptions,
    graph::{DataShape, Recipe},
};

/// Adds to an error of the memory budget the changes with which the training would fit: the least recomputation at the same batch size, and
/// the largest smaller batch. Other errors are not changed.
pub(super) fn advise(
    error: GpuError,
    device: &Device,
    recipe: Recipe<'_>,
    data: &DataShape,
    options: &TrainOptions,
) -> TrainError {
    let GpuError::MemoryBudget { budget, .. } = error else { return error.into() };
    let needs = |batch: usize, recompute: &Recompute| {
        let images = Shape { n: batch, ..data.images };
        let data = DataShape { images, ..data.clone() };
        let options = TrainOptions { recompute: recompute.clone(), ..options.clone() };
        let step = recipe.step(&data, &options, device.options().precision).ok()?;
        let purpose = Purpose::Training { training: &step.training, outputs: &[] };
        Some(device.compile(&step.model.graph, &purpose).ok()?.plan.peak_bytes())
    };
    let fitting = |batch, recompute: &Recompute| needs(batch, recompute).filter(|bytes| *bytes <= budget);
    let mut fits = Vec::new();
    let ladder = [Recompute::Cheap, Recompute::Segments(2), Recompute::Segments(4), Recompute::Segments(8)];
    let whole = data.images.n;
    if let Some((recompute, bytes)) = ladder.iter().find_map(|r| Some((r, fitting(whole, r)?))) {
        fits.push((format!("recompute {}", text(recompute)), bytes));
    }
    let halves = std::iter::successors(Some(whole / 2), |n| Some(n / 2)).take_while(|n| *n > 0);
    if let Some((batch, bytes)) = halves.into_iter().find_map(|n| Some((n, fitting(n, &options.recompute)?))) {
        fits.push((format!("a batch of {batch}"), bytes));
    }
    if fits.is_empty()
        && let Some(bytes) = fitting(1, &Recompute::Segments(8))
    {
        fits.push((format!("a batch of 1 with recompute {}", text(&Recompute::Segments(8))), bytes));
    }
    TrainError::Memory { source: Box::new(error), fits }
}

fn text(recompute: &Recompute) -> String {
    match recompute {
        Recompute::Nothing => "nothing".to_owned(),
        Recompute::Cheap => "cheap".to_owned(),
        Recompute::Segments(n) => format!("segments={n}"),
    }
}
