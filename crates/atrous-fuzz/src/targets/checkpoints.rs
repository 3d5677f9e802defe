//! Checkpoints, and the folders of trainings.

use std::ffi::OsString;
use std::fs;

use atrous_files::shown;
use atrous_io::Weights;
use atrous_train::checkpoint::{Adapted, Checkpoint, Computation, EpochShape, NamedTensor, ScaleState, TrainingState};
use atrous_train::data::{DataIdentity, PictureSet};
use atrous_train::log::LogWriter;
use atrous_train::{RunFolder, Schedule, Waiting};

use super::network::model;
use super::{configurations, logs, weights};
use crate::format::{Entry, pack, with_checksum};
use crate::message::{must_be_text, text};
use crate::target::Place;

fn state() -> TrainingState {
    TrainingState {
        network: "small".to_owned(),
        input: [1, 4, 4, 3],
        targets: Some(vec!["\"labels\" 1×1×1×1 u32".to_owned()]),
        classes: Some(["cat", "dog", "größe"].map(str::to_owned).to_vec()),
        watch: Some("Loss".to_owned()),
        computation: Some(computation("relu")),
        data: Some(identity(3)),
        validation: Some(identity(2)),
        held_out: PictureSet::try_from("7951293d306691370542c50bef4016ed".to_owned()).ok(),
        changed_data: false,
        adapted: Some(Adapted { batch: 1, recompute: "segments=2".to_owned() }),
        step: 8,
        epoch: 2,
        batch: 4,
        loss_sum: 3.5,
        samples: 4,
        seed: 7,
        settings: "adam lr 0.001".to_owned(),
        lr: 0.1,
        schedule: Schedule::Warmup { steps: 3, start: 0.0, then: Box::new(Schedule::Cosine { steps: 90, min: 0.0 }) },
        best: Some(0.5),
        waiting: Waiting { best: Some(0.5), waited: 1 },
        loss_scale: Some(ScaleState { scale: 1024.0, applied: 3, skipped: 1 }),
    }
}

fn computation(name: &str) -> Computation {
    let operations = [("conv2d 3×3", 4), (name, 7)].map(|(name, count)| (name.to_owned(), count)).into();
    Computation { fingerprint: "0542c50bef4016ed".to_owned(), operations }
}

fn identity(samples: u64) -> DataIdentity {
    let identities = (0..samples).map(|i| format!("cat/{i}.png ({} bytes)", 100 + i)).collect();
    let (fingerprint, contents) =
        ("7951293d30669137".to_owned(), vec!["0123456789abcdef".to_owned(); samples as usize]);
    DataIdentity {
        samples,
        classes: vec![samples - 1, 1],
        fingerprint,
        identities,
        contents,
        reading: Some("exif raw".to_owned()),
    }
}

fn checkpoint() -> Checkpoint {
    let tensor = |(name, shape, values)| NamedTensor { name, shape, values };
    let parameters: Vec<NamedTensor> = weights::parameters().into_iter().map(tensor).collect();
    let first = NamedTensor { name: "momentum/fc.bias".to_owned(), shape: vec![3], values: vec![0.5; 3] };
    Checkpoint { state: state(), parameters, optimizer: vec![first] }
}

fn saved(checkpoint: &Checkpoint) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("c.checkpoint");
    checkpoint.save(&path).expect("the checkpoint can be saved");
    fs::read(path).expect("it was saved")
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let plain = TrainingState { targets: None, classes: None, watch: None, loss_scale: None, best: None, ..state() };
    let plain = TrainingState { computation: None, data: None, validation: None, held_out: None, ..plain };
    let few = Checkpoint { state: plain, parameters: Vec::new(), optimizer: Vec::new() };
    vec![saved(&checkpoint()), saved(&few)]
}

/// Checkpoints of version 1, which have no checksum.
pub(super) fn old_seeds() -> Vec<Vec<u8>> {
    let old = |new: Vec<u8>| {
        let len = u64::from_le_bytes(*new.first_chunk().expect("a header")) as usize;
        let header =
            std::str::from_utf8(&new[8..8 + len]).expect("JSON").replace("\\\"version\\\":2", "\\\"version\\\":1");
        let notes = ["\"atrous.checksum\":\"", "\"atrous.format\":\""].into_iter().fold(header, |header, note| {
            let at = header.find(note).expect("the note");
            let end = at + note.len() + header[at + note.len()..].find('"').expect("its end") + 1;
            let end = end + usize::from(header[end..].starts_with(','));
            header[..at].to_owned() + &header[end..]
        });
        with_checksum(notes.replace(",}", "}").as_bytes(), &new[8 + len..])
    };
    seeds().into_iter().map(old).collect()
}

pub(super) fn read(place: &Place) -> Result<(), String> {
    let checkpoint = Checkpoint::load(place.path).map_err(text)?;
    let again = place.folder.join("again.checkpoint");
    checkpoint.save(&again).expect("what was read can be saved");
    let saved = Checkpoint::load(&again).expect("what was saved can be read");
    assert_eq!(format!("{saved:?}"), format!("{checkpoint:?}"), "another checkpoint was saved");
    let slots = [("momentum/fc.bias", &[3][..])];
    if let Err(error) = checkpoint.check(&model(), slots) {
        must_be_text(&error);
    }
    let (now, then) = (state(), &checkpoint.state);
    let computed = now.computation.as_ref().zip(then.computation.as_ref()).and_then(|(now, then)| now.change(then));
    let data = now.data.as_ref().zip(then.data.as_ref()).and_then(|(now, then)| now.change(then, &[]));
    computed.iter().chain(&data).for_each(must_be_text);
    for shape in [EpochShape { batches: 5, accumulate: 2 }, EpochShape { batches: u64::MAX, accumulate: 0 }] {
        match checkpoint.state.check_consistent(shape) {
            Err(error) => must_be_text(&error),
            Ok(()) => {
                let rates = [0, 1, u64::MAX].map(|step| checkpoint.state.schedule.rate(0.1, step));
                assert!(!rates.iter().any(|rate| rate.is_nan()), "the learning rates are {rates:?}");
            }
        }
    }
    Ok(())
}

pub(super) fn folder_seeds() -> Vec<Vec<u8>> {
    let whole = saved(&checkpoint());
    let mut best = weights::own_seeds();
    let files = [
        Entry::file("last.checkpoint", whole.clone()),
        Entry::file("best.checkpoint", whole),
        Entry::file("best.safetensors", best.swap_remove(0)),
        Entry::file("log.jsonl", logs::seeds().swap_remove(0)),
        Entry::file("config.toml", configurations::seeds().swap_remove(0)),
        Entry::file("labels.txt", "cat\ndog\n"),
        Entry::file(".lock", "123"),
    ];
    vec![pack(&files), pack(&files[1..5])]
}

/// What `atrous train --resume` reads of a folder.
pub(super) fn read_folder(place: &Place) -> Result<(), String> {
    let folder = RunFolder::open(place.path, true).map_err(text)?;
    if let Err(error) = Weights::Run(place.path.to_owned()).with(&model(), |_| ()) {
        must_be_text(&error);
    }
    let words = ["atrous", "train", "--resume"].map(OsString::from);
    let config = atrous_cli::readers::arguments(&[&words[..], &[place.path.into()]].concat());
    if let Err(message) = config {
        must_be_text(&message);
    }
    let path = RunFolder::checkpoint_in(place.path).ok_or_else(|| format!("{}: no checkpoint", shown(place.path)))?;
    let checkpoint = Checkpoint::load(path).map_err(text)?;
    LogWriter::resume(folder.log(), checkpoint.state.step, checkpoint.state.epoch).map_err(text).map(drop)
}
