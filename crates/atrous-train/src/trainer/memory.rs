//! Trainings that do not fit into memory.

use std::sync::Arc;

use atrous_gpu::{Device, GpuError, Parameters, Purpose};
use atrous_graph::autodiff::Recompute;

use super::{
    TrainError, TrainOptions,
    evaluate::Evaluation,
    graph::DataShape,
    placed::{Placed, Setup, lacks_memory},
    way::Way,
};
use crate::data::{Loader, LoaderOptions};

impl Setup {
    /// The way of the options.
    pub(super) fn asked(&self, options: &TrainOptions) -> Way {
        Way { batch: self.data.images.n, recompute: options.recompute.clone() }
    }

    /// Makes everything on the device of these parameters, this way or, if the options want it, the first that fits.
    pub(super) fn place_fitting(
        &self,
        mut way: Way,
        options: &TrainOptions,
        parameters: &Arc<Parameters>,
    ) -> Result<(Placed, Way), TrainError> {
        loop {
            match self.place(&way, options, parameters) {
                Err(TrainError::Gpu(error)) if lacks_memory(&error) => {
                    let smaller =
                        options.on_oom.adapts().then(|| self.smaller(&way, &error, parameters.device(), options));
                    way = match smaller.flatten() {
                        Some(smaller) => smaller,
                        None => return Err(self.advise(error, parameters.device(), options)),
                    };
                }
                placed => return Ok((placed?, way)),
            }
        }
    }

    /// The first way that needs less than this one and, as far as is known after the error, fits.
    pub(super) fn smaller(&self, than: &Way, error: &GpuError, device: &Device, options: &TrainOptions) -> Option<Way> {
        let most = self.most(than, error, device, options)?;
        let ways = ladder(&options.recompute, self.data.images.n);
        let later = ways.into_iter().skip_while(|way| way != than).skip(1);
        later.into_iter().find(|way| self.bytes(way, device, options).is_some_and(|bytes| bytes <= most))
    }

    /// The most bytes that a way may need after this error: the budget, or less than the one that failed.
    fn most(&self, failed: &Way, error: &GpuError, device: &Device, options: &TrainOptions) -> Option<u64> {
        match error {
            GpuError::MemoryBudget { budget, .. } => Some(*budget),
            _ => self.bytes(failed, device, options)?.checked_sub(1),
        }
    }

    /// Bytes of device memory of the largest step; `None` if there is no such step.
    fn bytes(&self, way: &Way, device: &Device, options: &TrainOptions) -> Option<u64> {
        let (data, options) = self.part(way.batch, way, options);
        self.needs(&data, &options, device)
    }

    fn needs(&self, data: &DataShape, options: &TrainOptions, device: &Device) -> Option<u64> {
        let step = self.recipe().step(data, options, device.options().precision).ok()?;
        let purpose = Purpose::Training { training: &step.training, outputs: &[] };
        Some(device.compile(&step.model.graph, &purpose).ok()?.plan.peak_bytes())
    }

    /// Adds to an error of memory the changes with which the training would fit, or where that is not known, need less: the least
    /// recomputation at the same batch size, and the largest smaller batch. Other errors are not changed.
    pub(super) fn advise(&self, error: GpuError, device: &Device, options: &TrainOptions) -> TrainError {
        let most = self.most(&self.asked(options), &error, device, options);
        let Some(most) = most.filter(|_| lacks_memory(&error)) else { return error.into() };
        let fitting = |n, recompute: &Recompute| {
            let options = TrainOptions { recompute: recompute.clone(), ..options.clone() };
            self.needs(&self.data.of_samples(n), &options, device).filter(|bytes| *bytes <= most)
        };
        let mut fits = Vec::new();
        let whole = self.data.images.n;
        if let Some((recompute, bytes)) = MORE.iter().find_map(|r| Some((r, fitting(whole, r)?))) {
            fits.push((format!("recompute {recompute}"), bytes));
        }
        let halves = std::iter::successors(Some(whole / 2), |n| Some(n / 2)).take_while(|n| *n > 0);
        if let Some((batch, bytes)) = halves.into_iter().find_map(|n| Some((n, fitting(n, &options.recompute)?))) {
            fits.push((format!("a batch of {batch}"), bytes));
        }
        let least = &MORE[MORE.len() - 1];
        if fits.is_empty()
            && let Some(bytes) = fitting(1, least)
        {
            fits.push((format!("a batch of 1 with recompute {least}"), bytes));
        }
        TrainError::Memory { source: Box::new(error), fits }
    }

    /// Adds to an error of memory the largest number of pictures with which the validation would fit, or where that is not known, needs
    /// less. Other errors are not changed.
    pub(super) fn advise_validation(&self, error: GpuError, device: &Device) -> TrainError {
        let Some(loader) = self.validation.as_ref().filter(|_| lacks_memory(&error)) else { return error.into() };
        let bytes = |n| Evaluation::new(self.recipe(), loader.clone(), n, self.metrics.clone()).ok()?.bytes(device);
        let most = match &error {
            GpuError::MemoryBudget { budget, .. } => Some(*budget),
            _ => bytes(self.validated).and_then(|bytes| bytes.checked_sub(1)),
        };
        let halves = std::iter::successors(Some(self.validated / 2), |n| Some(n / 2)).take_while(|n| *n > 0);
        let sizes = halves.filter_map(|n| Some((format!("a validation of {n} pictures at once"), bytes(n)?)));
        let fits = sizes.into_iter().find(|(_, bytes)| most.is_some_and(|most| *bytes <= most)).into_iter().collect();
        TrainError::Memory { source: Box::new(error), fits }
    }
}

/// The kinds of recomputation, from the least on.
const MORE: [Recompute; 4] = [Recompute::Cheap, Recompute::Segments(2), Recompute::Segments(4), Recompute::Segments(8)];

/// All ways, the one asked for first: whole batches before parts of them, less recomputation before more.
fn ladder(asked: &Recompute, whole: usize) -> Vec<Way> {
    let rest = match MORE.iter().position(|recompute| recompute == asked) {
        Some(at) => &MORE[at + 1..],
        None if *asked == Recompute::Nothing => &MORE[..],
        None => &[],
    };
    let kinds = [asked].into_iter().chain(rest);
    let parts = std::iter::successors(Some(whole), |n| (*n > 1).then(|| n.div_ceil(2)));
    parts.flat_map(|batch| kinds.clone().map(move |r| Way { batch, recompute: r.clone() })).collect()
}

/// Checks that the host can provide the memory for the checkpoints that are written or kept, and for the batches
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use atrous_vision::Preprocess;

    use super::*;
    use crate::data::Shapes;

    #[test]
    fn whole_batches_and_less_recomputation_come_first() {
        let ways = ladder(&Recompute::Nothing, 3);
        let way = |batch, recompute| Way { batch, recompute };
        assert_eq!(ways[..2], [way(3, Recompute::Nothing), way(3, Recompute::Cheap)]);
        assert_eq!(
            (ways.len(), &ways[5], &ways[14]),
            (15, &way(2, Recompute::Nothing), &way(1, Recompute::Segments(8)))
        );
        assert_eq!(ladder(&Recompute::Segments(4), 2).len(), 4);
        assert_eq!(ladder(&Recompute::Segments(3), 2).len(), 2);
    }

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
