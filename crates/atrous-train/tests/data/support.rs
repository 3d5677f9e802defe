//! What several topics share.

use atrous_train::data::{
    Batch, DataError, Dataset, InMemory, Loader, LoaderOptions, Picture, Sample, Target, TargetKind, TargetSpec,
};
use atrous_vision::{ClassMap, Normalize, Preprocess, RgbImage, write_png};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

pub(crate) fn temporary() -> TempDir {
    tempfile::tempdir().expect("a folder can be made")
}

/// Writes a file and the folders it lies in.
pub(crate) fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("folders can be made");
    std::fs::write(&path, bytes).expect("a file can be written");
    path
}

/// Writes a PNG picture of one colour.
pub(crate) fn write_picture(folder: &Path, name: &str, size: (u32, u32), colour: [u8; 3]) -> PathBuf {
    let path = write(folder, name, b"");
    write_png(&path, &RgbImage::from_raw(size.0, size.1, colour.repeat((size.0 * size.1) as usize)).unwrap()).unwrap();
    path
}

/// Writes a PNG picture with an EXIF orientation; its upper left pixel is red, all others are black.
pub(crate) fn write_turned(folder: &Path, name: &str, size: (u32, u32), orientation: u8) -> PathBuf {
    let mut rows = vec![0; 3 * (size.0 * size.1) as usize];
    rows[0] = 255;
    let mut bytes = png_of(size, png::ColorType::Rgb, png::BitDepth::Eight, &rows);
    // A big-endian TIFF with one directory of one entry: tag 0x0112, one SHORT. The chunk comes after IHDR, at byte 33.
    let mut chunk = b"eXIfMM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    chunk.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let length = (chunk.len() as u32 - 4).to_be_bytes();
    let mut crc = flate2::Crc::new();
    crc.update(&chunk);
    let chunk = [&length[..], &chunk, &crc.sum().to_be_bytes()].concat();
    bytes.splice(33..33, chunk);
    write(folder, name, &bytes)
}

/// A PNG of the given colour type and depth, from raw rows.
pub(crate) fn png_of(size: (u32, u32), color: png::ColorType, depth: png::BitDepth, rows: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, size.0, size.1);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if color == png::ColorType::Indexed {
        // Colours that no class number could be taken for.
        encoder.set_palette((0..256u32).flat_map(|i| [255 - i as u8, 77, 199]).collect::<Vec<_>>());
    }
    let mut writer = encoder.write_header().expect("a valid header");
    writer.write_image_data(rows).expect("the rows fill the picture");
    writer.finish().expect("memory can be written");
    bytes
}

pub(crate) fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub(crate) fn class_of(sample: &Sample) -> u32 {
    match sample.targets[..] {
        [Target::Class(class)] => class,
        _ => panic!("a class was expected"),
    }
}

pub(crate) fn mask_of(sample: &Sample) -> &ClassMap {
    match &sample.targets[..] {
        [Target::Mask(mask)] => mask,
        _ => panic!("a mask was expected"),
    }
}

/// The targets of data with one of so many classes a picture.
pub(crate) fn classes(classes: usize) -> Vec<TargetSpec> {
    vec![TargetSpec::labels(TargetKind::Class { classes })]
}

/// The targets of data with one of so many classes a pixel.
pub(crate) fn pixels(classes: usize) -> Vec<TargetSpec> {
    vec![TargetSpec::labels(TargetKind::Mask { classes })]
}

/// The text of an error, which must be one.
#[track_caller]
pub(crate) fn text<T>(result: Result<T, DataError>) -> String {
    match result {
        Ok(_) => panic!("an error was expected"),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
pub(crate) fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

/// Pixel values divided by 255.
pub(crate) const PLAIN: Preprocess = Preprocess::new(Normalize::Torch { mean: [0.0; 3], std: [1.0; 3] });

/// Options without threads, with pixels divided by 255.
pub(crate) fn options(batch: usize, size: [usize; 2]) -> LoaderOptions {
    LoaderOptions { threads: 0, ..LoaderOptions::new(batch, size, PLAIN) }
}

pub(crate) fn loader(dataset: impl Dataset + 'static, options: LoaderOptions) -> Loader {
    Loader::new(Arc::new(dataset), options).expect("the options are sound")
}

pub(crate) fn all(loader: &Loader, epoch: u64) -> Vec<Batch> {
    loader.epoch(epoch, 0).map(|batch| batch.expect("every sample can be read")).collect()
}

/// The pixel values of a batch made with [`PLAIN`].
pub(crate) fn levels(batch: &Batch) -> Vec<u8> {
    batch.images.iter().map(|value| (value * 255.0).round() as u8).collect()
}

/// One-pixel grey pictures: sample `i` has the value `i` and the class `i % classes`.
pub(crate) fn numbered(samples: usize, classes: usize) -> InMemory {
    let sample = |i: usize| Sample {
        image: Picture::new(1, 1, 1, vec![i as u8]).unwrap(),
        targets: vec![Target::Class((i % classes) as u32)],
    };
    let class_names = (0..classes).map(|class| format!("class {class}")).collect();
    InMemory::new("numbered", class_names, (0..samples).map(sample).collect()).unwrap()
}

/// One picture with its mask.
pub(crate) fn masked(image: RgbImage, classes: Vec<u8>, class_count: usize) -> InMemory {
    let mask = ClassMap::new(image.width(), image.height(), classes).unwrap();
    let sample = Sample { image: Picture::try_from(image).unwrap(), targets: vec![Target::Mask(mask)] };
    InMemory::new("masked", (0..class_count).map(|class| format!("{class}")).collect(), vec![sample]).unwrap()
}

/// A dataset of whatever a test says, held to nothing.
pub(crate) struct Custom<F> {
    pub(crate) samples: usize,
    pub(crate) class_names: Vec<String>,
    pub(crate) targets: Vec<TargetSpec>,
    pub(crate) read: F,
}

impl<F: Fn(usize) -> Result<Sample, DataError> + Send + Sync> Dataset for Custom<F> {
    fn len(&self) -> usize {
        self.samples
    }

    fn get(&self, index: usize) -> Result<Sample, DataError> {
        (self.read)(index)
    }

    fn class_names(&self) -> &[String] {
        &self.class_names
    }

    fn targets(&self) -> Vec<TargetSpec> {
        self.targets.clone()
    }

    fn describe(&self, index: usize) -> String {
        format!("custom {index}")
    }
}
