//! Learning curves, drawn as pictures.

#[cfg(feature = "plot")]
mod draw;

use std::collections::BTreeMap;

use crate::log::Record;

/// Why a curve could not be drawn or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CurveError {
    /// The picture cannot be drawn.
    #[error("cannot draw the learning curve: {0}")]
    Draw(String),
    /// The picture cannot be written.
    #[error(transparent)]
    Write(#[from] atrous_vision::Error),
}

/// The points of a training's learning curve.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// (step, loss of its batch).
    train: Vec<(f64, f64)>,
    /// (step, validation loss).
    validation: Vec<(f64, f64)>,
    /// (step, value) of each metric.
    metrics: BTreeMap<String, Vec<(f64, f64)>>,
}

impl Curve {
    /// Adds the values of a record of the log. Values that are not finite are left out.
    pub fn add(&mut self, record: &Record) {
        let push = |points: &mut Vec<(f64, f64)>, step: u64, value: f64| {
            if value.is_finite() {
                points.push((step as f64, value));
            }
        };
        match record {
            Record::Step(r) => push(&mut self.train, r.step, r.loss),
            Record::Recovery(_) | Record::Again(_) => {}
            Record::Epoch(r) => {
                if let Some(loss) = r.val_loss {
                    push(&mut self.validation, r.step, loss);
                }
                for (name, value) in &r.metrics {
                    push(self.metrics.entry(name.clone()).or_default(), r.step, *value);
                }
            }
        }
    }
}
