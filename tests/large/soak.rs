//! Ten thousand steps and five thousand predictions: memory and open files stay what they are after the first ones.

use std::env;
use std::ops::ControlFlow;
use std::process::Command;
use std::sync::Arc;

use atrous::nn::zoo::UNet;
use atrous::prelude::*;
use atrous::train::Show;
use atrous::train::data::Shapes;
use atrous::train::log::Record;

/// Growth that allocators and drivers may still have after the first tenth, in bytes.
const GROWTH: u64 = 24 << 20;

/// Tells a process that it is the one of a single test.
const ALONE: &str = "ATROUS_TEST_ALONE";

/// Whether this process runs the test alone, so that its memory is that of the test. If it does not, runs it in a process that does.
fn alone(test: &str) -> bool {
    if env::var_os(ALONE).is_some() {
        return true;
    }
    let mut process = Command::new(env::current_exe().unwrap());
    let status = process.args(["--exact", &format!("soak::{test}"), "--nocapture"]).env(ALONE, "1").status().unwrap();
    assert!(status.success(), "{test}: {status}");
    false
}

/// Bytes of this process in memory, and its open files (Linux).
fn used() -> (u64, usize) {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = pages.split(' ').nth(1).unwrap().parse().unwrap();
    (4096 * pages, std::fs::read_dir("/proc/self/fd").unwrap().count())
}

/// What is used after each tenth of some work.
struct Tenths {
    of: u64,
    seen: Vec<(u64, usize)>,
}

impl Tenths {
    fn new(of: u64) -> Self {
        Self { of, seen: Vec::new() }
    }

    fn done(&mut self, count: u64) {
        if count.is_multiple_of(self.of / 10) {
            self.seen.push(used());
        }
    }

    /// Prints all, and compares the last with the first: nothing grows with the count.
    fn check(&self, what: &str) {
        let text = |(bytes, files): &(u64, usize)| format!("{} MiB, {files} files", bytes >> 20);
        println!(
            "{what}, after each tenth of {}: {}",
            self.of,
            self.seen.iter().map(text).collect::<Vec<_>>().join("; ")
        );
        let (first, last) = (self.seen[0], self.seen[self.seen.len() - 1]);
        assert_eq!(self.seen.len(), 10);
        assert!(last.0 <= first.0 + GROWTH, "{what}: {} of memory", last.0.saturating_sub(first.0));
        assert!(last.1 <= first.1 + 2, "{what}: {} files after {}", last.1, first.1);
    }
}

/// A fixed pseudo-random sequence (xorshift).
pub(crate) fn random() -> impl FnMut(u32) -> u32 {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as u32 % below
    }
}

#[cfg(target_os = "linux")]
#[test]
fn ten_thousand_steps_take_no_more_memory_than_a_thousand() {
    const STEPS: u64 = 10_000;
    if !alone("ten_thousand_steps_take_no_more_memory_than_a_thousand") {
        return;
    }
    let device = Device::from_env_blocking().expect("the suite needs an adapter");
    let folder = tempfile::tempdir().unwrap();
    let data = |samples, seed| Arc::new(Shapes::new(samples, [16, 16], seed).unwrap());
    let loading = LoaderOptions { shuffle: true, threads: 2, ..LoaderOptions::new(4, [16, 16], Preprocess::TF) };
    // Epochs of 25 batches, the last of two samples.
    let train = Loader::new(data(98, 1), loading).unwrap();
    let held_out = Loader::new(data(6, 2), LoaderOptions { shuffle: false, ..loading }).unwrap();
    let options = TrainOptions {
        epochs: STEPS / 25,
        lr: 1e-4,
        checkpoint_every: Some(10),
        run_folder: Some(folder.path().join("run")),
        show: Show::Nothing,
        ..TrainOptions::default()
    };
    let network = UNet { classes: 4, base: 4, depth: 1, ..UNet::PADDED };
    let mut trainer = Trainer::builder(&device, network, train).validate(held_out).options(options).build().unwrap();
    let mut tenths = Tenths::new(STEPS);
    let outcome = trainer.fit_with(|record| {
        if let Record::Step(record) = record {
            tenths.done(record.step);
        }
        ControlFlow::Continue(())
    });
    assert_eq!(outcome.unwrap().steps, STEPS);
    tenths.check("training");
}

#[cfg(target_os = "linux")]
#[test]
fn five_thousand_photographs_of_any_size_take_no_more_memory_than_five_hundred() {
    const PHOTOS: u64 = 5_000;
    if !alone("five_thousand_photographs_of_any_size_take_no_more_memory_than_five_hundred") {
        return;
    }
    let device = Device::from_env_blocking().expect("the suite needs an adapter");
    let options = PredictorOptions::default();
    let mut segments = Predictor::new(&device, "small_unet", &Weights::Init(1), options).unwrap();
    let mut classifies = Predictor::new(&device, "small_resnet", &Weights::Init(1), options).unwrap();
    let (mut random, mut tenths) = (random(), Tenths::new(PHOTOS));
    for count in 1..=PHOTOS {
        let (width, height) = (17 + random(64), 17 + random(64));
        let photo = RgbImage::from_fn(width, height, |x, y| [x as u8, y as u8, count as u8].into());
        match count % 4 {
            0 => drop(classifies.classify_blocking(&vec![photo; 1 + random(3) as usize], 1).unwrap()),
            1 => drop(segments.probabilities_blocking(&[photo]).unwrap()),
            _ => drop(segments.segment_blocking(&photo).unwrap()),
        }
        tenths.done(count);
    }
    tenths.check("predictions");
}
