//! Pictures with masks.

use super::check::{check_class_names, check_index};
use super::dataset::Dataset;
use super::error::{DataError, Result};
use super::files::{identity, pictures_in, read_text, shown, stem};
use super::mask_file::read_mask;
use super::picture::Picture;
use super::sample::Sample;
use super::target::{Target, TargetKind, TargetSpec};
use atrous_vision::{Limits, load_rgb8};
use std::collections::BTreeMap;
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

/// Pictures with a mask for each: a PNG of class numbers, see [`read_mask`]. Pictures are RGB and upright.
#[derive(Clone, Debug)]
pub struct MaskFolder {
    class_names: Vec<String>,
    /// Picture and mask.
    files: Vec<(PathBuf, PathBuf)>,
}

impl MaskFolder {
    /// Pairs the pictures of one folder with the masks of another by their names without extension, such as `images/7.jpg` with
    /// `masks/7.png`, sorted by name. Both folders may hold other files, but each picture needs a mask and each mask a picture.
    ///
    /// # Errors
    /// [`DataError::Missing`], [`DataError::Io`], [`DataError::NoSamples`], [`DataError::Unpaired`],
    /// [`DataError::SameStem`], and [`DataError::OneClass`] for fewer than two class names.
    pub fn open(images: impl AsRef<Path>, masks: impl AsRef<Path>, class_names: Vec<String>) -> Result<Self> {
        let (images, masks) = (images.as_ref(), masks.as_ref());
        check_class_names(&shown(images), &class_names)?;
        let (pictures, maps) = (by_stem(images)?, by_stem(masks)?);
        for (folder, found) in [(images, &pictures), (masks, &maps)] {
            if found.is_empty() {
                let wanted = "pictures (JPEG, PNG or WebP), or masks (PNG), of equal names".to_owned();
                return Err(DataError::NoSamples { name: shown(folder), wanted });
            }
        }
        check_paired(&pictures, &maps, "mask", masks)?;
        check_paired(&maps, &pictures, "picture", images)?;
        let files = pictures.into_values().zip(maps.into_values()).collect();
        Ok(MaskFolder { class_names, files })
    }

    /// The segmentation pictures of Pascal VOC, with [`VOC_CLASSES`]. `root` is the folder that contains
    /// `ImageSets`, such as `VOCdevkit/VOC2012`; for the set of 2012 also one of the two folders above it. `split` is `train`, `val`,
    /// `trainval` or any other list of `ImageSets/Segmentation`. The order is the list's.
    ///
    /// # Errors
    /// [`DataError::Missing`], [`DataError::Io`], [`DataError::NoSamples`] for an empty list, [`DataError::ListLine`].
    /// A missing file of the list is reported when its sample is read.
    pub fn voc(root: impl AsRef<Path>, split: &str) -> Result<Self> {
        let root = root.as_ref();
        let inner = ["", "VOC2012", "VOCdevkit/VOC2012"].map(|inner| root.join(inner));
        let Some(voc) = inner.into_iter().find(|folder| folder.join("ImageSets/Segmentation").is_dir()) else {
            let path = shown(&root.join("ImageSets/Segmentation"));
            return Err(DataError::Missing { path, what: "folder" });
        };
        let list = voc.join("ImageSets/Segmentation").join(format!("{split}.txt"));
        let mut files = Vec::new();
        for (index, line) in read_text(&list)?.lines().enumerate() {
            match line.trim() {
                "" => {}
                id if id.contains(['/', '\\', ' ', '\t']) || id.starts_with('.') => {
                    return Err(DataError::ListLine { path: shown(&list), line: index + 1, text: id.to_owned() });
                }
                id => files.push((
                    voc.join("JPEGImages").join(format!("{id}.jpg")),
                    voc.join("SegmentationClass").join(format!("{id}.png")),
                )),
            }
        }
        if files.is_empty() {
            return Err(DataError::NoSamples { name: shown(&list), wanted: "one name a line".to_owned() });
        }
        Ok(MaskFolder { class_names: VOC_CLASSES.map(str::to_owned).to_vec(), files })
    }
}

impl Dataset for MaskFolder {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn get(&self, index: usize) -> Result<Sample> {
        check_index(self, index)?;
        let (picture, mask) = &self.files[index];
        let image = Picture::try_from(load_rgb8(picture, &Limits::default())?)?;
        Ok(Sample { image, targets: vec![Target::Mask(read_mask(mask)?)] })
    }

    fn class_names(&self) -> &[String] {
        &self.class_names
    }

    fn targets(&self) -> Vec<TargetSpec> {
        vec![TargetSpec::labels(TargetKind::Mask { classes: self.class_names.len() })]
    }

    /// Names the mask, since errors of labels are errors of the mask.
    fn describe(&self, index: usize) -> String {
        match self.files.get(index) {
            Some((_, mask)) => shown(mask),
            None => format!("mask {index}"),
        }
    }

    /// Names and sizes of picture and mask.
    fn identity(&self, index: usize) -> String {
        let Some((picture, mask)) = self.files.get(index) else { return self.describe(index) };
        let of = |path: &Path| identity(path, path.parent().unwrap_or(path));
        format!("{} with {}", of(picture), of(mask))
    }
}

/// The pictures of a folder by their names without extension.
fn by_stem(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for path in pictures_in(folder)? {
        if let Some(first) = found.insert(stem(&path), path.clone()) {
            return Err(DataError::SameStem { first: shown(&first), second: shown(&path) });
        }
    }
    Ok(found)
}

/// Refuses files without a partner of the same name.
fn check_paired(
    files: &BTreeMap<String, PathBuf>,
    partners: &BTreeMap<String, PathBuf>,
    missing: &'static str,
    folder: &Path,
) -> Result<()> {
    let mut lonely = files.iter().filter(|(stem, _)| !partners.contains_key(*stem));
    match lonely.next() {
        None => Ok(()),
        Some((stem, path)) => Err(DataError::Unpaired {
            path: shown(path),
            missing,
            stem: stem.clone(),
            folder: shown(folder),
            others: lonely.count(),
        }),
    }
}
