//! The readers of atrous, each as a target.

mod caches;
mod checkpoints;
mod configurations;
mod faulty;
mod folders;
mod logs;
mod network;
mod pictures;
mod records;
mod surveys;
mod weights;

use std::fmt::Display;
use std::path::Path;

use anyhow::{Context, Result};

use crate::format::{Folder, Format, Gzip, Jpeg, Kept, Png, Sealed, Tensors, Text, WebP};

/// A reader, and what it needs to be tried.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// What it reads, in words.
    pub(crate) reads: &'static str,
    /// The structure of its inputs.
    pub(crate) format: &'static dyn Format,
    pub(crate) input: Input,
    /// Valid inputs.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// Whether all seeds have a checksum, so that damage to them is found.
    pub(crate) sealed: bool,
    /// Whether the messages of its errors must name the file.
    pub(crate) names_file: bool,
    /// Bytes of memory that its pictures may take.
    pub(crate) budget: usize,
    /// Reads an input. An error is the message that a user sees. It panics if what was read is not what it must be.
    pub(crate) read: fn(&Place) -> Result<(), String>,
}

/// How a target gets its input.
#[derive(Clone, Copy)]
pub(crate) enum Input {
    /// A file of this name.
    File(fn() -> String),
    /// A folder with files.
    Folder,
}

/// Where the input of a case is.
pub(crate) struct Place<'a> {
    /// A folder for anything else.
    pub(crate) folder: &'a Path,
    /// The file or the folder.
    pub(crate) path: &'a Path,
    /// The content of the file, or the packed folder.
    pub(crate) bytes: &'a [u8],
}

/// Reads the file of this name.
const fn file(name: fn() -> String) -> Input {
    Input::File(name)
}

/// A target whose inputs have no checksum and no pictures.
const fn plain(
    name: &'static str,
    reads: &'static str,
    format: &'static dyn Format,
    input: Input,
    seeds: fn() -> Vec<Vec<u8>>,
    read: fn(&Place) -> Result<(), String>,
) -> Target {
    Target { name, reads, format, input, seeds, sealed: false, names_file: true, budget: 0, read }
}

/// Two pictures as large as the default limits allow: as decoded, and as RGB.
const TWO_PICTURES: usize = 2 << 30;

/// All targets.
pub(crate) static TARGETS: [&Target; 22] = [
    &plain(
        "weights",
        "weights files of any program",
        &Tensors,
        file(|| "w.safetensors".into()),
        weights::seeds,
        weights::read,
    ),
    &Target {
        sealed: true,
        ..plain(
            "own_weights",
            "weights files with a checksum",
            &Tensors,
            file(|| "w.safetensors".into()),
            weights::own_seeds,
            weights::read,
        )
    },
    &Target {
        sealed: true,
        ..plain(
            "checkpoints",
            "checkpoints of version 2",
            &Tensors,
            file(|| "c.checkpoint".into()),
            checkpoints::seeds,
            checkpoints::read,
        )
    },
    &plain(
        "old_checkpoints",
        "checkpoints of version 1",
        &Tensors,
        file(|| "c.checkpoint".into()),
        checkpoints::old_seeds,
        checkpoints::read,
    ),
    &plain(
        "run_folders",
        "run folders of trainings to resume",
        &Folder,
        Input::Folder,
        checkpoints::folder_seeds,
        checkpoints::read_folder,
    ),
    &Target {
        budget: pictures::BUDGET,
        ..plain("jpeg", "JPEG pictures", &Jpeg, file(|| "p.jpg".into()), pictures::jpeg, pictures::read)
    },
    &Target {
        budget: pictures::BUDGET,
        ..plain("png", "PNG pictures", &Png, file(|| "p.png".into()), pictures::png, pictures::read)
    },
    &Target {
        budget: pictures::BUDGET,
        ..plain("webp", "WebP pictures", &WebP, file(|| "p.webp".into()), pictures::webp, pictures::read)
    },
    &Target {
        budget: TWO_PICTURES,
        ..plain("masks", "masks", &Png, file(|| "m.png".into()), pictures::masks, pictures::read_mask)
    },
    &plain(
        "labels",
        "lists of class names",
        &Text,
        file(|| "labels.txt".into()),
        pictures::labels,
        pictures::read_labels,
    ),
    &Target {
        budget: TWO_PICTURES,
        ..plain(
            "image_folders",
            "folders of pictures, one for each class",
            &Folder,
            Input::Folder,
            folders::image_seeds,
            folders::read_images,
        )
    },
    &Target {
        budget: TWO_PICTURES,
        ..plain(
            "mask_folders",
            "folders of pictures and masks",
            &Folder,
            Input::Folder,
            folders::mask_seeds,
            folders::read_masks,
        )
    },
    &Target {
        budget: TWO_PICTURES,
        ..plain("voc", "Pascal VOC", &Folder, Input::Folder, folders::voc_seeds, folders::read_voc)
    },
    &Target {
        budget: TWO_PICTURES,
        ..plain(
            "mnist",
            "IDX files, plain and in gzip",
            &Folder,
            Input::Folder,
            records::mnist_seeds,
            records::read_mnist,
        )
    },
    &Target {
        budget: TWO_PICTURES,
        ..plain(
            "cifar",
            "CIFAR-10, plain and in gzip",
            &Gzip,
            file(|| "b.bin".into()),
            records::cifar_seeds,
            records::read_cifar,
        )
    },
    &plain("surveys", "surveys that are kept", &Sealed, file(surveys::name), surveys::seeds, surveys::read),
    &Target {
        names_file: false,
        ..plain(
            "configurations",
            "TOML files of trainings",
            &Text,
            file(|| "c.toml".into()),
            configurations::seeds,
            configurations::read,
        )
    },
    &Target {
        names_file: false,
        ..plain(
            "arguments",
            "arguments of the command",
            &Text,
            file(|| "arguments".into()),
            configurations::argument_seeds,
            configurations::read_arguments,
        )
    },
    &plain("logs", "logs of trainings to resume", &Text, file(|| "log.jsonl".into()), logs::seeds, logs::read),
    &Target {
        sealed: true,
        ..plain(
            "choices",
            "what tuning chose",
            &Sealed,
            file(caches::choices_name),
            caches::choices_seeds,
            caches::read_choices,
        )
    },
    &Target {
        sealed: true,
        ..plain(
            "avoided",
            "kernels that are not used",
            &Sealed,
            file(caches::avoided_name),
            caches::avoided_seeds,
            caches::read_avoided,
        )
    },
    &Target {
        sealed: true,
        names_file: false,
        ..plain(
            "kernels",
            "compiled kernels",
            &Kept,
            file(|| "kernels".into()),
            caches::kernel_seeds,
            caches::read_kernels,
        )
    },
];

/// The target of this name.
///
/// # Errors
/// If there is none.
pub(crate) fn named(name: &str) -> Result<&'static Target> {
    let found = TARGETS.iter().chain(&faulty::FAULTY).copied().find(|target| target.name == name);
    found.with_context(|| format!("there is no target \"{name}\"; `atrous-fuzz list` lists them"))
}

/// The message of an error.
fn text(error: impl Display) -> String {
    error.to_string()
}

/// A message about what was read, not about reading: it need not name the file, but must be one.
fn must_be_text(message: &impl Display) {
    let message = message.to_string();
    assert!(!message.trim().is_empty(), "an error without a message");
    assert!(message.len() <= crate::case::MESSAGE, "a message without end: {message}");
    let plain = message.chars().all(|c| c == '\n' || atrous_files::is_plain(c));
    assert!(plain, "a message with control characters: {message:?}");
}

/// A file of the pictures that the tests of `atrous-vision` decode.
fn picture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../atrous-vision/tests/data").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
