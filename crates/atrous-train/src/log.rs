//! The log of a training: one JSON object per line.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, Serialize};

/// Largest log that is read, in bytes: ten million steps.
const MAX_BYTES: u64 = 2 << 30;

/// One line of the log. In the file, the field `kind` distinguishes the variants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Record {
    /// One optimizer step.
    Step(StepRecord),
    /// One pass over the training data, and the validation after it.
    Epoch(EpochRecord),
    /// A device that was opened again.
    Recovery(RecoveryRecord),
    /// An update that is done again after a recovery, by its number. Only the watcher is told: it is not in the log.
    #[serde(skip)]
    Again(u64),
}

/// The values of one optimizer step. A number that is not finite is `null` in the file and NaN when read back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Number of the step, counted from 1 over the whole training.
    pub step: u64,
    /// Number of the epoch, counted from 1.
    pub epoch: u64,
    /// Training loss of the step's batch, before the update.
    #[serde(deserialize_with = "number")]
    pub loss: f64,
    /// Learning rate of the first group of parameters.
    #[serde(deserialize_with = "number")]
    pub lr: f64,
    /// Norm of the whole gradient before clipping, if it was computed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gradient_norm: Option<f64>,
    /// The factor of the loss, in trainings in f16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_scale: Option<f64>,
    /// Whether the gradient overflowed with this loss scale, so that the update was skipped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skipped: bool,
    /// Pictures per second since the previous step.
    #[serde(deserialize_with = "number")]
    pub images_per_second: f64,
}

/// The values of one epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Number of the epoch, counted from 1.
    pub epoch: u64,
    /// Optimizer steps so far.
    pub step: u64,
    /// Mean training loss of the epoch's samples.
    #[serde(deserialize_with = "number")]
    pub train_loss: f64,
    /// Mean validation loss, in epochs with a validation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub val_loss: Option<f64>,
    /// Metrics of the validation by name, between 0 and 1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, f64>,
    /// Intersection over union of each class in the validation, `null` for a class that does not occur; for
    /// segmentation only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class_iou: Vec<Option<f64>>,
    /// Steps that were skipped so far, in trainings in f16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<u64>,
    /// Duration of the epoch in seconds, validation included.
    #[serde(deserialize_with = "number")]
    pub seconds: f64,
}

/// A device that was lost, or lacked memory, and was opened again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecoveryRecord {
    /// Optimizer steps in the log.
    pub step: u64,
    /// Optimizer steps of the state that the training goes on from; those up to `step` are done again, and not logged again.
    pub resumed: u64,
    /// The error.
    pub reason: String,
    /// How the training was made to need less memory, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapted: Option<String>,
    /// Duration of the recovery in seconds.
    #[serde(deserialize_with = "number")]
    pub seconds: f64,
}

/// Reads a number; `null` becomes NaN.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// Why a log cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The system reported an error.
    #[error("cannot {action} {}: {source}", atrous_files::shown(path))]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The log.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A line is not a valid record.
    #[error(
        "{}, line {line}: {}; a training can also go on without this file: move it away",
        atrous_files::shown(path),
        atrous_files::excerpt(reason)
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// Number of the line, counted from 1.
        line: usize,
        /// Why it is not.
        reason: String,
    },
}

/// Appends records to a log.
#[derive(Debug)]
pub struct LogWriter {
    path: PathBuf,
    file: File,
    /// Bytes of the records that are written.
    len: u64,
}

impl LogWriter {
    /// Creates an empty log. An existing file, or a symbolic link, is replaced.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn create(path: impl AsRef<Path>) -> Result<Self, LogError> {
        Self::begin(path.as_ref(), b"").map_err(io_error("write", path.as_ref()))
    }

    /// Continues a log when a training is resumed after `steps` steps and `epochs` epochs. Records of later steps and epochs, and an
    /// incomplete last line, are removed. Returns the remaining records; a missing file is an empty log.
    ///
    /// # Errors
    /// [`LogError::Io`]; [`LogError::Line`] if the file is no log. In both cases the file is not changed.
    pub fn resume(path: impl AsRef<Path>, steps: u64, epochs: u64) -> Result<(Self, Vec<Record>), LogError> {
        let path = path.as_ref();
        let records: Vec<Record> = if path.exists() { read_log(path)? } else { Vec::new() };
        let before = |record: &Record| match record {
            Record::Step(r) => r.step <= steps,
            Record::Epoch(r) => r.epoch <= epochs,
            Record::Recovery(r) => r.step <= steps,
            Record::Again(_) => false,
        };
        let records: Vec<Record> = records.into_iter().filter(before).collect();
        let lines = records.iter().map(line).collect::<io::Result<Vec<_>>>();
        let log = lines.and_then(|lines| Self::begin(path, &lines.concat())).map_err(io_error("write", path))?;
        Ok((log, records))
    }

    /// A log that begins with this text, in a file of its own: no other name or link leads to what is appended.
    fn begin(path: &Path, text: &[u8]) -> io::Result<Self> {
        atrous_files::write(path, |out| out.write_all(text))?;
        let file = atrous_files::open_no_follow(path, OpenOptions::new().append(true))?;
        Ok(Self { path: path.to_owned(), file, len: text.len() as u64 })
    }

    /// Appends a record. It is passed to the system before this returns.
    ///
    /// # Errors
    /// [`LogError::Io`]. No part of the record is then in the log.
    pub fn write(&mut self, record: &Record) -> Result<(), LogError> {
        let line = line(record).map_err(io_error("write", &self.path))?;
        if let Err(error) = self.file.write_all(&line) {
            // The write is what failed: a part of a line that cannot be removed adds nothing to it.
            let _ = self.file.set_len(self.len).and_then(|()| self.file.seek(SeekFrom::Start(self.len)));
            return Err(io_error("write", &self.path)(error));
        }
        self.len += line.len() as u64;
        Ok(())
    }
}

/// Reads a log. An incomplete last line, left by a process that was killed, is skipped.
///
/// # Errors
/// [`LogError`].
pub fn read_log(path: impl AsRef<Path>) -> Result<Vec<Record>, LogError> {
    let path = path.as_ref();
    let text = atrous_files::read(path, MAX_BYTES).map_err(io_error("read", path))?;
    let complete = text.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
    let lines = text[..complete].split_inclusive(|b| *b == b'\n').enumerate();
    lines
        .map(|(i, line)| {
            let fail =
                |e: serde_json::Error| LogError::Line { path: path.to_owned(), line: i + 1, reason: e.to_string() };
            serde_json::from_slice(line).map_err(fail)
        })
        .collect()
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LogError {
    move |source| LogError::Io { action, path: path.to_owned(), source }
}

/// The record as a line of JSON with its line end.
fn line(record: &Record) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn step(step: u64, epoch: u64) -> Record {
        let loss = 1.0 / step as f64;
        Record::Step(StepRecord {
            step,
            epoch,
            loss,
            lr: 0.1,
            gradient_norm: Some(2.0),
            loss_scale: None,
            skipped: false,
            images_per_second: 50.0,
        })
    }

    fn epoch(epoch: u64, step: u64) -> Record {
        let metrics = BTreeMap::from([("miou".to_owned(), 0.5)]);
        Record::Epoch(EpochRecord {
            epoch,
            step,
            train_loss: 0.5,
            val_loss: Some(0.6),
            metrics,
            class_iou: vec![None, Some(0.5)],
            skipped: None,
            seconds: 1.5,
        })
    }

    #[test]
    fn records_are_lines_of_json() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let mut log = LogWriter::create(&path).unwrap();
        let records = [step(1, 1), step(2, 1), epoch(1, 2)];
        records.iter().for_each(|r| log.write(r).unwrap());
        let text = fs::read_to_string(&path).unwrap();
        let expected =
            r#"{"kind":"step","step":1,"epoch":1,"loss":1.0,"lr":0.1,"gradient_norm":2.0,"images_per_second":50.0}"#;
        assert_eq!(text.lines().next(), Some(expected));
        assert_eq!(text.lines().count(), 3);
        assert_eq!(read_log(&path).unwrap(), records);
    }

    #[test]
    fn a_scaled_step_says_so() {
        let Record::Step(record) = step(1, 1) else { unreachable!("it is a step") };
        let record = Record::Step(StepRecord { loss_scale: Some(65536.0), skipped: true, ..record });
        let line = String::from_utf8(line(&record).unwrap()).unwrap();
        assert!(line.contains(r#""loss_scale":65536.0,"skipped":true,"#), "{line}");
        assert_eq!(serde_json::from_str::<Record>(&line).unwrap(), record);
    }

    #[test]
    fn what_came_after_the_resumed_state_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let mut log = LogWriter::create(&path).unwrap();
        for record in [step(1, 1), step(2, 1), epoch(1, 2), step(3, 2), step(4, 2), epoch(2, 4), step(5, 3)] {
            log.write(&record).unwrap();
        }
        // The process was killed in the middle of a line.
        log.file.write_all(br#"{"kind":"st"#).unwrap();
        // A state with four steps, whose second epoch was not yet complete: its line is written again.
        let (mut log, kept) = LogWriter::resume(&path, 4, 1).unwrap();
        assert_eq!(kept, [step(1, 1), step(2, 1), epoch(1, 2), step(3, 2), step(4, 2)]);
        log.write(&epoch(2, 4)).unwrap();
        assert_eq!(read_log(&path).unwrap().len(), 6);
        let (_, kept) = LogWriter::resume(folder.path().join("none.jsonl"), 4, 1).unwrap();
        assert_eq!(kept, []);
    }

    #[test]
    fn numbers_that_are_not_finite_do_not_break_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let mut log = LogWriter::create(&path).unwrap();
        let Record::Step(mut record) = step(1, 1) else { unreachable!("it is a step") };
        record.loss = f64::NAN;
        record.gradient_norm = Some(f64::INFINITY);
        log.write(&Record::Step(record)).unwrap();
        let [Record::Step(read)] = &read_log(&path).unwrap()[..] else { panic!("one step was written") };
        assert!(read.loss.is_nan() && read.gradient_norm.is_none());
    }

    #[test]
    fn a_file_that_is_no_log_is_named_with_the_line_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        fs::write(&path, "{\"kind\":\"step\"}\nhello\n").unwrap();
        let error = LogWriter::resume(&path, 1, 1).unwrap_err().to_string();
        assert!(error.contains("log.jsonl, line 1: missing field"), "{error}");
        assert!(fs::read_to_string(&path).unwrap().ends_with("hello\n"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_replaced_by_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let [target, path] = ["target.jsonl", "log.jsonl"].map(|name| folder.path().join(name));
        LogWriter::create(&target).unwrap().write(&step(1, 1)).unwrap();
        let before = fs::read(&target).unwrap();
        for begin in [|path: &Path| LogWriter::create(path), |path: &Path| Ok(LogWriter::resume(path, 1, 1)?.0)] {
            std::os::unix::fs::symlink("target.jsonl", &path).unwrap();
            begin(&path).unwrap().write(&step(2, 1)).unwrap();
            assert!(!path.is_symlink() && read_log(&path).unwrap().contains(&step(2, 1)));
            assert_eq!(fs::read(&target).unwrap(), before);
            fs::remove_file(&path).unwrap();
        }
    }
}
