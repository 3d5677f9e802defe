//! The folder of reference results.

use std::{
    env,
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use atrous_io::WeightFile;
use flate2::read::GzDecoder;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{CaseError, array::Array};

/// An entry of a list. An entry that cannot be read does not make the rest of the list unreadable.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Listed<T> {
    Known(T),
    Unknown(Value),
}

impl<T: DeserializeOwned> Listed<T> {
    /// The entry, or its name and the error in reading it.
    pub(super) fn known(&self) -> Result<&T, (String, CaseError)> {
        let value = match self {
            Self::Known(entry) => return Ok(entry),
            Self::Unknown(value) => value,
        };
        let name = value["name"].as_str().unwrap_or("entry without a name").to_owned();
        let why = serde_json::from_value::<T>(value.clone()).err().map_or_else(String::new, |error| error.to_string());
        Err((name, CaseError::Unsupported(format!("the entry is not understood: {why}"))))
    }
}

/// A folder with `ops.json`, `models.json` and the files they name.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder at `path`.
    ///
    /// # Errors
    /// If there is none.
    pub fn open(path: &Path) -> Result<Self> {
        let is_folder = fs::metadata(path).with_context(|| format!("no reference results at {}", path.display()))?;
        anyhow::ensure!(is_folder.is_dir(), "{} is not a folder", path.display());
        Ok(Self { path: path.to_owned() })
    }

    /// The folder of `ATROUS_GOLDEN_DIR`, else `tests/golden` of this repository.
    ///
    /// # Errors
    /// If there is none.
    pub fn from_env() -> Result<Self> {
        let bundled = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
        Self::open(&env::var_os("ATROUS_GOLDEN_DIR").map_or_else(bundled, PathBuf::from))
    }

    /// Reads a JSON file.
    ///
    /// # Errors
    /// If it cannot be read or has another structure.
    pub fn json<T: DeserializeOwned>(&self, file: &str) -> Result<T> {
        let path = self.path.join(file);
        let open = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        serde_json::from_reader(BufReader::new(open)).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Reads a gzip-compressed JSON file.
    ///
    /// # Errors
    /// If it cannot be read or has another structure.
    pub fn json_gz<T: DeserializeOwned>(&self, file: &str) -> Result<T> {
        let path = self.path.join(file);
        let open = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        serde_json::from_reader(GzDecoder::new(BufReader::new(open)))
            .with_context(|| format!("cannot read {}", path.display()))
    }

    /// Maps a file of tensors.
    ///
    /// # Errors
    /// If the file cannot be opened or is not safetensors.
    pub fn tensors(&self, file: &str) -> Result<WeightFile> {
        Ok(WeightFile::open(self.path.join(file))?)
    }
}

/// A stored f32 tensor.
pub(super) fn stored(file: &WeightFile, name: &str) -> Result<Array, CaseError> {
    let tensor = file.tensor(name).ok_or_else(|| CaseError::Failed(format!("the file has no tensor \"{name}\"")))?;
    let wrong = || CaseError::Failed(format!("tensor \"{name}\" is {}, expected f32", tensor.dtype));
    Ok(Array { shape: tensor.shape.to_vec(), values: tensor.to_f32().ok_or_else(wrong)? })
}
