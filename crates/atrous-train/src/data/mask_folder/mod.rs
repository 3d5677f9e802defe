//! Pictures with masks.

mod pairs;
mod voc;

use super::check::{check_class_names, check_index};
use super::dataset::Dataset;
use super::error::{DataError, Result};
use super::files::{identity, load_picture, load_picture_header, shown};
use super::info::SampleInfo;
use super::mask_file::read_mask;
use super::sample::Sample;
use super::target::{Target, TargetKind, TargetSpec};
use atrous_vision::{ClassMap, Exif};
use std::path::{Path, PathBuf};

pub use voc::VOC_CLASSES;

/// Pictures with a mask for each: a PNG of class numbers, see [`read_mask`]. Pictures are RGB and upright.
///
/// ```no_run
/// use atrous_train::data::{Exif, MaskFolder};
///
/// let classes = ["background", "cell"].map(String::from).to_vec();
/// // Pictures `images/7.jpg` with masks `masks/7.png` or `masks/7_mask.png`, in which cells are drawn in white.
/// let cells = MaskFolder::open("images", "masks", classes)?.with_map(&[(255, 1)])?.with_exif(Exif::Raw);
/// # Ok::<(), atrous_train::data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MaskFolder {
    class_names: Vec<String>,
    /// Picture and mask.
    files: Vec<(PathBuf, PathBuf)>,
    /// The class of each value of a mask file; `None` if it is the value itself.
    map: Option<Box<[u8; 256]>>,
    /// `None` applies the orientation, and leaves in doubt whether masks were drawn on turned pictures.
    exif: Option<Exif>,
}

impl MaskFolder {
    /// Pairs the pictures of one folder with the masks of another by their names without extension, such as `images/7.jpg` with
    /// `masks/7.png`, sorted by name. Names are compared in Unicode's normal form C. Both folders may hold other files, but each picture
    /// needs a mask and each mask a picture.
    ///
    /// If the names differ, the suffixes `_mask`, `-mask`, `.mask`, `_masks`, `_label`, `_labels`, `_seg`, `_segmentation`, `_gt` and `_L`
    /// of masks are tried, in upper and lower case. With one of them pictures and masks may be in the same folder.
    ///
    /// # Errors
    /// [`DataError::Missing`], [`DataError::Io`], [`DataError::NoSamples`], [`DataError::Unpaired`],
    /// [`DataError::SameStem`], [`DataError::SameFolder`], and [`DataError::OneClass`] for fewer than two class names.
    pub fn open(images: impl AsRef<Path>, masks: impl AsRef<Path>, class_names: Vec<String>) -> Result<Self> {
        check_class_names(&shown(images.as_ref()), &class_names)?;
        Ok(Self::of(class_names, pairs::find(images.as_ref(), masks.as_ref(), None)?))
    }

    /// [`MaskFolder::open`] of masks whose names have a suffix: `images/7.jpg` with `masks/7_mask.png` for the suffix `_mask`.
    ///
    /// # Errors
    /// Those of [`MaskFolder::open`].
    pub fn open_with_suffix(
        images: impl AsRef<Path>,
        masks: impl AsRef<Path>,
        suffix: &str,
        class_names: Vec<String>,
    ) -> Result<Self> {
        check_class_names(&shown(images.as_ref()), &class_names)?;
        Ok(Self::of(class_names, pairs::find(images.as_ref(), masks.as_ref(), Some(suffix))?))
    }

    /// The segmentation pictures of Pascal VOC, with [`VOC_CLASSES`]. `root` is the folder that contains
    /// `ImageSets`, such as `VOCdevkit/VOC2012`; for the set of 2012 also one of the two folders above it. `split` is `train`, `val`,
    /// `trainval` or any other list of `ImageSets/Segmentation`. The order is the list's. Pictures may have any extension of a picture, in
    /// upper or lower case.
    ///
    /// # Errors
    /// [`DataError::Missing`], [`DataError::Io`], [`DataError::NoSamples`] for an empty list, [`DataError::ListLine`].
    /// A missing file of the list is reported when its sample is read.
    pub fn voc(root: impl AsRef<Path>, split: &str) -> Result<Self> {
        Ok(Self::of(VOC_CLASSES.map(str::to_owned).to_vec(), voc::find(root.as_ref(), split)?))
    }

    fn of(class_names: Vec<String>, files: Vec<(PathBuf, PathBuf)>) -> Self {
        Self { class_names, files, map: None, exif: None }
    }

    /// Reads values of masks as other classes, all at once: with `[(255, 1)]` a pixel of value 255 is of class 1. Values that are not
    /// given stay as they are.
    ///
    /// # Errors
    /// [`DataError::Option`] if a value is given twice.
    pub fn with_map(mut self, map: &[(u8, u8)]) -> Result<Self> {
        let mut classes: [u8; 256] = std::array::from_fn(|value| value as u8);
        for (i, (value, class)) in map.iter().enumerate() {
            if map[..i].iter().any(|(other, _)| other == value) {
                let (must, got) = ("one class for each value".to_owned(), format!("{value} twice"));
                return Err(DataError::Option { option: "map", must, got });
            }
            classes[usize::from(*value)] = *class;
        }
        self.map = (!map.is_empty()).then(|| Box::new(classes));
        Ok(self)
    }

    /// Whether the EXIF orientation of pictures is applied. [`Exif::Raw`] is right for masks that were drawn on pictures as they are stored,
    /// and [`Exif::Apply`], the default, for masks drawn on upright pictures.
    pub fn with_exif(self, exif: Exif) -> Self {
        Self { exif: Some(exif), ..self }
    }

    fn exif(&self) -> Exif {
        self.exif.unwrap_or_default()
    }

    fn mask(&self, path: &Path) -> Result<ClassMap> {
        let mask = read_mask(path)?;
        let Some(map) = &self.map else { return Ok(mask) };
        let classes = mask.classes().iter().map(|value| map[usize::from(*value)]).collect();
        Ok(ClassMap::new(mask.width(), mask.height(), classes)?)
    }

    /// Refuses a mask that would fit the picture if the EXIF orientation were treated the other way.
    fn check_turned(&self, index: usize, size: (u32, u32), mask: &ClassMap) -> Result<()> {
        let mask = (mask.width(), mask.height());
        if mask == size || mask != (size.1, size.0) {
            return Ok(());
        }
        let header = load_picture_header(&self.files[index].0)?;
        let (other, remedy) = match self.exif() {
            Exif::Apply => (Exif::Raw, "raw"),
            Exif::Raw => (Exif::Apply, "apply"),
        };
        match header.size(other) == mask {
            true => Err(DataError::MaskTurned {
                sample: self.describe(index),
                mask,
                picture: size,
                orientation: header.orientation,
                remedy,
            }),
            false => Ok(()),
        }
    }
}

impl Dataset for MaskFolder {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn get(&self, index: usize) -> Result<Sample> {
        check_index(self, index)?;
        let (picture, mask) = &self.files[index];
        let (image, mask) = (load_picture(picture, self.exif())?, self.mask(mask)?);
        self.check_turned(index, (image.width(), image.height()), &mask)?;
        Ok(Sample { image, targets: vec![Target::Mask(mask)] })
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

    fn picture_identity(&self, index: usize) -> String {
        let Some((picture, _)) = self.files.get(index) else { return self.describe(index) };
        identity(picture, picture.parent().unwrap_or(picture))
    }

    /// The values that are mapped to others, and whether the EXIF orientation is not applied.
    fn reading(&self) -> String {
        let pairs = self.map.iter().flat_map(|map| (0u8..=255).zip(**map)).filter(|(value, class)| value != class);
        let map: String = pairs.map(|(value, class)| format!(" {value}={class}")).collect();
        let map = (!map.is_empty()).then(|| format!("map{map}"));
        let exif = (self.exif() == Exif::Raw).then(|| "exif raw".to_owned());
        map.into_iter().chain(exif).collect::<Vec<_>>().join(", ")
    }

    /// Reads the header of the picture and the mask.
    fn inspect(&self, index: usize) -> Result<SampleInfo> {
        check_index(self, index)?;
        let (picture, mask) = &self.files[index];
        let (mut info, mask) = (SampleInfo::of_file(picture, self.exif())?, self.mask(mask)?);
        self.check_turned(index, info.size, &mask)?;
        if info.size != (mask.width(), mask.height()) {
            let (mask, picture) = ((mask.width(), mask.height()), info.size);
            return Err(DataError::MaskSize { sample: self.describe(index), mask, picture });
        }
        let in_doubt = match info.orientation {
            2..=4 => true,
            5..=8 => info.size.0 == info.size.1,
            _ => false,
        };
        info.turned_mask = in_doubt && self.exif.is_none();
        info.labels = SampleInfo::labels_of(&Target::Mask(mask));
        Ok(info)
    }

    fn files(&self, index: usize) -> Vec<&Path> {
        self.files.get(index).map_or_else(Vec::new, |(picture, mask)| vec![picture.as_path(), mask])
    }
}
