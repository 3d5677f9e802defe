//! One folder of pictures for each class.

use super::check::{check_class_names, check_index};
use super::dataset::Dataset;
use super::error::{DataError, Result};
use super::files::{class_name, folders_in, identity, load_picture, normal, pictures_below, shown};
use super::info::SampleInfo;
use super::sample::Sample;
use super::target::{Target, TargetKind, TargetSpec};
use atrous_vision::Exif;
use std::path::{Path, PathBuf};

/// A folder with one folder of pictures for each class, as torchvision's `ImageFolder`:
///
/// ```text
/// root/cat/1.jpg   root/cat/more/2.png   root/dog/7.webp
/// ```
///
/// The sorted names of the folders are the classes 0, 1, 2, …, in Unicode's normal form C and as text of one line: control characters and
/// bytes that are not UTF-8 are escaped. Pictures are found at any depth below and sorted by path. Hidden files and folders, and files
/// without the extension of a picture, are ignored. Pictures are RGB and upright.
#[derive(Clone, Debug)]
pub struct ImageFolder {
    root: PathBuf,
    class_names: Vec<String>,
    files: Vec<(PathBuf, u32)>,
}

impl ImageFolder {
    /// Finds the classes and their pictures.
    ///
    /// # Errors
    /// [`DataError::Missing`], [`DataError::Io`]; [`DataError::NoSamples`] if there is no class folder,
    /// [`DataError::OneClass`] for a single one, [`DataError::EmptyClass`] for one without pictures, [`DataError::SameClass`] for two whose
    /// names differ only in their normal form, [`DataError::DeadLink`] for a link instead of a folder that leads nowhere.
    pub fn open(root: impl AsRef<Path>) -> Result<Self> {
        let root = root.as_ref();
        let mut folders = folders_in(root)?;
        folders.sort_by_cached_key(|folder| class_name(folder));
        if folders.is_empty() {
            let wanted = "one folder of pictures for each class".to_owned();
            return Err(DataError::NoSamples { name: shown(root), wanted });
        }
        let class_names: Vec<String> = folders.iter().map(|folder| class_name(folder)).collect();
        check_class_names(&shown(root), &class_names)?;
        let mut files = Vec::new();
        for (class, folder) in (0..).zip(&folders) {
            let pictures = pictures_below(folder)?;
            if pictures.is_empty() {
                let class = class_names[class as usize].clone();
                return Err(DataError::EmptyClass { path: shown(folder), class });
            }
            files.extend(pictures.into_iter().map(|picture| (picture, class)));
        }
        Ok(ImageFolder { root: root.to_owned(), class_names, files })
    }

    /// Finds pictures of known classes, such as those for validation. A class may have no pictures.
    ///
    /// # Errors
    /// [`DataError::Missing`], [`DataError::Io`]; [`DataError::UnknownClass`] for a folder that is none of the classes,
    /// [`DataError::NoSamples`] if no folder has a picture, [`DataError::OneClass`] for fewer than two names.
    pub fn open_with_classes(root: impl AsRef<Path>, class_names: &[String]) -> Result<Self> {
        let root = root.as_ref();
        check_class_names(&shown(root), class_names)?;
        let mut files = Vec::new();
        for folder in folders_in(root)? {
            let own = class_name(&folder);
            let Some(class) = class_names.iter().position(|name| normal(name) == own) else {
                let known = class_names.join(", ");
                return Err(DataError::UnknownClass { path: shown(&folder), classes: class_names.len(), known });
            };
            files.extend(pictures_below(&folder)?.into_iter().map(|picture| (picture, class as u32)));
        }
        if files.is_empty() {
            let wanted = format!("pictures in folders named {}", class_names.join(", "));
            return Err(DataError::NoSamples { name: shown(root), wanted });
        }
        files.sort_by_key(|(_, class)| *class);
        Ok(ImageFolder { root: root.to_owned(), class_names: class_names.to_vec(), files })
    }
}

impl Dataset for ImageFolder {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn get(&self, index: usize) -> Result<Sample> {
        check_index(self, index)?;
        let (path, class) = &self.files[index];
        Ok(Sample { image: load_picture(path, Exif::Apply)?, targets: vec![Target::Class(*class)] })
    }

    fn class_names(&self) -> &[String] {
        &self.class_names
    }

    fn targets(&self) -> Vec<TargetSpec> {
        vec![TargetSpec::labels(TargetKind::Class { classes: self.class_names.len() })]
    }

    fn describe(&self, index: usize) -> String {
        match self.files.get(index) {
            Some((path, _)) => shown(path),
            None => format!("picture {index}"),
        }
    }

    fn identity(&self, index: usize) -> String {
        self.files.get(index).map_or_else(|| self.describe(index), |(path, _)| identity(path, &self.root))
    }

    fn class_of(&self, index: usize) -> Option<u32> {
        self.files.get(index).map(|(_, class)| *class)
    }

    /// Reads the header of the picture.
    fn inspect(&self, index: usize) -> Result<SampleInfo> {
        check_index(self, index)?;
        let (path, class) = &self.files[index];
        Ok(SampleInfo { labels: vec![(*class, 1)], ..SampleInfo::of_file(path, Exif::Apply)? })
    }

    fn files(&self, index: usize) -> Vec<&Path> {
        self.files.get(index).map_or_else(Vec::new, |(path, _)| vec![path.as_path()])
    }
}
