//! What the data hold, before a training begins.

use std::collections::HashSet;
use std::path::PathBuf;

use atrous::DeviceOptions;
use atrous::train::Loss;
use atrous::train::data::{Dataset, Finding, Loader, Part, Severity, Survey};
use atrous_files::shown;
use indicatif::{ProgressBar, ProgressStyle};

use super::config::Config;
use super::data::Loaders;
use super::error::{Failed, Result};
use crate::output::say;

impl Config {
    /// Prints what the data hold and what is suspicious about them. Returns the survey of the validation.
    ///
    /// # Errors
    /// [`Failed::Data`] if they teach nothing.
    pub(super) fn survey(&self, loaders: &Loaders) -> Result<Option<Survey>> {
        let train = self.survey_of(&loaders.train)?;
        let mut found: Vec<(&str, Finding)> = Vec::new();
        let mut show = |title: &str, name: &'static str, survey: &Survey, findings: Vec<Finding>| {
            say(&format!("{title:<9}{}\n", survey.to_string().replace('\n', "\n         ")));
            found.extend(findings.into_iter().map(|finding| (name, finding)));
        };
        let weights = class_weights(&self.loss).map_or_else(Vec::new, |weights| train.weight_findings(weights));
        show("Training", "training data", &train, [train.findings(Part::Train), weights].concat());
        let validation = loaders.validation.as_ref().map(|loader| self.survey_of(loader)).transpose()?;
        if let Some((survey, loader)) = validation.as_ref().zip(loaders.validation.as_ref()) {
            show("Held out", "validation data", survey, survey.findings(Part::Test));
            if let Some(text) = shared(&**loaders.train.dataset(), &**loader.dataset()) {
                say(&format!("warning: validation data: {text}\n"));
            }
        }
        for (name, finding) in found.iter().filter(|(_, finding)| finding.severity() == Severity::Warning) {
            say(&format!("warning: {name}: {finding}\n"));
        }
        let errors = found.iter().filter(|(_, finding)| finding.severity() == Severity::Error);
        let errors: Vec<String> = errors.map(|(name, finding)| format!("{name}: {finding}")).collect();
        if errors.is_empty() { Ok(validation) } else { Err(Failed::Data(errors.join("\n")).into()) }
    }

    /// Surveys data, or reads an earlier survey of the same files from the user's folder for caches.
    fn survey_of(&self, loader: &Loader) -> Result<Survey> {
        let style = ProgressStyle::with_template("Reading  {bar:30} {pos}/{len} samples").expect("a valid template");
        // It is not drawn where standard error is no terminal.
        let bar = ProgressBar::new(loader.dataset().len().min(Survey::MOST) as u64).with_style(style);
        let progress = |done: usize, all: usize| {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
        };
        let survey = match DeviceOptions::from_env()?.pipeline_cache.folder() {
            Some(caches) => {
                let settings = format!("{:?}", self.data);
                Survey::kept_in(&caches.join("surveys"), loader, Survey::MOST, &settings, &progress)
            }
            None => Survey::of(loader, Survey::MOST, &progress),
        };
        bar.finish_and_clear();
        Ok(survey?)
    }
}

/// What is wrong with validation data whose files are also trained on, if any are.
fn shared(train: &dyn Dataset, held_out: &dyn Dataset) -> Option<String> {
    let file = |data: &dyn Dataset, i| data.files(i).first().and_then(|file| file.canonicalize().ok());
    let trained: HashSet<PathBuf> = (0..train.len()).filter_map(|i| file(train, i)).collect();
    let both: Vec<PathBuf> =
        (0..held_out.len()).filter_map(|i| file(held_out, i)).filter(|file| trained.contains(file)).collect();
    let (first, count, all) = (shown(both.first()?), both.len(), held_out.len());
    Some(format!(
        "{count} of {all} samples are also trained on, such as {first}: figures of them do not tell how others fare"
    ))
}

/// The class weights, if the whole loss goes by them.
fn class_weights(loss: &Loss) -> Option<&[f32]> {
    match loss {
        Loss::WeightedCrossEntropy { weights, .. } => Some(weights),
        Loss::Sum { parts } => {
            let mut parts = parts.iter().filter(|part| part.weight > 0.0);
            parts.next().filter(|_| parts.next().is_none()).and_then(|part| class_weights(&part.loss))
        }
        _ => None,
    }
}
