//! The linked texts of the last build: a kernel is linked anew only if something that its texts are made of has changed.

use std::fs;
use std::path::{Path, PathBuf};

use wesl::syntax::TranslationUnit;

use crate::link;
use crate::version::Version;

/// The file that is written behind all texts of a kernel: the version of what they are made of.
const VERSION: &str = "version";

/// The linked texts of one kernel, in a folder of its own.
pub(crate) struct Kept {
    folder: PathBuf,
    version: String,
    /// Whether the folder holds the texts of this version.
    valid: bool,
}

impl Kept {
    /// Those of a kernel; `common` is the version of what all kernels depend on.
    pub(crate) fn of(root: &Path, out: &Path, name: &str, common: &Version) -> Self {
        let version = format!("{:016x}", version(root, name, common).0);
        let folder = out.join("linked").join(name);
        let valid = fs::read_to_string(folder.join(VERSION)).is_ok_and(|kept| kept == version);
        if !valid {
            fs::remove_dir_all(&folder).ok();
            fs::create_dir_all(&folder).expect("OUT_DIR is writable");
        }
        Self { folder, version, valid }
    }

    /// The text of a variant and its syntax tree, which `link` makes if the text is not there.
    pub(crate) fn text(&self, variant: &str, link: impl FnOnce() -> TranslationUnit) -> (String, TranslationUnit) {
        let path = self.folder.join(format!("{variant}.wgsl"));
        let parsed = |text: String| text.parse().map(|tree| (text, tree)).ok();
        if let Some(kept) = fs::read_to_string(&path).ok().filter(|_| self.valid).and_then(parsed) {
            return kept;
        }
        let tree = link();
        let text = tree.to_string();
        fs::write(path, &text).expect("OUT_DIR is writable");
        (text, tree)
    }

    /// Says that all variants' texts are there.
    pub(crate) fn finish(self) {
        fs::write(self.folder.join(VERSION), self.version).expect("OUT_DIR is writable");
    }
}

/// The version of some files and folders.
pub(crate) fn version_of(paths: &[PathBuf]) -> Version {
    let mut version = Version::default();
    let read = |path: &PathBuf| fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    for path in paths {
        let mut files = match fs::read_dir(path) {
            Ok(entries) => entries.map(|entry| entry.expect("an entry").path()).collect(),
            Err(_) => vec![path.clone()],
        };
        files.sort();
        files.iter().for_each(|file| version.add(&read(file)));
    }
    version
}

/// The version of a kernel's file, of the helpers that it imports, and of what all kernels depend on.
fn version(root: &Path, name: &str, common: &Version) -> Version {
    let mut version = Version(common.0);
    let mut names = vec![name.to_owned()];
    let mut read = 0;
    while let Some(name) = names.get(read) {
        read += 1;
        let text = link::read(root, &link::file(root, name));
        version.add(&text);
        for helper in text.split("package::helpers::").skip(1) {
            let end = helper.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(helper.len());
            let helper = format!("helpers/{}", &helper[..end]);
            if !names.contains(&helper) {
                names.push(helper);
            }
        }
    }
    version
}
