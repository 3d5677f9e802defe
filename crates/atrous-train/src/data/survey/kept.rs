//! Surveys that are kept in files.

use super::super::error::Result;
use super::super::loader::Loader;
use super::Survey;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::Path;

impl Survey {
    /// [`Survey::of`], whose result is kept in a file of this folder. It is read from there if nothing has changed: names, sizes and times
    /// of change of the dataset's files, its classes, the loader's options, and `settings`, the text of everything else that decides how
    /// the files are read. Surveys of samples without files of their own are not kept. A folder that cannot be used is done without.
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
        let kept = fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        if let Some(survey) = kept {
            return Ok(survey);
        }
        let survey = Self::of(loader, most, progress)?;
        let write = |survey: &Self| -> std::io::Result<()> {
            fs::create_dir_all(folder)?;
            let text = serde_json::to_vec(survey)?;
            atrous_files::write(&file, |out| out.write_all(&text))
        };
        // The survey is there; that it must be made again the next time is no error.
        let _ = write(&survey);
        Ok(survey)
    }
}

/// A number that changes with everything that the survey depends on; `None` if there are no files, or one cannot be found.
fn key(loader: &Loader, most: usize, settings: &str) -> Option<u64> {
    let (dataset, options) = (loader.dataset(), loader.options());
    let mut hasher = DefaultHasher::new();
    (env!("CARGO_PKG_VERSION"), most, settings, dataset.class_names(), dataset.len()).hash(&mut hasher);
    (loader.targets(), options.ignore_label, format!("{:?}", options.on_broken)).hash(&mut hasher);
    for index in 0..dataset.len() {
        let files = dataset.files(index);
        if files.is_empty() {
            return None;
        }
        for file in files {
            let found = fs::metadata(file).ok()?;
            (file, found.len(), found.modified().ok()?, dataset.class_of(index)).hash(&mut hasher);
        }
    }
    Some(hasher.finish())
}
