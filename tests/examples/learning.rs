//! A short training and what came of it.

use atrous::graph::optim::Optimizer;
use atrous::nn::IntoNetwork;
use atrous::prelude::*;
use atrous::train::{Figures, Show};
use atrous_tests::device;

/// A training of `epochs` epochs as in the examples: AdamW, one cycle of the learning rate; silent.
pub(crate) fn one_cycle(epochs: u64, batches: usize, lr: f64) -> TrainOptions {
    let steps = epochs * batches as u64;
    TrainOptions {
        epochs,
        optimizer: Optimizer::adamw(),
        lr,
        schedule: Schedule::OneCycle { steps, pct_start: 0.3, div_factor: 25.0, final_div_factor: 1e4 },
        weight_decay: 0.01,
        validate_every: epochs,
        show: Show::Nothing,
        ..TrainOptions::default()
    }
}

/// Validation before and after a training.
pub(crate) struct Learnt {
    pub(crate) before: Figures,
    pub(crate) after: Figures,
}

impl Learnt {
    /// Trains `network` with [`one_cycle`].
    pub(crate) fn after(network: impl IntoNetwork, train: Loader, unseen: Loader, epochs: u64, lr: f64) -> Self {
        Self::after_on(&device(), network, (train, unseen), epochs, lr)
    }

    /// [`Self::after`] on this device.
    pub(crate) fn after_on(
        device: &Device,
        network: impl IntoNetwork,
        (train, unseen): (Loader, Loader),
        epochs: u64,
        lr: f64,
    ) -> Self {
        let options = one_cycle(epochs, train.batches(), lr);
        let mut trainer = Trainer::builder(device, network, train)
            .validate(unseen)
            .options(options)
            .build()
            .unwrap_or_else(|e| panic!("cannot begin: {e}"));
        let evaluate = |trainer: &mut Trainer| trainer.evaluate().expect("a validation").expect("validation data");
        let before = evaluate(&mut trainer);
        trainer.fit().unwrap_or_else(|e| panic!("cannot train: {e}"));
        let after = evaluate(&mut trainer);
        eprintln!("before {:?} {:?}", before.loss, before.metrics);
        eprintln!("after  {:?} {:?}", after.loss, after.metrics);
        Self { before, after }
    }

    /// Fails unless the loss on unseen data fell at least by this factor.
    #[track_caller]
    pub(crate) fn loss_fell_by(&self, factor: f64) {
        let [before, after] = [&self.before, &self.after].map(|figures| figures.loss.expect("labels"));
        assert!(after * factor <= before, "the loss fell from {before} to {after} only");
    }

    /// Fails unless the metric reached this value.
    #[track_caller]
    pub(crate) fn reached(&self, metric: &str, least: f64) {
        let metrics = &self.after.metrics;
        assert!(metrics[metric] >= least, "{metric} should be at least {least}: {metrics:?}");
    }
}
