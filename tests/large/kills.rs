//! A hundred and twenty kills of a training's process, at moments spread over all that it does, change no bit.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use atrous::graph::optim::Optimizer;
use atrous::nn::zoo::UNet;
use atrous::prelude::*;
use atrous::train::checkpoint::Checkpoint;
use atrous::train::data::{Augment, Shapes};
use atrous::train::log::{Record, read_log};
use atrous::train::{RunFolder, Show};

use crate::soak::random;

const KILLS: usize = 120;
const EPOCHS: u64 = 500;

/// A folder for a child process, which then trains until it is killed or done.
const CHILD: &str = "ATROUS_TEST_KILLED_CHILD";

/// Trains to the end, from where the folder's training stands: five batches an epoch, the last of two samples; changes of the
/// pictures, running statistics, Adam, and a checkpoint after every other update.
fn train(folder: &Path) -> u64 {
    let device = Device::from_env_blocking().expect("the suite needs an adapter");
    let data = |samples, seed| Arc::new(Shapes::new(samples, [16, 16], seed).unwrap());
    let loading = LoaderOptions { threads: 2, ..LoaderOptions::new(4, [16, 16], Preprocess::TF) };
    let augment = Augment { horizontal_flip: 0.5, brightness: 0.2, ..Augment::NONE };
    let shuffled = LoaderOptions { shuffle: true, augment, ..loading };
    let train = Loader::new(data(18, 1), shuffled).unwrap();
    let held_out = Loader::new(data(6, 2), loading).unwrap();
    let options = TrainOptions {
        epochs: EPOCHS,
        optimizer: Optimizer::adam(),
        lr: 1e-3,
        checkpoint_every: Some(2),
        run_folder: Some(folder.to_owned()),
        resume: true,
        show: Show::Nothing,
        ..TrainOptions::default()
    };
    let network = UNet { classes: 4, base: 4, depth: 2, ..UNet::PADDED };
    let mut trainer = Trainer::builder(&device, network, train).validate(held_out).options(options).build().unwrap();
    trainer.fit().unwrap().steps
}

/// Not a test of its own: what the processes of the following test run.
#[test]
fn child_trains() {
    if let Some(folder) = env::var_os(CHILD) {
        train(Path::new(&folder));
    }
}

fn child(folder: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "kills::child_trains"]).env(CHILD, folder).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The log without what depends on the clock.
fn timeless(folder: &RunFolder) -> Vec<Record> {
    let mut records = read_log(folder.log()).unwrap();
    for record in &mut records {
        match record {
            Record::Step(r) => r.images_per_second = 0.0,
            Record::Epoch(r) => r.seconds = 0.0,
            _ => {}
        }
    }
    records
}

#[test]
fn a_hundred_and_twenty_kills_change_no_bit() {
    let top = tempfile::tempdir().unwrap();
    let (whole, parts) = (top.path().join("whole"), top.path().join("parts"));
    assert_eq!(train(&whole), 5 * EPOCHS);
    // How long a process takes until its first update, with compiled kernels.
    let begun = Instant::now();
    let last = parts.join("last.checkpoint");
    let mut first = child(&parts).spawn().unwrap();
    while !last.exists() && begun.elapsed() < Duration::from_secs(120) {
        thread::sleep(Duration::from_millis(1));
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let starts = begun.elapsed();

    let step = || Checkpoint::load(&last).unwrap().state.step;
    let (mut random, mut begins, mut moved) = (random(), 0, 0);
    for _ in 1..KILLS {
        let before = step();
        let mut process = child(&parts).spawn().unwrap();
        // From the first moment to many updates, half of the time each.
        thread::sleep(starts.mul_f64(f64::from(random(2000)) / 1000.0));
        process.kill().unwrap();
        process.wait().unwrap();
        if step() > before { moved += 1 } else { begins += 1 }
    }
    let reached = step();
    println!("{KILLS} kills, {moved} after updates, {begins} before the first; update {reached} of {}", 5 * EPOCHS);
    assert!(
        moved > 0 && begins > 0 && reached < 5 * EPOCHS,
        "kills at all kinds of moments: {moved} {begins} {reached}"
    );

    assert_eq!(train(&parts), 5 * EPOCHS);
    for file in ["last.checkpoint", "best.checkpoint"] {
        let [a, b] = [&whole, &parts].map(|folder| Checkpoint::load(folder.join(file)).unwrap());
        assert!(a == b, "{file} differs");
    }
    let [a, b] = [&whole, &parts].map(|folder| std::fs::read(folder.join("best.safetensors")).unwrap());
    assert!(a == b, "best.safetensors differs");
    let [a, b] = [&whole, &parts].map(|folder| timeless(&RunFolder::open(folder, true).unwrap()));
    assert_eq!(a, b);
}
