//! Trainings that do not fit into memory.

use atrous_gpu::{Device, GpuError, Purpose};
use atrous_graph::{Shape, autodiff::Recompute};

use super::{
    TrainError, TrainOptions,
    graph::{DataShape, Recipe},
};
use crate::data::{Loader, LoaderOptions};

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

/// Checks that the host can provide the memory for a checkpoint of these bytes, if one is written, and for the batches
/// that are read ahead. Only what is clearly impossible is refused: systems promise more memory than they have.
pub(super) fn check_host(checkpoint: u64, train: &Loader) -> Result<(), TrainError> {
    let values: usize = train.shape().iter().product();
    let LoaderOptions { threads, ahead, .. } = *train.options();
    let ahead = if threads == 0 { 1 } else { ahead.min(train.batches()) };
    let ahead = (values as u64).saturating_mul(4).saturating_mul(ahead as u64);
    let bytes = usize::try_from(checkpoint.saturating_add(ahead)).unwrap_or(usize::MAX);
    match Vec::<u8>::new().try_reserve_exact(bytes) {
        Ok(()) => Ok(()),
        Err(_) => Err(TrainError::HostMemory { checkpoint, ahead }),
    }
}

fn text(recompute: &Recompute) -> String {
    match recompute {
        Recompute::Nothing => "nothing".to_owned(),
        Recompute::Cheap => "cheap".to_owned(),
        Recompute::Segments(n) => format!("segments={n}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use atrous_vision::Preprocess;

    use super::*;
    use crate::data::Shapes;

    #[test]
    fn what_no_host_has_is_refused_with_numbers() {
        let shapes = Arc::new(Shapes::new(6, [16, 16], 1).unwrap());
        let options = LoaderOptions { threads: 2, ahead: 4, ..LoaderOptions::new(2, [16, 16], Preprocess::TF) };
        let train = Loader::new(shapes, options).unwrap();
        check_host(1 << 20, &train).unwrap();
        let error = check_host(1 << 60, &train).unwrap_err();
        // Three batches of two pictures of 16×16×3 f32.
        let TrainError::HostMemory { ahead: 18432, .. } = error else { panic!("{error}") };
        assert!(error.to_string().contains(&format!("no {} bytes of memory", (1u64 << 60) + 18432)), "{error}");
    }
}
