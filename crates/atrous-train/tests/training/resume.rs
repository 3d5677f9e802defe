//! A training that was interrupted goes on as if nothing had happened.

use std::{
    env, fs,
    ops::ControlFlow,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use atrous_graph::optim::Optimizer;
use atrous_train::{
    EarlyStopping, Reason, Schedule, TrainOptions,
    checkpoint::Checkpoint,
    log::{Record, read_log},
};

use crate::common::{bits, device, options, pixels};

/// Adam with everything that has a state.
pub(crate) fn demanding(folder: &Path) -> TrainOptions {
    TrainOptions {
        optimizer: Optimizer::adam(),
        lr: 0.01,
        schedule: Schedule::Warmup { steps: 2, start: 0.1, then: Box::new(Schedule::Poly { steps: 4, power: 0.9 }) },
        clip_norm: Some(1.0),
        early_stopping: Some(EarlyStopping { patience: 5, min_delta: 0.0 }),
        ..options(Some(folder))
    }
}

/// The log without what depends on the clock, and without losses of the device.
fn timeless(folder: &Path) -> Vec<Record> {
    let mut records = read_log(folder.join("log.jsonl")).unwrap();
    for record in &mut records {
        match record {
            Record::Step(r) => r.images_per_second = 0.0,
            Record::Epoch(r) => r.seconds = 0.0,
            Record::Recovery(_) | Record::Again(_) => {}
        }
    }
    records.retain(|record| !matches!(record, Record::Recovery(_)));
    records
}

pub(crate) fn assert_same_files(whole: &Path, parts: &Path) {
    for file in ["last.checkpoint", "best.checkpoint"] {
        let [a, b] = [whole, parts].map(|folder| Checkpoint::load(folder.join(file)).unwrap());
        assert_eq!(a.state, b.state, "{file}");
        assert_eq!(bits(&a), bits(&b), "{file}");
    }
    assert_eq!(timeless(whole), timeless(parts));
    for file in ["best.safetensors", "curve.png"] {
        let [a, b] = [whole, parts].map(|folder| fs::read(folder.join(file)).unwrap());
        assert!(a == b, "{file} differs");
    }
}

#[test]
fn an_interruption_at_any_step_changes_no_bit() {
    let device = device();
    let top = tempfile::tempdir().unwrap();
    let whole = top.path().join("whole");
    let outcome = pixels(&device, demanding(&whole)).unwrap().fit().unwrap();
    assert_eq!((outcome.reason, outcome.epochs, outcome.steps), (Reason::Finished, 2, 6));
    for stop in 1..=6 {
        let parts = top.path().join(format!("parts{stop}"));
        let resumed = TrainOptions { resume: true, ..demanding(&parts) };
        let watch = |record: &Record| match record {
            Record::Step(r) if r.step == stop => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let outcome = pixels(&device, resumed.clone()).unwrap().fit_with(watch).unwrap();
        assert_eq!(outcome.reason, Reason::Interrupted);
        // The update that was under way when it was broken off is done.
        assert!((stop..=stop + 1).contains(&outcome.steps), "{stop}: {}", outcome.steps);
        let mut trainer = pixels(&device, resumed).unwrap();
        assert_eq!(trainer.state().step, outcome.steps);
        assert_eq!(trainer.fit().unwrap().reason, Reason::Finished);
        assert_same_files(&whole, &parts);
    }
}

#[test]
fn a_killed_training_goes_on_from_its_last_checkpoint() {
    let device = device();
    let top = tempfile::tempdir().unwrap();
    let (whole, parts) = (top.path().join("whole"), top.path().join("parts"));
    let every = |folder: &Path| TrainOptions { accumulate: 2, checkpoint_every: Some(1), ..demanding(folder) };
    pixels(&device, every(&whole)).unwrap().fit().unwrap();
    let mut trainer = pixels(&device, every(&parts)).unwrap();
    let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        trainer.fit_with(|record| match record {
            Record::Step(r) if r.step == 3 => panic!("as if killed"),
            _ => ControlFlow::Continue(()),
        })
    }));
    killed.unwrap_err();
    drop(trainer);
    // Three batches an epoch, two of them an update: the third step is the first of the second epoch.
    let mut trainer = pixels(&device, TrainOptions { resume: true, ..every(&parts) }).unwrap();
    assert_eq!((trainer.state().epoch, trainer.state().step), (1, 2));
    assert_eq!(trainer.fit().unwrap().steps, 4);
    assert_same_files(&whole, &parts);
}

/// A folder for a child process, which then trains until it is killed or done.
const CHILD: &str = "ATROUS_TEST_TRAINING_CHILD";

/// So many epochs that a kill comes before the end, with a checkpoint after every update.
fn long(folder: &Path) -> TrainOptions {
    let schedule = Schedule::Cosine { steps: 120, min: 0.001 };
    let every = TrainOptions { epochs: 40, resume: true, checkpoint_every: Some(1), ..demanding(folder) };
    TrainOptions { schedule, early_stopping: None, ..every }
}

/// Not a test of its own: what the child processes of the following test run.
#[test]
fn child_trains() {
    if let Some(folder) = env::var_os(CHILD) {
        pixels(&device(), long(Path::new(&folder))).unwrap().fit().unwrap();
    }
}

#[test]
fn kills_at_any_time_change_no_bit() {
    let top = tempfile::tempdir().unwrap();
    let (whole, parts) = (top.path().join("whole"), top.path().join("parts"));
    pixels(&device(), long(&whole)).unwrap().fit().unwrap();
    let program = env::current_exe().unwrap();
    let mut steps = vec![0];
    for more in [1, 20, 7, 13] {
        let mut child = Command::new(&program)
            .args(["--exact", "resume::child_trains"])
            .env(CHILD, &parts)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Compiling the kernels takes a while: wait for the training to get on.
        let begun = Instant::now();
        let step = |folder: &Path| Checkpoint::load(folder.join("last.checkpoint")).map_or(0, |c| c.state.step);
        while step(&parts) < steps.last().unwrap() + more && begun.elapsed() < Duration::from_secs(120) {
            thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        steps.push(step(&parts));
    }
    assert!(steps.windows(2).all(|w| w[0] < w[1]) && steps[4] < 120, "each child got on, none to the end: {steps:?}");
    pixels(&device(), long(&parts)).unwrap().fit().unwrap();
    assert_same_files(&whole, &parts);
    assert_eq!(fs::read_dir(&parts).unwrap().count(), fs::read_dir(&whole).unwrap().count(), "nothing is left over");
}

#[test]
fn a_finished_training_is_not_trained_further() {
    let device = device();
    let top = tempfile::tempdir().unwrap();
    let resumed = TrainOptions { resume: true, epochs: 1, ..options(Some(top.path())) };
    let first = pixels(&device, resumed.clone()).unwrap().fit().unwrap();
    let again = pixels(&device, resumed.clone()).unwrap().fit().unwrap();
    assert_eq!((again.reason, again.steps, again.last), (Reason::Finished, first.steps, None));
    // More epochs go on where the training ended.
    let more = pixels(&device, TrainOptions { epochs: 2, ..resumed }).unwrap().fit().unwrap();
    assert_eq!((more.epochs, more.steps), (2, 6));
}

#[test]
fn two_trainings_with_one_seed_have_the_same_bits() {
    let device = device();
    let run = |seed: u64| {
        let mut trainer = pixels(&device, TrainOptions { epochs: 7, seed, ..options(None) }).unwrap();
        assert_eq!(trainer.fit().unwrap().steps, 21);
        bits(&trainer.checkpoint().unwrap())
    };
    let first = run(3);
    assert_eq!(run(3), first);
    assert_ne!(run(4), first);
}
