//! Progress of a training, shown on the terminal.

#[cfg_attr(not(feature = "plot"), path = "no_bar.rs")]
mod bar;

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _, stderr};

use bar::Bar;

use crate::log::EpochRecord;

/// The output of a training while it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    /// No output.
    #[default]
    Nothing,
    /// On standard error: a progress bar if it is a terminal (with the feature `plot`), otherwise a line per epoch.
    /// That it is closed or full ends no training.
    Auto,
}

/// Shows the progress of a training on standard error: a bar with epoch, step, loss, pictures per second and remaining time. If standard
/// error is no terminal, or without the feature `plot`, a line per epoch.
#[derive(Debug)]
pub struct Progress {
    bar: Option<Bar>,
    epochs: u64,
    lines: bool,
}

impl Progress {
    /// The progress of a training with `epochs` epochs and `steps` steps in total, each over `images` pictures; `done` steps were done
    /// before.
    pub fn new(show: Show, epochs: u64, steps: u64, done: u64, images: u64) -> Self {
        let bar = match show {
            Show::Auto if stderr().is_terminal() => Bar::new(steps, done, images),
            Show::Auto | Show::Nothing => None,
        };
        let lines = show == Show::Auto && bar.is_none();
        Self { bar, epochs, lines }
    }

    /// Shows that `step` steps are done. `epoch` is the number of the epoch, counted from 1, `loss` the last known loss, and `scale` its
    /// loss scale, if there is one.
    pub fn step(&self, epoch: u64, step: u64, loss: f64, scale: Option<f64>) {
        let Some(bar) = &self.bar else { return };
        let scale = scale.map_or_else(String::new, |scale| format!("  scale {scale}"));
        bar.set(step, format!("epoch {epoch}/{}  loss {loss:.4}{scale}", self.epochs));
    }

    /// Shows that an epoch is done.
    pub fn epoch(&self, record: &EpochRecord) {
        self.say(&epoch_line(record, self.epochs));
    }

    /// Prints a line, above the bar if there is one.
    pub fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            // An error, such as a closed pipe, must not end the training.
            None if self.lines => drop(stderr().write_all(format!("{text}\n").as_bytes())),
            None => {}
        }
    }
}

/// The line that is printed for an epoch.
fn epoch_line(record: &EpochRecord, epochs: u64) -> String {
    let mut line = format!("epoch {}/{epochs}  loss {:.4}", record.epoch, record.train_loss);
    let mut add = |name: &str, value: f64| {
        // Writing into a text cannot fail.
        let _ = write!(line, "  {name} {value:.4}");
    };
    if let Some(loss) = record.val_loss {
        add("val_loss", loss);
    }
    record.metrics.iter().for_each(|(name, value)| add(name, *value));
    if let Some(skipped) = record.skipped.filter(|skipped| *skipped > 0) {
        let _ = write!(line, "  {skipped} skipped");
    }
    let _ = write!(line, "  {:.1} s", record.seconds);
    line
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn an_epoch_is_a_line() {
        let metrics = BTreeMap::from([("miou".to_owned(), 0.75), ("accuracy".to_owned(), 0.5)]);
        let mut record = EpochRecord {
            epoch: 3,
            step: 30,
            train_loss: 0.25,
            val_loss: Some(0.5),
            metrics,
            class_iou: vec![],
            skipped: None,
            seconds: 12.34,
        };
        assert_eq!(
            epoch_line(&record, 20),
            "epoch 3/20  loss 0.2500  val_loss 0.5000  accuracy 0.5000  miou 0.7500  12.3 s"
        );
        record.val_loss = None;
        record.metrics.clear();
        assert_eq!(epoch_line(&record, 20), "epoch 3/20  loss 0.2500  12.3 s");
        record.skipped = Some(0);
        assert_eq!(epoch_line(&record, 20), "epoch 3/20  loss 0.2500  12.3 s");
        record.skipped = Some(2);
        assert_eq!(epoch_line(&record, 20), "epoch 3/20  loss 0.2500  2 skipped  12.3 s");
    }

    #[test]
    fn nothing_is_shown_where_nothing_was_asked_for() {
        let progress = Progress::new(Show::Nothing, 2, 10, 4, 8);
        assert!(progress.bar.is_none() && !progress.lines);
        progress.step(1, 5, 0.5, Some(65536.0));
    }
}
