//! The kernels that tuning chose, in memory and in a file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fs, io};

use atrous_kernels::{Choices, ChoicesError, Origin};

use crate::whole_file::checksum;
#[cfg(not(target_arch = "wasm32"))]
use crate::whole_file::replace;
use crate::{AdapterInfo, DeviceOptions, Tuning};

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// The choices of a device, and the file where they are kept: readable text, one file for each adapter and driver. If the file cannot
/// be read or written, a warning says so and the choices are kept in memory alone.
pub(crate) struct Tuned {
    origin: Origin,
    file: Option<PathBuf>,
    /// `None` if tuning is off.
    choices: Option<Mutex<Arc<Choices>>>,
}

fn lock(choices: &Mutex<Arc<Choices>>) -> MutexGuard<'_, Arc<Choices>> {
    choices.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tuned {
    /// Reads the choices of earlier programs on this adapter, unless tuning is off.
    pub(crate) fn open(info: &AdapterInfo, options: &DeviceOptions) -> Self {
        let AdapterInfo { name, driver, backend, .. } = info.clone();
        // With cooperative matrices there are other candidates, so their choices have a file of their own.
        let matrices = if options.cooperative { "\ncooperative" } else { "" };
        let name_of = format!("{backend}\n{name}\n{driver}{matrices}");
        let file = format!("choices-{backend}-{:016x}.txt", checksum(name_of.as_bytes()));
        let kernels = atrous_shaders::VERSION.to_owned();
        let mut tuned = Self {
            origin: Origin { adapter: name, driver, backend, kernels },
            file: options.pipeline_cache.folder().map(|folder| folder.join(file)),
            choices: None,
        };
        if options.tuning == Tuning::On {
            tuned.choices = Some(Mutex::new(Arc::new(tuned.stored())));
        }
        tuned
    }

    /// All known choices; `None` if tuning is off.
    pub(crate) fn choices(&self) -> Option<Arc<Choices>> {
        self.choices.as_ref().map(|choices| lock(choices).clone())
    }

    /// Adds new choices, for plans made from now on and for later programs. Choices that another program wrote into the file meanwhile
    /// are kept.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn add(&self, found: Choices) {
        let Some(choices) = self.choices.as_ref().filter(|_| !found.is_empty()) else { return };
        let mut all = self.stored();
        all.extend(lock(choices).as_ref().clone());
        all.extend(found);
        let text = all.text(&self.origin);
        *lock(choices) = Arc::new(all);
        let Some(file) = &self.file else { return };
        if let Err(error) = replace(file, &[text.as_bytes()]) {
            tracing::warn!(file = %file.display(), %error, "what tuning found is not kept");
        }
    }

    /// The choices in the file; empty if there is no file, or if it is of another adapter or other kernels.
    fn stored(&self) -> Choices {
        let Some(file) = &self.file else { return Choices::default() };
        let warn = |reason: &str| tracing::warn!(file = %file.display(), reason, "what tuning found is not used");
        match read(file).map(|text| text.map(|text| Choices::parse(&text, &self.origin))) {
            Ok(None) => Choices::default(),
            Ok(Some(Ok((choices, unknown)))) => {
                unknown.iter().for_each(|line| warn(&format!("there is no such kernel: {line}")));
                choices
            }
            Ok(Some(Err(reason @ ChoicesError::Elsewhere { .. }))) => {
                tracing::info!(file = %file.display(), %reason, "what tuning found is not used");
                Choices::default()
            }
            Ok(Some(Err(error))) => {
                warn(&error.to_string());
                Choices::default()
            }
            Err(error) => {
                warn(&error.to_string());
                Choices::default()
            }
        }
    }
}

/// The text of a file; `None` if there is no file.
fn read(file: &Path) -> io::Result<Option<String>> {
    let too_large = |len: u64| io::Error::other(format!("the file has {len} bytes, more than {MAX_BYTES}"));
    match fs::metadata(file) {
        Ok(metadata) if metadata.len() > MAX_BYTES => Err(too_large(metadata.len())),
        Ok(_) => fs::read_to_string(file).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
