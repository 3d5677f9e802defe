//! The files of Pascal VOC.

use super::super::error::{DataError, Result};
use super::super::files::{pictures_in, read_text, shown, stem};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The classes of Pascal VOC in the order of their numbers. 255 marks the borders between objects.
pub const VOC_CLASSES: [&str; 21] = [
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
];

/// Longest name of a file on the usual systems, in bytes.
const LONGEST: usize = 255;

/// The pictures and masks of a list, in its order.
pub(super) fn find(root: &Path, split: &str) -> Result<Vec<(PathBuf, PathBuf)>> {
    let inner = ["", "VOC2012", "VOCdevkit/VOC2012"].map(|inner| root.join(inner));
    let Some(voc) = inner.into_iter().find(|folder| folder.join("ImageSets/Segmentation").is_dir()) else {
        let path = shown(root.join("ImageSets/Segmentation"));
        return Err(DataError::Missing { path, what: "folder" });
    };
    let list = voc.join("ImageSets/Segmentation").join(format!("{split}.txt"));
    let mut ids = Vec::new();
    for (index, line) in read_text(&list)?.lines().enumerate() {
        match line.trim() {
            "" => {}
            id if id.contains(['/', '\\', ' ', '\t']) || id.starts_with('.') || id.len() > LONGEST => {
                return Err(DataError::ListLine { path: shown(&list), line: index + 1, text: id.to_owned() });
            }
            id => ids.push(id.to_owned()),
        }
    }
    if ids.is_empty() {
        return Err(DataError::NoSamples { name: shown(&list), wanted: "one name a line".to_owned() });
    }
    let (pictures, masks) =
        (Named::in_folder(&voc, "JPEGImages", "jpg")?, Named::in_folder(&voc, "SegmentationClass", "png")?);
    Ok(ids.iter().map(|id| (pictures.path(id), masks.path(id))).collect())
}

/// The pictures of a folder by their names without extension.
struct Named {
    folder: PathBuf,
    extension: &'static str,
    found: HashMap<String, PathBuf>,
}

impl Named {
    /// Of several pictures of one name, the one with this extension is taken, else the first.
    fn in_folder(voc: &Path, name: &str, extension: &'static str) -> Result<Self> {
        let folder = voc.join(name);
        let mut found = HashMap::new();
        for path in pictures_in(&folder)? {
            let usual = path.extension().is_some_and(|own| own == extension);
            let first = found.entry(stem(&path)).or_insert_with(|| path.clone());
            if usual {
                *first = path;
            }
        }
        Ok(Self { folder, extension, found })
    }

    /// The picture of this name, or the path where it should be.
    fn path(&self, id: &str) -> PathBuf {
        let usual = self.folder.join(format!("{id}.{}", self.extension));
        self.found.get(&stem(&usual)).cloned().unwrap_or(usual)
    }
}
