//! What is left of a training that an error ends.

use std::{ops::ControlFlow, path::Path};

use atrous_gpu::Device;
use atrous_train::{
    Reason, TrainError, TrainOptions, Trainer,
    checkpoint::Checkpoint,
    data::{DataError, Loader},
    log::Record,
};

use crate::common::{Tiny, device, options, pixels, shapes, unseen_shapes};
use crate::flaky::{Fault, failing_after, flaky};
use crate::resume::{assert_same_files, demanding};

fn of(device: &Device, train: Loader, validation: Loader, options: TrainOptions) -> Trainer {
    let training = Trainer::builder(device, Tiny::PIXELS, train).name("tiny").validate(validation);
    training.options(options).build().unwrap()
}

fn saved_state(folder: &Path) -> (u64, u64, u64) {
    let state = Checkpoint::load(folder.join("last.checkpoint")).unwrap().state;
    (state.epoch, state.batch, state.step)
}

#[test]
fn a_sample_that_cannot_be_read_loses_no_update() {
    let device = device();
    let top = tempfile::tempdir().unwrap();
    for accumulate in [1, 2] {
        let with = |folder: &Path| TrainOptions { accumulate, ..demanding(folder) };
        let whole = top.path().join(format!("whole{accumulate}"));
        pixels(&device, with(&whole)).unwrap().fit().unwrap();
        // Ten samples an epoch, four a batch.
        for reads in [2, 6, 9, 10, 15, 19] {
            let folder = top.path().join(format!("run{accumulate}-{reads}"));
            let train = failing_after(reads, Fault::Missing, &shapes(10));
            let error = of(&device, train, unseen_shapes(), with(&folder)).fit().unwrap_err();
            let (epoch, batch) = (reads / 10, (reads % 10 / 4) as u64 / accumulate * accumulate);
            let step = epoch as u64 * 3_u64.div_ceil(accumulate) + batch / accumulate;
            assert!(matches!(error.reason(), TrainError::Data(DataError::Missing { .. })), "{error}");
            if step == 0 {
                assert!(matches!(error, TrainError::Data(_)) && !folder.join("last.checkpoint").exists(), "{error}");
                continue;
            }
            let text = format!(": no such file; the state after step {step} is saved in {}", folder.display());
            assert!(error.to_string().contains(&text), "{error}");
            assert_eq!(saved_state(&folder), (epoch as u64, batch, step));
            let mut resumed = pixels(&device, TrainOptions { resume: true, ..with(&folder) }).unwrap();
            assert_eq!(resumed.state().step, step);
            assert_eq!(resumed.fit().unwrap().reason, Reason::Finished);
            assert_same_files(&whole, &folder);
        }
    }
}

#[test]
fn a_validation_that_fails_is_made_again_and_the_epoch_is_not() {
    let device = device();
    let top = tempfile::tempdir().unwrap();
    let (whole, folder) = (top.path().join("whole"), top.path().join("run"));
    pixels(&device, demanding(&whole)).unwrap().fit().unwrap();
    let mut trainer = of(&device, shapes(10), failing_after(5, Fault::Missing, &unseen_shapes()), demanding(&folder));
    let error = trainer.fit().unwrap_err();
    assert!(matches!(&error, TrainError::Saved { step: 3, .. }), "{error}");
    assert_eq!(saved_state(&folder), (0, 3, 3));
    // It fails again in the same process, and nothing is trained for it.
    assert!(matches!(trainer.fit().unwrap_err(), TrainError::Saved { step: 3, .. }));
    drop(trainer);
    let mut steps = Vec::new();
    let mut resumed = pixels(&device, TrainOptions { resume: true, ..demanding(&folder) }).unwrap();
    let outcome = resumed.fit_with(|record| {
        if let Record::Step(record) = record {
            steps.push(record.step);
        }
        ControlFlow::Continue(())
    });
    assert_eq!((outcome.unwrap().epochs, steps), (2, vec![4, 5, 6]));
    assert_same_files(&whole, &folder);
}

#[test]
fn trying_again_begins_the_update_again() {
    let device = device();
    let whole = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let with = |folder: &Path| TrainOptions { accumulate: 3, ..demanding(folder) };
    pixels(&device, with(whole.path())).unwrap().fit().unwrap();
    // The second batch of the second update fails, and then no other.
    let (train, flaky) = flaky(&shapes(10));
    flaky.fail_after(15);
    let mut trainer = of(&device, train, unseen_shapes(), with(folder.path()));
    assert!(matches!(trainer.fit().unwrap_err(), TrainError::Saved { step: 1, .. }));
    flaky.fail_after(usize::MAX);
    assert_eq!(trainer.fit().unwrap().steps, 2);
    assert_same_files(whole.path(), folder.path());
}

#[test]
fn a_panic_of_a_dataset_is_an_error_like_others() {
    let folder = tempfile::tempdir().unwrap();
    let train = failing_after(8, Fault::Panic, &shapes(10));
    let error = of(&device(), train, unseen_shapes(), options(Some(folder.path()))).fit().unwrap_err();
    assert!(matches!(error.reason(), TrainError::Data(DataError::Panic { batch: 2, .. })), "{error}");
    assert_eq!(saved_state(folder.path()), (0, 2, 2));
}

#[test]
fn where_nothing_can_be_saved_both_errors_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let last = folder.path().join("last.checkpoint");
    let train = failing_after(8, Fault::Missing, &shapes(10));
    let mut trainer = of(&device(), train, unseen_shapes(), options(Some(folder.path())));
    let error = trainer.fit_with(|_| {
        // No file can be where a folder is.
        std::fs::create_dir_all(&last).unwrap();
        ControlFlow::Continue(())
    });
    let error = error.unwrap_err();
    let TrainError::NotSaved { step: 2, save, .. } = &error else { panic!("{error}") };
    assert!(matches!(**save, TrainError::Checkpoint(_)), "{save}");
    let text = error.to_string();
    assert!(text.contains("no such file; and the state after step 2 cannot be saved: cannot write"), "{text}");
    // Without a run folder there is nothing to save.
    let train = failing_after(8, Fault::Missing, &shapes(10));
    let error = of(&device(), train, unseen_shapes(), options(None)).fit().unwrap_err();
    assert!(matches!(error, TrainError::Data(_)), "{error}");
}
