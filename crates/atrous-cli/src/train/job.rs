//! A training that is ready to begin.

use std::path::Path;

use atrous::Device;
use atrous::gpu::GpuError;
use atrous::graph::{ParameterSource, autodiff::Recompute};
use atrous::nn::zoo::Network;
use atrous::train::data::{Loader, LoaderOptions};
use atrous::train::{TrainError, TrainOptions, Trainer};

use super::Result;
use super::data::Loaders;
use super::error::Failed;

/// Everything that a trainer is made of.
pub(super) struct Job<'a> {
    pub(super) device: &'a Device,
    pub(super) name: &'a str,
    pub(super) network: &'a dyn Network,
    pub(super) source: Option<&'a dyn ParameterSource>,
    pub(super) loaders: &'a Loaders,
    pub(super) options: TrainOptions,
}

impl Job<'_> {
    /// The trainer. If it cannot be had, a folder that was made for it is removed again.
    pub(super) fn trainer(&self, folder: &Path) -> Result<Trainer> {
        let existed = folder.exists();
        let made = self.make(&self.loaders.train, self.loaders.validation.as_ref(), self.options.clone());
        made.map_err(|error| {
            if !existed {
                // Best effort: what is left is an empty folder.
                let _ = std::fs::remove_file(folder.join(".lock")).and_then(|()| std::fs::remove_dir(folder));
            }
            match error {
                TrainError::Gpu(GpuError::MemoryBudget { .. }) => {
                    Failed::Memory { advice: self.advice(), error }.into()
                }
                error => error.into(),
            }
        })
    }

    fn make(&self, train: &Loader, validation: Option<&Loader>, options: TrainOptions) -> Result<Trainer, TrainError> {
        let Self { device, name, network, source, .. } = *self;
        Trainer::new(device, name, network, source, train.clone(), validation.cloned(), options)
    }

    /// What would fit the memory budget: less that is stored, or a smaller batch.
    fn advice(&self) -> String {
        let batch = self.loaders.train.options().batch;
        let now = &self.options.recompute;
        let stronger: &[(Recompute, &str)] = match now {
            Recompute::Nothing => &[(Recompute::Cheap, "cheap"), SEGMENTS],
            Recompute::Cheap => &[SEGMENTS],
            Recompute::Segments(_) => &[],
        };
        let recompute = stronger.iter().find(|(recompute, _)| self.fits(batch, recompute));
        let halves = || std::iter::successors(Some(batch / 2), |n| Some(n / 2)).take_while(|n| *n > 0);
        let smaller = halves().find(|n| self.fits(*n, now));
        match (recompute, smaller) {
            (Some((_, name)), Some(n)) => format!("--recompute {name} would fit, and so would --batch {n}"),
            (Some((_, name)), None) => format!("--recompute {name} would fit"),
            (None, Some(n)) => format!("--batch {n} would fit"),
            (None, None) => match halves().find(|n| self.fits(*n, &SEGMENTS.0)) {
                Some(n) => format!("--batch {n} with --recompute {} would fit", SEGMENTS.1),
                None => "no batch fits: take a smaller --size or a smaller network".to_owned(),
            },
        }
    }

    fn fits(&self, batch: usize, recompute: &Recompute) -> bool {
        let loader = |of: &Loader| Loader::new(of.dataset().clone(), LoaderOptions { batch, ..*of.options() });
        let Ok(train) = loader(&self.loaders.train) else { return false };
        let Ok(validation) = self.loaders.validation.as_ref().map(loader).transpose() else { return false };
        let options =
            TrainOptions { recompute: recompute.clone(), run_folder: None, resume: false, ..self.options.clone() };
        self.make(&train, validation.as_ref(), options).is_ok()
    }
}

const SEGMENTS: (Recompute, &str) = (Recompute::Segments(8), "segments=8");
