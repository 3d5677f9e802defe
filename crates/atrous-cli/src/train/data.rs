//! The data of a configuration.

use std::sync::Arc;
use std::thread::available_parallelism;

use atrous::nn::Info;
use atrous::train::data::{
    self, Dataset, ImageFolder, Loader, LoaderOptions, MaskFolder, Part, Shapes, TargetKind, cifar10, digits, mnist,
};
use atrous::vision::Preprocess;

use super::config::{Augment, Config, Crop, Data, Exif, Framing, OnBroken};
use super::error::{Failed, Result};
use super::held_out::{Before, split};
use super::value_map::ValueMap;

/// Default fraction that is held out for validation of data without a validation part.
const SPLIT: f64 = 0.2;

type Set = Arc<dyn Dataset>;

/// The data of training and validation.
pub(super) struct Loaders {
    pub(super) train: Loader,
    pub(super) validation: Option<Loader>,
    /// Whether the samples of the validation are held out of those of one set.
    pub(super) held_out: bool,
}

/// The samples that a configuration names.
enum Sets {
    /// Those of training and of validation.
    Given(Set, Option<Set>),
    /// All in one set, of which a fraction is to be held out.
    Whole(Set, f64),
}

impl Config {
    /// Opens the data for a network with these defaults. A training that goes on holds out what it held out `before`.
    pub(super) fn loaders(&self, info: &Info, before: &Before) -> Result<Loaders> {
        let size = self.size.unwrap_or_else(|| self.data.size().unwrap_or(info.size));
        let (train, validation, held_out) = match self.sets(size)? {
            Sets::Given(train, validation) => (train, validation, false),
            Sets::Whole(all, fraction) => {
                let (train, validation) = split(all, fraction, self.seed, before)?;
                (set(train), Some(set(validation)), true)
            }
        };
        let plain = self.loader_options(&*train, size, info)?;
        let augment = self.augment.convert()?;
        let train = Loader::new(train, LoaderOptions { shuffle: true, drop_last: self.drop_last, augment, ..plain })?;
        let validation = validation.map(|set| Loader::new(set, plain)).transpose()?;
        Ok(Loaders { train, validation, held_out })
    }

    fn loader_options(&self, set: &dyn Dataset, size: [usize; 2], info: &Info) -> Result<LoaderOptions> {
        // With more than 255 classes of pictures, 255 is an ordinary class and nothing is ignored.
        let ignored = match set.targets().first().map(|target| target.kind) {
            Some(TargetKind::Class { classes }) if classes > usize::from(data::VOID) => u32::MAX,
            _ => data::VOID.into(),
        };
        let threads = self.threads.unwrap_or_else(|| available_parallelism().map_or(1, usize::from));
        if threads > 1024 {
            return Err(Failed::Value { key: "threads", must: "at most 1024", got: threads.to_string() }.into());
        }
        let plain = LoaderOptions::new(self.batch, size, Preprocess::new(info.normalize));
        Ok(LoaderOptions {
            framing: match self.framing {
                Framing::Cover => data::Framing::Cover,
                Framing::Stretch => data::Framing::Stretch,
                Framing::Keep => data::Framing::Keep,
            },
            seed: self.seed,
            threads,
            ahead: 2 * threads.max(1),
            on_broken: match self.on_broken {
                OnBroken::Skip => data::OnBroken::Skip,
                OnBroken::Refuse => data::OnBroken::Refuse,
            },
            ignore_label: self.ignore_label.unwrap_or(ignored),
            max_picture: self.max_pixels()?.unwrap_or(plain.max_picture),
            ..plain
        })
    }

    /// Most pixels of a picture, if they are given.
    fn max_pixels(&self) -> Result<Option<u64>> {
        match self.max_picture {
            Some(megapixels) if !(1e-6..=1e6).contains(&megapixels) => {
                let (must, got) = ("from 0.000001 to 1000000 megapixels", megapixels.to_string());
                Err(Failed::Value { key: "max_picture", must, got }.into())
            }
            megapixels => Ok(megapixels.map(|megapixels| (megapixels * 1e6).round() as u64)),
        }
    }

    /// The samples of training and of validation.
    fn sets(&self, size: [usize; 2]) -> Result<Sets> {
        let part = |test: bool| if test { Part::Test } else { Part::Train };
        match &self.data {
            Data::ImageFolder { path, validation, split } => {
                let all = ImageFolder::open(path)?;
                let names = all.class_names().to_vec();
                let own = validation.as_ref().map(|path| {
                    let names = &names;
                    move || Ok(set(ImageFolder::open_with_classes(path, names)?))
                });
                divide(set(all), own, *split)
            }
            Data::MaskFolder { path, masks, classes, validation, validation_masks, split, mask_suffix, exif, map } => {
                let open = |path, masks| {
                    let folder = match mask_suffix {
                        Some(suffix) => MaskFolder::open_with_suffix(path, masks, suffix, classes.clone()),
                        None => MaskFolder::open(path, masks, classes.clone()),
                    };
                    self.masked(folder?, map.as_ref(), *exif)
                };
                let own = match (validation, validation_masks) {
                    (Some(path), Some(masks)) => Some(move || open(path, masks)),
                    (None, None) => None,
                    _ => return Err(Failed::Missing("data.validation and data.validation_masks go together").into()),
                };
                divide(open(path, masks)?, own, *split)
            }
            Data::Voc { path, split, exif, map } => {
                let list = |list| self.masked(MaskFolder::voc(path, list)?, map.as_ref(), *exif);
                let own = split.is_none().then_some(|| list("val"));
                divide(list("train")?, own, *split)
            }
            Data::Mnist { path, split } => {
                let read = |test| Ok(set(mnist(path, part(test))?));
                let own = split.is_none().then_some(|| read(true));
                divide(read(false)?, own, *split)
            }
            Data::Cifar10 { path, split } => {
                let read = |test| Ok(set(cifar10(path, part(test))?));
                let own = split.is_none().then_some(|| read(true));
                divide(read(false)?, own, *split)
            }
            Data::Digits { split } => divide(set(digits()), NO_PART, *split),
            Data::Shapes { samples, split } => divide(set(Shapes::new(*samples, size, self.seed)?), NO_PART, *split),
        }
    }

    /// A folder whose masks and pictures are read in the way that the configuration gives.
    fn masked(&self, folder: MaskFolder, map: Option<&ValueMap>, exif: Option<Exif>) -> Result<Set> {
        let pairs = map.map_or(&[][..], ValueMap::pairs);
        let (classes, ignored) = (folder.class_names().len(), self.ignore_label.unwrap_or(data::VOID.into()));
        let unknown = |(_, class): &&(u8, u8)| usize::from(*class) >= classes && u32::from(*class) != ignored;
        if let Some((value, class)) = pairs.iter().find(unknown) {
            let must = "a class of each value: a number below that of the classes, or ignore_label";
            let got = format!("{value} = {class} with {classes} classes and the ignored {ignored}");
            return Err(Failed::Value { key: "data.map", must, got }.into());
        }
        let folder = folder.with_map(pairs)?;
        Ok(set(match exif {
            None => folder,
            Some(Exif::Apply) => folder.with_exif(data::Exif::Apply),
            Some(Exif::Raw) => folder.with_exif(data::Exif::Raw),
        }))
    }
}

/// The validation part that the data have, or the fraction to hold out.
fn divide(all: Set, own: Option<impl FnOnce() -> Result<Set>>, split: Option<f64>) -> Result<Sets> {
    match (own, split) {
        (Some(_), Some(_)) => {
            Err(Failed::Missing("data.split and data.validation exclude each other: give one of them").into())
        }
        (Some(own), None) => Ok(Sets::Given(all, Some(own()?))),
        (None, Some(0.0)) => Ok(Sets::Given(all, None)),
        (None, split) => {
            let fraction = split.unwrap_or(SPLIT);
            if !(0.0..1.0).contains(&fraction) {
                let got = fraction.to_string();
                return Err(Failed::Value { key: "data.split", must: "at least 0 and below 1", got }.into());
            }
            Ok(Sets::Whole(all, fraction))
        }
    }
}

/// Data without a validation part.
const NO_PART: Option<fn() -> Result<Set>> = None;

fn set(dataset: impl Dataset + 'static) -> Set {
    Arc::new(dataset)
}

impl Data {
    /// Height and width of the pictures, if all have the same.
    fn size(&self) -> Option<[usize; 2]> {
        let side = match self {
            Self::Mnist { .. } => 28,
            Self::Cifar10 { .. } => 32,
            Self::Digits { .. } => 8,
            Self::Shapes { .. } => 64,
            Self::ImageFolder { .. } | Self::MaskFolder { .. } | Self::Voc { .. } => return None,
        };
        Some([side; 2])
    }
}

impl Augment {
    fn convert(self) -> Result<data::Augment> {
        if self.crop == Crop::Center && self.padding > 0 {
            let (must, got) = ("0 unless augment.crop is \"random\"", self.padding.to_string());
            return Err(Failed::Value { key: "augment.padding", must, got }.into());
        }
        Ok(data::Augment {
            horizontal_flip: self.horizontal_flip,
            vertical_flip: self.vertical_flip,
            scale: (self.scale[0], self.scale[1]),
            rotation: self.rotation,
            crop: match self.crop {
                Crop::Center => data::Crop::Center,
                Crop::Random => data::Crop::Random { padding: self.padding },
            },
            brightness: self.brightness,
            contrast: self.contrast,
        })
    }
}
