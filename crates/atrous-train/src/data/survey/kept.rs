//! Surveys that are kept in files.

use super::super::error::Result;
use super::super::loader::Loader;
use super::Survey;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::Path;

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 16 << 20;

impl Survey {
    /// [`Survey::of`], whose result is kept in a file of this folder. It is read from there if nothing has changed: names, sizes and times
    /// of change of the dataset's files, its classes, the loader's options, and `settings`, the text of everything else that decides how
    /// the files are read. Surveys of samples without files of their own are not kept. A folder that cannot be used is done without, and a
    /// file that is damaged, has a checksum of something else, or is none of a survey is replaced.
    ///
    /// # Errors
    /// Those of [`Survey::of`].
    pub fn kept_in(
        folder: &Path,
        loader: &Loader,
        most: usize,
        settings: &str,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Self> {
        let Some(key) = key(loader, most, settings) else { return Self::of(loader, most, progress) };
        let file = folder.join(format!("{key:016x}.json"));
        if let Some(survey) = kept(&file, loader) {
            return Ok(survey);
        }
        let survey = Self::of(loader, most, progress)?;
        let write = |survey: &Self| -> std::io::Result<()> {
            fs::create_dir_all(folder)?;
            let text = atrous_files::sealed(&(serde_json::to_string(survey)? + "\n"));
            atrous_files::write(&file, |out| out.write_all(text.as_bytes()))
        };
        // The survey is there; that it must be made again the next time is no error.
        let _ = write(&survey);
        Ok(survey)
    }
}

/// The survey in a file, if it is one that can be of this loader's samples.
fn kept(file: &Path, loader: &Loader) -> Option<Survey> {
    let text = atrous_files::unsealed(atrous_files::read(file, MAX_BYTES).ok()?).ok()?;
    let survey: Survey = serde_json::from_str(&text).ok()?;
    fits(&survey, &Survey::empty(loader)).then_some(survey)
}

/// Whether a survey can be one of the samples that the empty one is of.
fn fits(survey: &Survey, empty: &Survey) -> bool {
    let of = |survey: &Survey| {
        (survey.samples, survey.pixels, survey.class_names.clone(), survey.classes.len(), survey.ignore_label)
    };
    let outside = survey.outside.values();
    let mut counts = survey.classes.iter().chain(outside.clone().map(|(count, _)| count)).chain([&survey.ignored]);
    let mut names = outside
        .map(|(_, first)| first)
        .chain(&survey.first_broken)
        .chain(survey.first_turned.iter().map(|(mask, _)| mask));
    of(survey) == of(empty)
        && (survey.broken..=survey.samples).contains(&survey.read)
        && (survey.outside.is_empty() || !survey.classes.is_empty())
        && counts.try_fold(0u64, |sum, count| sum.checked_add(count.labels)).is_some()
        && names.all(|name| name.chars().all(atrous_files::is_plain))
}

/// A number that changes with everything that the survey depends on; `None` if there are no files, or one cannot be found.
fn key(loader: &Loader, most: usize, settings: &str) -> Option<u64> {
    let (dataset, options) = (loader.dataset(), loader.options());
    let mut hasher = DefaultHasher::new();
    (env!("CARGO_PKG_VERSION"), most, settings, dataset.class_names(), dataset.len()).hash(&mut hasher);
    let on_broken = format!("{:?}", options.on_broken);
    (loader.targets(), options.ignore_label, options.max_picture, on_broken).hash(&mut hasher);
    for index in 0..dataset.len() {
        let files = dataset.files(index);
        if files.is_empty() {
            return None;
        }
        for file in files {
            let found = fs::metadata(file).ok()?;
            (file, found.len(), found.modified().ok()?, changed(&found), dataset.class_of(index)).hash(&mut hasher);
        }
    }
    Some(hasher.finish())
}

/// When a file was last changed, in a form that programs do not set: copies may have the time of change of what they are copies of.
#[cfg(unix)]
fn changed(file: &fs::Metadata) -> (i64, i64) {
    use std::os::unix::fs::MetadataExt;
    (file.ctime(), file.ctime_nsec())
}

#[cfg(not(unix))]
fn changed(file: &fs::Metadata) -> Option<std::time::SystemTime> {
    file.created().ok()
}
