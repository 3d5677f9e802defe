//! The IDX files of MNIST and its relatives.

use super::error::{DataError, Result};
use super::files::{check_memory, open_plain_or_gzip, read_next, shown};
use super::in_memory::InMemory;
use super::picture::Picture;
use super::sample::Sample;
use super::target::Target;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A part of a dataset that has a part for training and one for testing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// For training.
    Train,
    /// For testing.
    Test,
}

/// MNIST (LeCun, Cortes & Burges) from a folder with its files under their original names,
/// `train-images-idx3-ubyte` and so on, with or without `.gz`; also written `train-images.idx3-ubyte`.
/// Grey 28×28 pictures, light on dark, of the classes `0` to `9`: 60,000 to train, 10,000 to test.
///
/// # Errors
/// [`DataError::Missing`] and those of [`idx`].
pub fn mnist(folder: impl AsRef<Path>, part: Part) -> Result<InMemory> {
    let prefix = match part {
        Part::Train => "train",
        Part::Test => "t10k",
    };
    let folder = folder.as_ref();
    let images = find(folder, &format!("{prefix}-images"), "idx3-ubyte")?;
    let labels = find(folder, &format!("{prefix}-labels"), "idx1-ubyte")?;
    idx(images, labels, (0..10).map(|digit| digit.to_string()).collect())
}

/// A dataset in the format of MNIST: an IDX file of 8-bit grey pictures (magic number 2051, then count, rows and
/// columns) and one of 8-bit labels (2049, then count), numbers being 32 bits, high byte first. Both may be compressed
/// by gzip. The samples may take 1 GiB of memory.
///
/// # Errors
/// [`DataError::Missing`], [`DataError::Io`], [`DataError::Header`], [`DataError::FileSize`], [`DataError::Counts`],
/// [`DataError::TooManyBytes`], [`DataError::NoSamples`], [`DataError::OneClass`], [`DataError::LabelRange`].
pub fn idx(images: impl AsRef<Path>, labels: impl AsRef<Path>, class_names: Vec<String>) -> Result<InMemory> {
    let (images, labels) = (images.as_ref(), labels.as_ref());
    let ([count, rows, columns], mut pixels) = open_idx(images, 2051)?;
    let size = u64::from(rows) * u64::from(columns);
    check_memory(images, count.into(), size)?;
    let ([label_count], mut classes) = open_idx(labels, 2049)?;
    if count != label_count {
        let (pictures, count) = (count.into(), label_count.into());
        return Err(DataError::Counts { images: shown(images), pictures, labels: shown(labels), count });
    }
    if count > 0 && (rows == 0 || columns == 0) {
        return Err(header_error(images, "rows×columns", "at least 1×1".to_owned(), format!("{rows}×{columns}")));
    }
    let classes = read_values(labels, &mut *classes, count.into(), 1, "labels")?;
    let pixels = read_values(images, &mut *pixels, count.into(), size as usize, "pixels")?;
    let samples = pixels.into_iter().zip(classes).map(|(pixels, class)| {
        let image = Picture::new(columns, rows, 1, pixels)?;
        Ok(Sample { image, targets: vec![Target::Class(class[0].into())] })
    });
    InMemory::new(shown(labels), class_names, samples.collect::<Result<_>>()?)
}

fn find(folder: &Path, name: &str, kind: &str) -> Result<PathBuf> {
    let names = ["-", "."].map(|dash| format!("{name}{dash}{kind}"));
    let candidates = names.iter().flat_map(|name| [folder.join(name), folder.join(format!("{name}.gz"))]);
    let path = shown(folder.join(&names[0]));
    candidates.into_iter().find(|path| path.exists()).ok_or(DataError::Missing { path, what: "file, nor with .gz" })
}

/// The dimensions of an IDX file, and the file at its first value.
fn open_idx<const N: usize>(path: &Path, magic: u32) -> Result<([u32; N], Box<dyn Read>)> {
    let mut file = open_plain_or_gzip(path)?;
    let size = 4 * (N + 1);
    let header = read_next(path, &mut *file, size)?;
    let numbers: Vec<u32> =
        header.chunks_exact(4).map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])).collect();
    if let Some(got) = numbers.first().filter(|&&first| first != magic) {
        return Err(header_error(path, "magic number of the IDX file", magic.to_string(), got.to_string()));
    }
    if header.len() < size {
        let (want, got) = (format!("a header of {size} bytes"), header.len().to_string());
        return Err(DataError::FileSize { path: shown(path), want, got });
    }
    Ok((std::array::from_fn(|i| numbers[i + 1]), file))
}

/// The values of `count` samples, `size` bytes each: all that the file holds.
fn read_values(path: &Path, file: &mut dyn Read, count: u64, size: usize, what: &str) -> Result<Vec<Vec<u8>>> {
    let want = count * size as u64;
    let wrong = |got| DataError::FileSize { path: shown(path), want: format!("{want} bytes of {what}"), got };
    let mut values = Vec::new();
    for index in 0..count {
        let value = read_next(path, file, size)?;
        if value.len() < size {
            return Err(wrong((index * size as u64 + value.len() as u64).to_string()));
        }
        values.push(value);
    }
    match read_next(path, file, 1)?.is_empty() {
        true => Ok(values),
        false => Err(wrong(format!("more than {want}"))),
    }
}

fn header_error(path: &Path, what: &'static str, want: String, got: String) -> DataError {
    DataError::Header { path: shown(path), what, want, got }
}
