//! The kernel variants that are not used on an adapter, in memory and in a file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use atrous_files::{Checksum, excerpt};
use atrous_kernels::known_variant;

use crate::sealed::read;
use crate::{AdapterInfo, DeviceOptions};
#[cfg(not(target_arch = "wasm32"))]
use crate::{sealed::sealed, whole_file::replace};

/// Variants by name, with the reason why each is not used.
type Names = BTreeMap<&'static str, String>;

/// First line of the file.
const MAGIC: &str = "atrous avoided 1";

/// The variants that are not used on an adapter and driver, and the file where they are kept beside the compiled kernels: a line for each,
/// `variant = reason`. A file that cannot be read, or is of other kernels, is ignored with a warning.
pub(crate) struct Avoided {
    file: Option<PathBuf>,
    names: Mutex<Option<Arc<Names>>>,
}

impl Avoided {
    /// Reads what earlier programs found on this adapter and driver with these kernels.
    pub(crate) fn open(info: &AdapterInfo, options: &DeviceOptions) -> Self {
        let AdapterInfo { name, driver, backend, .. } = info;
        let origin = format!("{backend}\n{name}\n{driver}\n{}", atrous_shaders::VERSION);
        let file = format!("avoided-{backend}-{}.txt", Checksum::of(origin.as_bytes()));
        let file = options.pipeline_cache.folder().map(|folder| folder.join(file));
        let avoided = Self { file, names: Mutex::default() };
        avoided.set(avoided.stored());
        avoided
    }

    /// The variants; `None` if all are used.
    pub(crate) fn names(&self) -> Option<Arc<Names>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the variants of another device on the same adapter in place of those in the file.
    pub(crate) fn take_over(&self, other: &Self) {
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = other.names();
    }

    /// Replaces the variants, here and in the file.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn replace(&self, names: Names) {
        let lines: String = names.iter().map(|(name, reason)| format!("{name} = {}\n", one_line(reason))).collect();
        self.set(names);
        let Some(file) = &self.file else { return };
        let text = sealed(&format!("{MAGIC}\n{lines}"));
        if let Err(error) = replace(file, &[text.as_bytes()]) {
            tracing::warn!(file = %file.display(), %error, "which kernels to avoid is not kept");
        }
    }

    fn set(&self, names: Names) {
        let names = Some(names).filter(|names| !names.is_empty()).map(Arc::new);
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = names;
    }

    fn stored(&self) -> Names {
        let Some(file) = &self.file else { return Names::new() };
        match read(file).and_then(|text| text.as_deref().map(parsed).transpose()) {
            Ok(names) => names.unwrap_or_default(),
            Err(reason) => {
                tracing::warn!(file = %file.display(), reason, "which kernels to avoid is not known");
                Names::new()
            }
        }
    }
}

/// The variants in a text. Those that there are no longer are left out.
fn parsed(text: &str) -> Result<Names, String> {
    let mut lines = text.lines();
    if lines.next() != Some(MAGIC) {
        return Err(format!("the file does not begin with \"{MAGIC}\""));
    }
    let pair = |line: &str| {
        let (name, reason) =
            line.split_once(" = ").ok_or_else(|| format!("no variant and reason in \"{}\"", excerpt(line)))?;
        Ok(known_variant(name).ok().map(|name| (name, one_line(reason))))
    };
    lines.filter_map(|line| pair(line).transpose()).collect()
}

/// The text with single spaces for runs of white space.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_read_as_they_are_written() {
        let names = parsed("atrous avoided 1\ndirect =  wrong \t results \nno_such = gone\n").unwrap();
        assert_eq!(names, Names::from([("direct", "wrong results".to_owned())]));
        let error = parsed("atrous avoided 1\ndirect\u{1b}[2J\n").unwrap_err();
        assert_eq!(error, r#"no variant and reason in "direct\u{1b}[2J""#);
    }
}
