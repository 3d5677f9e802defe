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

use anyhow::{Context, Result};

use crate::format::{Folder, Gzip, Jpeg, Kept, Png, Sealed, Tensors, Text, WebP};
use crate::target::{Input, Target, file, plain};

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
