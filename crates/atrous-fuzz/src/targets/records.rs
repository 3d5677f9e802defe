//! Binary files of samples.

use std::fs;

use atrous_train::data::{Part, cifar10, cifar10_files, idx, mnist};

use super::folders::samples;
use crate::format::{Entry, gzip, pack};
use crate::message::{must_be_text, text};
use crate::target::Place;

/// An IDX file with these numbers in its header.
fn idx_file(numbers: &[u32], values: &[u8]) -> Vec<u8> {
    [&numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>(), values].concat()
}

pub(super) fn mnist_seeds() -> Vec<Vec<u8>> {
    let pixels: Vec<u8> = (0..3 * 4 * 5).map(|i| (i * 11) as u8).collect();
    let (images, labels) = (idx_file(&[2051, 3, 4, 5], &pixels), idx_file(&[2049, 3], &[0, 9, 4]));
    let test =
        [Entry::file("t10k-images.idx3-ubyte", images.clone()), Entry::file("t10k-labels.idx1-ubyte", labels.clone())];
    let plain = [
        Entry::file("train-images-idx3-ubyte", images.clone()),
        Entry::file("train-labels-idx1-ubyte", labels.clone()),
    ];
    let packed = [
        Entry::file("train-images-idx3-ubyte.gz", gzip(&images)),
        Entry::file("train-labels-idx1-ubyte.gz", gzip(&labels)),
    ];
    vec![pack(&[&plain[..], &test].concat()), pack(&packed)]
}

pub(super) fn read_mnist(place: &Place) -> Result<(), String> {
    if let Err(error) = mnist(place.path, Part::Test) {
        must_be_text(&error);
    }
    let [images, labels] = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"].map(|name| place.path.join(name));
    let few = idx(images, labels, ["a", "b"].map(str::to_owned).to_vec());
    few.map_or_else(|error| must_be_text(&error), drop);
    samples(mnist(place.path, Part::Train).map_err(text)?)
}

pub(super) fn cifar_seeds() -> Vec<Vec<u8>> {
    let record = |label: u8| [&[label][..], &(0..3072).map(|i| (i * 7) as u8).collect::<Vec<u8>>()].concat();
    let two = [record(3), record(9)].concat();
    vec![two.clone(), gzip(&two)]
}

pub(super) fn read_cifar(place: &Place) -> Result<(), String> {
    let file = place.folder.join("test_batch.bin");
    fs::write(file, place.bytes).expect("a file can be written");
    cifar10(place.folder, Part::Test).map_or_else(|error| must_be_text(&error), drop);
    samples(cifar10_files(&[place.path]).map_err(text)?)
}
