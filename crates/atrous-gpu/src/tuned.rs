//! The kernels that tuning chose, in memory and in a file.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atrous_files::{Checksum, excerpt};
use atrous_kernels::{Choices, ChoicesError, Origin};

use crate::sealed::read;
use crate::{AdapterInfo, DeviceOptions, Tuning};
#[cfg(not(target_arch = "wasm32"))]
use crate::{sealed::sealed, whole_file::replace};

/// The choices of a device, and the file where they are kept: readable text whose last line is a checksum, one file for each adapter and
/// driver. If the file cannot be read or written, or is damaged, a warning says so and the choices are kept in memory alone.
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
        let file = format!("choices-{backend}-{}.txt", Checksum::of(name_of.as_bytes()));
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

    /// Takes the choices of another device on the same adapter in place of those in the file, if tuning is on.
    pub(crate) fn take_over(&self, other: &Self) {
        if let Some((own, others)) = self.choices.as_ref().zip(other.choices()) {
            *lock(own) = others;
        }
    }

    /// Adds new choices, for plans made from now on and for later programs. Choices that another program wrote into the file meanwhile
    /// are kept.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn add(&self, found: Choices) {
        let Some(choices) = self.choices.as_ref().filter(|_| !found.is_empty()) else { return };
        let mut all = self.stored();
        all.extend(lock(choices).as_ref().clone());
        all.extend(found);
        let text = sealed(&all.text(&self.origin));
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
        let text = match read(file) {
            Ok(Some(text)) => text,
            Ok(None) => return Choices::default(),
            Err(reason) => {
                warn(&reason);
                return Choices::default();
            }
        };
        match Choices::parse(&text, &self.origin) {
            Ok((choices, unknown)) => {
                unknown.iter().for_each(|line| warn(&format!("there is no such kernel: {}", excerpt(line))));
                choices
            }
            Err(reason @ ChoicesError::Elsewhere { .. }) => {
                tracing::info!(file = %file.display(), reason = excerpt(reason.to_string()), "what tuning found is not used");
                Choices::default()
            }
            Err(error) => {
                warn(&excerpt(error.to_string()));
                Choices::default()
            }
        }
    }
}
