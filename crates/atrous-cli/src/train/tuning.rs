//! Fine-tuning: weights from a file, and frozen parts of a network.

use atrous::io::PartialWeights;
use atrous::nn::{Model, ModelError};
use atrous_files::excerpt;

use super::config::Config;

/// Most names that one line of the report lists.
const LISTED: usize = 12;

impl Config {
    /// The names of the frozen parameters and modules.
    pub(super) fn frozen(&self, model: &Model) -> Result<Vec<String>, ModelError> {
        let mut frozen = self.freeze.clone().unwrap_or_default();
        let names: Vec<&str> = frozen.iter().map(String::as_str).collect();
        model.select(&names)?;
        if let Some(name) = &self.unfreeze_from {
            let first = model.select(&[name])?[0].node;
            frozen.extend(model.parameters.iter().take_while(|p| p.node != first).map(|p| p.name.clone()));
        }
        Ok(frozen)
    }
}

/// Describes which tensors of a network come from the file and which do not.
pub(super) fn describe(weights: &PartialWeights, model: &Model) -> String {
    let mismatch = weights.mismatch();
    let shapes = mismatch.shapes.iter();
    let shapes = shapes.map(|s| format!("{} (needs {:?}, the file has {:?})", s.name, s.needs, s.got));
    let drawn: Vec<String> = mismatch.missing.iter().cloned().chain(shapes).collect();
    let mut text = format!("{} of {} tensors are loaded\n", weights.loaded(), model.parameters.len());
    for (title, names) in [("drawn anew", &drawn), ("in the file, not used", &mismatch.unexpected)] {
        if !names.is_empty() {
            let shown = names.iter().take(LISTED).map(excerpt).collect::<Vec<_>>().join(", ");
            let more = names.len().saturating_sub(LISTED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            text.push_str(&format!("  {title}: {shown}{more}\n"));
        }
    }
    text
}
