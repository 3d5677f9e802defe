//! Logs.

use std::collections::BTreeMap;
use std::fs;

use atrous_train::log::{EpochRecord, LogWriter, Record, RecoveryRecord, StepRecord, read_log};

use crate::message::text;
use crate::target::Place;

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let step = |step, loss| {
        let (gradient_norm, loss_scale) = (Some(2.0), Some(1024.0));
        Record::Step(StepRecord {
            step,
            epoch: 1,
            loss,
            lr: 0.1,
            gradient_norm,
            loss_scale,
            skipped: step == 2,
            images_per_second: 50.5,
        })
    };
    let epoch = Record::Epoch(EpochRecord {
        epoch: 1,
        step: 2,
        train_loss: 0.5,
        val_loss: Some(0.6),
        metrics: BTreeMap::from([("mean_iou".to_owned(), 0.25)]),
        class_iou: vec![None, Some(0.5)],
        skipped: Some(1),
        seconds: 1.5,
    });
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("log.jsonl");
    let mut log = LogWriter::create(&path).expect("a log can be made");
    let (reason, adapted) = ("the device was lost".to_owned(), Some("2 samples at once".to_owned()));
    let recovery = Record::Recovery(RecoveryRecord { step: 2, resumed: 1, reason, adapted, seconds: 0.5 });
    for record in [step(1, 1.0), step(2, f64::NAN), recovery, epoch, step(3, 1e-300)] {
        log.write(&record).expect("a record can be written");
    }
    vec![fs::read(&path).expect("a log"), Vec::new()]
}

pub(super) fn read(place: &Place) -> Result<(), String> {
    let records = read_log(place.path).map_err(text)?;
    let log = place.folder.join("again.jsonl");
    fs::copy(place.path, &log).expect("the log can be copied");
    let (_, kept) = LogWriter::resume(&log, u64::MAX, u64::MAX).expect("what was read can be resumed");
    let again = read_log(&log).expect("what was written can be read");
    let text = |records: &[Record]| format!("{records:?}");
    assert_eq!((text(&kept), text(&again)), (text(&records), text(&records)), "other records");
    let (_, few) = LogWriter::resume(&log, 1, 1).expect("it can be resumed once more");
    let before = |record: &&Record| match record {
        Record::Step(step) => step.step <= 1,
        Record::Epoch(epoch) => epoch.epoch <= 1,
        Record::Recovery(recovery) => recovery.step <= 1,
        Record::Again(_) => false,
    };
    let wanted: Vec<Record> = records.iter().filter(before).cloned().collect();
    assert_eq!(text(&few), text(&wanted), "other records");
    Ok(())
}
