//! The kernels that tuning chose, in memory and in a file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atrous_files::Checksum;
use atrous_kernels::{Choices, ChoicesError, Origin};

use crate::whole_file::content;
#[cfg(not(target_arch = "wasm32"))]
use crate::whole_file::replace;
use crate::{AdapterInfo, DeviceOptions, Tuning};

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 16 << 20;

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
                unknown.iter().for_each(|line| warn(&format!("there is no such kernel: {line}")));
                choices
            }
            Err(reason @ ChoicesError::Elsewhere { .. }) => {
                tracing::info!(file = %file.display(), %reason, "what tuning found is not used");
                Choices::default()
            }
            Err(error) => {
                warn(&error.to_string());
                Choices::default()
            }
        }
    }
}

/// Beginning of a file's last line.
const SEAL: &str = "checksum: ";

/// A text and its checksum in a last line.
fn sealed(text: &str) -> String {
    format!("{text}{SEAL}{}\n", Checksum::of(text.as_bytes()))
}

/// The text before the checksum of a file; `None` if there is no file.
fn read(file: &Path) -> Result<Option<String>, String> {
    match content(file, MAX_BYTES) {
        Ok(bytes) => bytes.map(unsealed).transpose(),
        Err(error) => Err(error.to_string()),
    }
}

/// The text before the checksum.
fn unsealed(bytes: Vec<u8>) -> Result<String, String> {
    let whole = String::from_utf8(bytes).map_err(|_| "the file is no text".to_owned())?;
    let (text, stated) =
        whole.rsplit_once(SEAL).ok_or("the file has no checksum: it is damaged or of an earlier version")?;
    if whole != sealed(text) {
        let found = Checksum::of(text.as_bytes());
        return Err(format!("the file is damaged: its checksum is {found}, its last line says {}", stated.trim_end()));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_missing_or_added_byte_is_found() {
        let text = "atrous choices 1\nadapter: a GPU\nconv2d: 1×1 = direct, best of 3\n";
        let whole = sealed(text);
        assert_eq!(unsealed(whole.clone().into()), Ok(text.to_owned()));
        for at in 0..whole.len() {
            for change in 1..=255 {
                let mut bytes = whole.clone().into_bytes();
                bytes[at] ^= change;
                assert!(unsealed(bytes).is_err(), "byte {at}");
            }
            assert!(unsealed(whole.as_bytes()[..at].to_vec()).is_err(), "{at} bytes");
        }
        assert!(unsealed(format!("{whole}\n").into()).is_err());
        assert!(unsealed(text.into()).unwrap_err().contains("has no checksum"));
        let reason = unsealed(whole.replace("best of 3", "best of 4").into()).unwrap_err();
        assert!(reason.starts_with("the file is damaged: its checksum is "), "{reason}");
    }
}
