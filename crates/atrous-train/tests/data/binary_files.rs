//! MNIST and CIFAR-10.

use crate::support::{assert_has, class_of, names, temporary, text, write};
use atrous_train::data::{
    CIFAR10_CLASSES, DataError, Dataset, InMemory, Part, cifar10, cifar10_files, idx, mnist, read_mask,
};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use std::path::Path;

/// An IDX file of the given magic number and dimensions.
fn idx_bytes(magic: u32, dimensions: &[u32], values: &[u8]) -> Vec<u8> {
    let header = std::iter::once(&magic).chain(dimensions).flat_map(|number| number.to_be_bytes());
    header.chain(values.iter().copied()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Three pictures of 2 rows and 3 columns.
fn images() -> Vec<u8> {
    idx_bytes(2051, &[3, 2, 3], &(0..18).collect::<Vec<u8>>())
}

fn labels() -> Vec<u8> {
    idx_bytes(2049, &[3], &[7, 0, 9])
}

fn check(data: &InMemory) {
    assert_eq!(data.len(), 3);
    assert_eq!(data.class_names(), ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    assert_eq!((0..3).map(|i| class_of(&data.get(i).unwrap())).collect::<Vec<_>>(), [7, 0, 9]);
    let picture = data.get(1).unwrap().image;
    assert_eq!((picture.width(), picture.height(), picture.channels()), (3, 2, 1));
    assert_eq!(picture.pixels(), [6, 7, 8, 9, 10, 11]);
}

#[test]
fn mnist_under_its_names_plain_and_compressed() {
    for (part, prefix) in [(Part::Train, "train"), (Part::Test, "t10k")] {
        for (dash, end) in [("-", ""), ("-", ".gz"), (".", ""), (".", ".gz")] {
            let folder = temporary();
            let pack = |bytes: &[u8]| if end.is_empty() { bytes.to_vec() } else { gzip(bytes) };
            write(folder.path(), &format!("{prefix}-images{dash}idx3-ubyte{end}"), &pack(&images()));
            write(folder.path(), &format!("{prefix}-labels{dash}idx1-ubyte{end}"), &pack(&labels()));
            check(&mnist(folder.path(), part).unwrap());
        }
    }
    let folder = temporary();
    assert_has(&text(mnist(folder.path(), Part::Train)), &["train-images-idx3-ubyte: no such file, nor with .gz"]);
    write(folder.path(), "train-images-idx3-ubyte", &images());
    assert_has(&text(mnist(folder.path(), Part::Train)), &["train-labels-idx1-ubyte: no such file"]);
}

fn digits(folder: &Path, images: &[u8], labels: &[u8]) -> Result<InMemory, DataError> {
    let (images, labels) = (write(folder, "images", images), write(folder, "labels", labels));
    idx(images, labels, (0..10).map(|digit| digit.to_string()).collect())
}

#[test]
fn idx_headers_and_sizes() {
    let folder = temporary();
    let folder = folder.path();
    check(&digits(folder, &images(), &labels()).unwrap());
    let swapped = text(digits(folder, &labels(), &images()));
    assert_has(&swapped, &["images: magic number", "wanted 2051, got 2049"]);
    assert_has(&text(digits(folder, &images(), &images())), &["labels: magic number", "wanted 2049, got 2051"]);
    assert_has(&text(digits(folder, b"", &labels())), &["images: wanted a header of 16 bytes, got 0 bytes"]);
    assert_has(&text(digits(folder, &images()[..15], &labels())), &["header of 16 bytes, got 15"]);
    assert_has(&text(digits(folder, &images(), &labels()[..7])), &["labels: wanted a header of 8 bytes, got 7"]);
    assert_has(&text(digits(folder, &images()[..30], &labels())), &["images: wanted 18 bytes of pixels, got 14 bytes"]);
    let long = [images(), vec![0]].concat();
    assert_has(&text(digits(folder, &long, &labels())), &["wanted 18 bytes of pixels, got more than 18 bytes"]);
    assert_has(&text(digits(folder, &images(), &labels()[..10])), &["wanted 3 bytes of labels, got 2"]);
    let two = idx_bytes(2049, &[2], &[1, 2]);
    assert_has(&text(digits(folder, &images(), &two)), &["images has 3 pictures", "labels has 2 labels"]);
    let flat = idx_bytes(2051, &[3, 0, 3], &[]);
    assert_has(&text(digits(folder, &flat, &labels())), &["wanted at least 1×1, got 0×3"]);
    let huge = idx_bytes(2051, &[u32::MAX, u32::MAX, u32::MAX], &[]);
    assert_has(&text(digits(folder, &huge, &labels())), &["images: its samples take", "the limit is 1073741824"]);
    let none = digits(folder, &idx_bytes(2051, &[0, 28, 28], &[]), &idx_bytes(2049, &[0], &[]));
    assert_has(&text(none), &["no samples"]);
}

#[test]
fn idx_labels() {
    let folder = temporary();
    let folder = folder.path();
    let ten = text(digits(folder, &images(), &idx_bytes(2049, &[3], &[7, 10, 9])));
    assert_has(&ten, &["labels: sample 1: label 10 is none of the 10 classes, 0 to 9"]);
    let alike = text(digits(folder, &images(), &idx_bytes(2049, &[3], &[4, 4, 4])));
    assert_has(&alike, &["labels: sample 0", "only one class, \"4\""]);
    let paths = (folder.join("images"), write(folder, "labels", &idx_bytes(2049, &[3], &[0, 1, 0])));
    assert_eq!(idx(&paths.0, &paths.1, names(&["shirt", "shoe"])).unwrap().class_names(), ["shirt", "shoe"]);
    assert_has(&text(idx(&paths.0, &paths.1, names(&["shirt"]))), &["only one class"]);
}

#[test]
fn a_broken_compression() {
    let folder = temporary();
    let whole = gzip(&images());
    let mut flipped = whole.clone();
    let checksum = flipped.len() - 6;
    flipped[checksum] ^= 1;
    for bytes in [&whole[..whole.len() - 12], &whole[..5], &flipped] {
        let error = digits(folder.path(), bytes, &labels()).unwrap_err();
        assert!(matches!(error, DataError::Io { .. } | DataError::FileSize { .. }), "{error}");
        assert_has(&error.to_string(), &["images: "]);
    }
}

/// A record of CIFAR whose planes hold `red`, `red + 1`, `red + 2`, but for the first pixel of each.
fn record(label: u8, red: u8) -> Vec<u8> {
    let plane = |value: u8| std::iter::once(100 + value).chain(std::iter::repeat_n(value, 1023));
    std::iter::once(label).chain((red..red + 3).flat_map(plane)).collect()
}

#[test]
fn cifar_from_both_folders() {
    let root = temporary();
    let folder = root.path().join("cifar-10-batches-bin");
    for batch in 1..=5u8 {
        let records = [record(batch, 10 * batch), record(9, 0)].concat();
        write(&folder, &format!("data_batch_{batch}.bin"), &records);
    }
    write(&folder, "test_batch.bin", &[record(0, 50), record(1, 0), record(2, 0)].concat());
    for start in [root.path(), &folder] {
        let train = cifar10(start, Part::Train).unwrap();
        assert_eq!(train.class_names(), CIFAR10_CLASSES);
        let classes: Vec<u32> = (0..10).map(|i| class_of(&train.get(i).unwrap())).collect();
        assert_eq!(classes, [1, 9, 2, 9, 3, 9, 4, 9, 5, 9]);
        let picture = train.get(4).unwrap().image;
        assert_eq!((picture.width(), picture.height(), picture.channels()), (32, 32, 3));
        assert_eq!(picture.pixels()[..6], [130, 131, 132, 30, 31, 32]);
        assert_eq!(cifar10(start, Part::Test).unwrap().len(), 3);
    }
    std::fs::remove_file(folder.join("data_batch_4.bin")).unwrap();
    assert_has(&text(cifar10(root.path(), Part::Train)), &["data_batch_4.bin: no such file"]);
}

#[test]
fn cifar_with_faults() {
    let folder = temporary();
    let read = |bytes: &[u8]| cifar10_files(&[write(folder.path(), "batch.bin", bytes)]);
    let good = [record(0, 1), record(1, 2)].concat();
    assert_eq!(read(&good).unwrap().len(), 2);
    assert_eq!(read(&gzip(&good)).unwrap().len(), 2);
    assert_has(&text(read(b"")), &["batch.bin: wanted one or more records of 3073 bytes, got 0 bytes"]);
    assert_has(&text(read(&good[..6145])), &["records of 3073 bytes, got 6145 bytes"]);
    let label = text(read(&[record(0, 1), record(10, 2)].concat()));
    assert_has(&label, &["batch.bin: record 1: label 10 is none of the 10 classes"]);
    assert_has(&text(read(&[record(3, 1), record(3, 2)].concat())), &["only one class, \"cat\""]);
    assert_has(&text(cifar10_files(&[] as &[&Path])), &["no samples"]);
}

/// What the header states is refused before it is read, and a pipe is not waited for.
#[cfg(unix)]
#[test]
fn too_many_samples_and_pipes() {
    let root = temporary();
    let folder = root.path();
    let (many, one) = ([1_000_000, 32, 32].as_slice(), [2, 3, 3].as_slice());
    let labels = idx_bytes(2049, &[1_000_000], &[]);
    let error = digits(folder, &gzip(&idx_bytes(2051, many, &[])), &labels).unwrap_err();
    assert!(matches!(error, DataError::TooManyBytes { bytes: 1_152_000_000, .. }), "{error}");
    assert_has(&error.to_string(), &["images", "1152000000 bytes", "the limit is 1073741824"]);
    // Rows of two pixels would overflow, and a picture of many pixels need not be one of many samples.
    let error = digits(folder, &idx_bytes(2051, &[1, u32::MAX, u32::MAX], &[]), &idx_bytes(2049, &[1], &[]));
    assert!(matches!(error, Err(DataError::TooManyBytes { .. })));

    let pipe = folder.join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let images = write(folder, "good", &idx_bytes(2051, one, &[0; 18]));
    let names = || ["a", "b"].map(str::to_owned).to_vec();
    for error in [
        cifar10_files(&[&pipe]).unwrap_err(),
        idx(&pipe, &images, names()).unwrap_err(),
        idx(&images, &pipe, names()).unwrap_err(),
        read_mask(&pipe).unwrap_err(),
    ] {
        assert_has(&error.to_string(), &["pipe: cannot read: it is a pipe (FIFO), not a regular file"]);
    }
}
