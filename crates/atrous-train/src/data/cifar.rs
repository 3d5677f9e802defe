//! The binary files of CIFAR-10.

use super::error::{DataError, Result};
use super::files::{check_memory, open_plain_or_gzip, read_next, shown};
use super::in_memory::InMemory;
use super::mnist::Part;
use super::picture::Picture;
use super::sample::Sample;
use super::target::Target;
use std::path::{Path, PathBuf};

/// The classes of CIFAR-10 in the order of their numbers.
pub const CIFAR10_CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

const SIDE: usize = 32;
/// One byte of label, then the red, the green and the blue plane.
const RECORD: usize = 1 + 3 * SIDE * SIDE;

/// CIFAR-10 (Krizhevsky 2009), binary version, from the folder that holds `data_batch_1.bin` to `data_batch_5.bin` and
/// `test_batch.bin`, or from the folder above (`cifar-10-batches-bin`). RGB 32×32 pictures: 50,000 to train, 10,000 to
/// test.
///
/// # Errors
/// Those of [`cifar10_files`].
pub fn cifar10(folder: impl AsRef<Path>, part: Part) -> Result<InMemory> {
    let inner = folder.as_ref().join("cifar-10-batches-bin");
    let folder = if inner.is_dir() { inner } else { folder.as_ref().to_owned() };
    let files: Vec<PathBuf> = match part {
        Part::Train => (1..=5).map(|batch| folder.join(format!("data_batch_{batch}.bin"))).collect(),
        Part::Test => vec![folder.join("test_batch.bin")],
    };
    cifar10_files(&files)
}

/// Pictures from files of 3,073-byte records, any number of records each: a label, then 32×32 red values row by row,
/// the green and the blue. The files may be compressed by gzip. The samples may take 1 GiB of memory.
///
/// # Errors
/// [`DataError::Missing`], [`DataError::Io`]; [`DataError::FileSize`] for an empty file or a part of a record,
/// [`DataError::LabelRange`], [`DataError::TooManyBytes`], [`DataError::NoSamples`], [`DataError::OneClass`].
pub fn cifar10_files(files: &[impl AsRef<Path>]) -> Result<InMemory> {
    let mut samples = Vec::new();
    for file in files {
        read_batch(file.as_ref(), &mut samples)?;
    }
    let first = files.first().map_or_else(|| "CIFAR-10".to_owned(), |file| shown(file.as_ref()));
    let name = if files.len() > 1 { format!("{first} and following") } else { first };
    InMemory::new(name, CIFAR10_CLASSES.map(str::to_owned).to_vec(), samples)
}

fn read_batch(path: &Path, samples: &mut Vec<Sample>) -> Result<()> {
    let mut file = open_plain_or_gzip(path)?;
    for index in 0.. {
        let record = read_next(path, &mut *file, RECORD)?;
        check_memory(path, samples.len() as u64 + 1, RECORD as u64)?;
        match record.len() {
            0 if index > 0 => break,
            RECORD => samples.push(sample(path, index, &record)?),
            rest => {
                let want = format!("one or more records of {RECORD} bytes");
                return Err(DataError::FileSize { path: shown(path), want, got: (index * RECORD + rest).to_string() });
            }
        }
    }
    Ok(())
}

fn sample(path: &Path, index: usize, record: &[u8]) -> Result<Sample> {
    let (label, planes) = (u32::from(record[0]), &record[1..]);
    let classes = CIFAR10_CLASSES.len();
    if label as usize >= classes {
        return Err(DataError::LabelRange {
            sample: format!("{}: record {index}", shown(path)),
            label,
            classes,
            ignored: None,
        });
    }
    let pixels = (0..SIDE * SIDE).flat_map(|i| [planes[i], planes[SIDE * SIDE + i], planes[2 * SIDE * SIDE + i]]);
    let image = Picture::new(SIDE as u32, SIDE as u32, 3, pixels.collect())?;
    Ok(Sample { image, targets: vec![Target::Class(label)] })
}
