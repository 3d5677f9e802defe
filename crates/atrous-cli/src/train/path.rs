//! Paths in configurations.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{self, Error as _, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};

/// A path: in TOML text, or the list of its bytes if it is not UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilePath(PathBuf);

impl FilePath {
    /// The path, beginning with this folder if it is relative.
    pub(super) fn within(&self, folder: &Path) -> Self {
        Self(folder.join(&self.0))
    }
}

impl From<OsString> for FilePath {
    fn from(text: OsString) -> Self {
        Self(text.into())
    }
}

impl From<PathBuf> for FilePath {
    fn from(path: PathBuf) -> Self {
        Self(path)
    }
}

impl std::ops::Deref for FilePath {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<Path> for FilePath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Serialize for FilePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.to_str() {
            Some(text) => serializer.serialize_str(text),
            None if cfg!(unix) => serializer.collect_seq(self.0.as_os_str().as_encoded_bytes()),
            None => Err(ser::Error::custom(format!("the path {} is not Unicode", atrous_files::shown(&self.0)))),
        }
    }
}

impl<'de> Deserialize<'de> for FilePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PathVisitor)
    }
}

struct PathVisitor;

impl<'de> Visitor<'de> for PathVisitor {
    type Value = FilePath;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<FilePath, E> {
        match text {
            "" => Err(E::invalid_value(Unexpected::Str(text), &"a path that is not empty")),
            _ => Ok(FilePath(text.into())),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<FilePath, A::Error> {
        let mut bytes = Vec::new();
        let no_path = |_| A::Error::invalid_type(Unexpected::Seq, &"a path");
        while let Some(byte) = seq.next_element().map_err(no_path)? {
            bytes.push(byte);
        }
        from_bytes(bytes).ok_or_else(|| A::Error::custom("a path of bytes must be UTF-8 on this system"))
    }
}

#[cfg(unix)]
fn from_bytes(bytes: Vec<u8>) -> Option<FilePath> {
    use std::os::unix::ffi::OsStringExt;
    Some(OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn from_bytes(bytes: Vec<u8>) -> Option<FilePath> {
    String::from_utf8(bytes).ok().map(|text| FilePath(text.into()))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;
    use toml::Value;

    #[test]
    fn paths_that_are_not_text_survive_a_file() {
        for bytes in [&b"/data/gr\xf6\xdfe"[..], b"runs/a"] {
            let path = FilePath(Path::new(std::ffi::OsStr::from_bytes(bytes)).to_owned());
            let value = Value::try_from(&path).unwrap();
            assert_eq!(value.is_str(), path.to_str().is_some());
            assert_eq!(value.try_into::<FilePath>().unwrap(), path);
        }
    }
}
