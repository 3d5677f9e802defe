//! Folders of pictures, and of pictures and masks.

use std::sync::Arc;

use atrous_train::data::{
    Dataset, Exif, Framing, ImageFolder, Loader, LoaderOptions, MaskFolder, OnBroken, Part, Survey, split_every,
    split_random, split_stratified,
};
use atrous_vision::Preprocess;

use super::pictures::picture;
use super::pictures::{mask, png};
use crate::format::{Entry, pack};
use crate::message::{must_be_text, text};
use crate::target::Place;

pub(super) fn image_seeds() -> Vec<Vec<u8>> {
    let png = png();
    let files = [
        Entry::file("cat/1.png", png[3].clone()),
        Entry::file("cat/more/2.jpg", picture("jpeg/420_apart.jpg")),
        Entry::file("dog/1.webp", picture("decode_lossy.webp")),
        Entry::file("dog/4.png", picture("decode_exif.png")),
        Entry::file("notes.txt", "none"),
        Entry::file("größe/5.png", png[12].clone()),
    ];
    vec![pack(&files), pack(&files[..3])]
}

pub(super) fn read_images(place: &Place) -> Result<(), String> {
    let names = ["cat", "dog", "größe"].map(str::to_owned);
    if let Err(error) = ImageFolder::open_with_classes(place.path, &names) {
        must_be_text(&error);
    }
    let folder = ImageFolder::open(place.path).map_err(text)?;
    if let Err(error) = split_stratified(Arc::new(folder.clone()), 0.5, 1) {
        must_be_text(&error);
    }
    samples(folder)
}

pub(super) fn mask_seeds() -> Vec<Vec<u8>> {
    let png = png();
    let pair = |name: &str, mask_name: &str, picture: &[u8], size: (u32, u32)| {
        [Entry::file(name, picture), Entry::file(mask_name, mask(size.0, size.1, 2))]
    };
    let [a, b] = [&png[9], &png[12]];
    let plain = [pair("images/1.png", "masks/1.png", a, (5, 3)), pair("images/2.png", "masks/2.png", b, (5, 3))];
    let suffix =
        [pair("images/1.png", "masks/1_mask.png", a, (5, 3)), pair("images/x.png", "masks/x_mask.png", b, (5, 3))];
    vec![pack(plain.as_flattened()), pack(suffix.as_flattened())]
}

pub(super) fn read_masks(place: &Place) -> Result<(), String> {
    let names = || ["ground", "cell"].map(str::to_owned).to_vec();
    let [images, masks] = ["images", "masks"].map(|name| place.path.join(name));
    if let Err(error) = MaskFolder::open_with_suffix(&images, &masks, "_mask", names()) {
        must_be_text(&error);
    }
    let folder = MaskFolder::open(&images, &masks, names()).map_err(text)?;
    let mapped = folder.clone().with_map(&[(255, 1), (7, 0)]).map_err(text)?.with_exif(Exif::Raw);
    samples(folder)?;
    samples(mapped)
}

pub(super) fn voc_seeds() -> Vec<Vec<u8>> {
    let png = png();
    let files = [
        Entry::file("ImageSets/Segmentation/train.txt", "2007_000032\n2007_000039\n"),
        Entry::file("ImageSets/Segmentation/val.txt", "2007_000039\n"),
        Entry::file("JPEGImages/2007_000032.jpg", png[9].clone()),
        Entry::file("JPEGImages/2007_000039.png", png[12].clone()),
        Entry::file("SegmentationClass/2007_000032.png", mask(5, 3, 3)),
        Entry::file("SegmentationClass/2007_000039.png", mask(5, 3, 2)),
    ];
    let below = files.clone().map(|file| Entry { path: [b"VOCdevkit/VOC2012/", &file.path[..]].concat(), ..file });
    vec![pack(&files), pack(&below)]
}

pub(super) fn read_voc(place: &Place) -> Result<(), String> {
    if let Err(error) = MaskFolder::voc(place.path, "val") {
        must_be_text(&error);
    }
    samples(MaskFolder::voc(place.path, "train").map_err(text)?)
}

/// Reads all samples of a dataset in every way in which a training does.
pub(super) fn samples(dataset: impl Dataset + 'static) -> Result<(), String> {
    let dataset: Arc<dyn Dataset> = Arc::new(dataset);
    for index in 0..dataset.len().min(8) {
        must_be_text(&dataset.describe(index));
        let (sample, info) = (dataset.get(index), dataset.inspect(index));
        let named = |file: &&str| dataset.files(index).iter().any(|path| file.contains(&atrous_files::shown(path)));
        match (sample, info) {
            (Ok(sample), Ok(info)) => {
                assert_eq!((sample.image.width(), sample.image.height()), info.size, "another size")
            }
            (Err(error), _) | (Ok(_), Err(error)) => {
                must_be_text(&error);
                let message = error.to_string();
                assert!(dataset.files(index).is_empty() || named(&message.as_str()), "no file is named: {message}");
            }
        }
    }
    for result in [split_every(dataset.clone(), 2), split_random(dataset.clone(), 0.5, 1)] {
        if let Err(error) = result {
            must_be_text(&error);
        }
    }
    for on_broken in [OnBroken::Skip, OnBroken::Refuse] {
        let options = LoaderOptions {
            threads: 0,
            on_broken,
            framing: Framing::Stretch,
            ..LoaderOptions::new(2, [4, 4], Preprocess::IMAGENET)
        };
        let loader = Loader::new(dataset.clone(), options).map_err(text)?;
        match Survey::of(&loader, 8, &|_, _| {}) {
            Err(error) => must_be_text(&error),
            Ok(survey) => {
                [Part::Train, Part::Test].iter().for_each(|part| survey.findings(*part).iter().for_each(must_be_text))
            }
        }
        for batch in loader.epoch(0, 0).take(4) {
            if let Err(error) = batch {
                must_be_text(&error);
            }
        }
        loader.skipped().iter().for_each(|skipped| must_be_text(&skipped.reason));
    }
    Ok(())
}
