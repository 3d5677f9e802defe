//! Results that PyTorch and Keras gave for the sample photographs, with parameters made from their names.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use atrous::io::WeightFile;
use atrous::nn::Network;
use atrous::vision::{Preprocess, RgbImage};
use atrous::{Predictor, Weights};
use atrous_golden::fill;
use serde::Deserialize;

use crate::Failure;

/// Names of the zoo that differ from those of the stored results.
const STORED_AS: [(&str, &str); 5] = [
    ("xception65", "timm_xception65"),
    ("deeplabv3plus_xception65", "deeplabv3plus_xception65_os16"),
    ("deeplabv3_resnet50", "tv_deeplabv3_resnet50"),
    ("fcn_resnet50", "tv_fcn_resnet50"),
    ("smp_deeplabv3plus_resnet50", "smp_deeplabv3plus_resnet50_os16"),
];

/// The sample photographs, in the order of the stored batch.
const PHOTOS: [&str; 2] = ["china", "flower"];

/// The stored results of one network.
pub struct Reference {
    folder: PathBuf,
    entry: Entry,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    framework: String,
    fill_prefix: String,
    wvar: f64,
    file: String,
    eval: Eval,
}

#[derive(Deserialize)]
struct Eval {
    photos: Option<Photos>,
}

#[derive(Deserialize)]
struct Photos {
    input: Input,
    tensor: String,
    /// Every how many rows and columns of a map are stored.
    sample_step: Option<usize>,
    /// Largest absolute difference allowed.
    atol: f64,
}

#[derive(Deserialize)]
struct Input {
    crop: u32,
    then_scale: Option<f32>,
}

/// How far a result is from the stored one.
pub struct Comparison {
    framework: &'static str,
    crop: u32,
    values: usize,
    largest: f64,
    allowed: f64,
}

impl Reference {
    /// The results stored for a network of the zoo; none if there are none, or if the folder is not there.
    ///
    /// The folder is `tests/golden` of the sources that this program was built from, or `ATROUS_GOLDEN_DIR`.
    ///
    /// # Errors
    /// If the list of results is damaged.
    pub fn find(model: &str) -> Result<Option<Self>, Failure> {
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden");
        let folder = std::env::var_os("ATROUS_GOLDEN_DIR").map_or(PathBuf::from(here), PathBuf::from);
        let list = folder.join("models.json");
        let Ok(text) = fs::read_to_string(&list) else { return Ok(None) };
        let entries: Vec<Entry> =
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", list.display()))?;
        let name = STORED_AS.iter().find(|(zoo, _)| *zoo == model).map_or(model, |(_, stored)| stored);
        Ok(entries.into_iter().find(|entry| entry.name == name).map(|entry| Self { folder, entry }))
    }

    /// The numbers that the results were computed with, for a network of the same kind.
    ///
    /// # Errors
    /// If the network cannot be built.
    pub fn weights(&self, network: &dyn Network) -> Result<Weights, Failure> {
        Ok(fill::weights(network, &self.entry.fill_prefix, self.entry.wvar)?)
    }

    /// Compares with the stored result, in words.
    ///
    /// # Errors
    /// As [`Self::compare`], and if the results differ.
    pub fn report(&self, network: &mut Predictor, photo: &RgbImage) -> Result<String, Failure> {
        match self.compare(network, photo)? {
            Some(comparison) if comparison.equal() => Ok(format!("{comparison}\n")),
            Some(comparison) => Err(comparison.to_string().into()),
            None => Ok("For the photographs in examples/photos the result is compared with a stored one.\n".to_owned()),
        }
    }

    /// Runs the network as it was run for the stored results: on the middle of the photograph. None if the photograph is not a
    /// sample one.
    ///
    /// # Errors
    /// If the stored results are damaged, or the network fails.
    pub fn compare(&self, network: &mut Predictor, photo: &RgbImage) -> Result<Option<Comparison>, Failure> {
        let (Some(photos), Some(sample)) = (&self.entry.eval.photos, self.sample(photo)?) else { return Ok(None) };
        let stored = WeightFile::open(self.folder.join(&self.entry.file))?;
        let stored = stored.tensor(&photos.tensor).ok_or_else(|| format!("{} is not stored", photos.tensor))?;
        let (shape, values) = (stored.shape.to_vec(), stored.to_f32().unwrap_or_default());

        // The stored results cut at half the difference rounded down, which torchvision rounds to even.
        let side = photos.input.crop;
        let start =
            (photo.width().min(photo.height()).checked_sub(side)).ok_or("the stored crop exceeds the photograph")? / 2;
        let crop = RgbImage::from_fn(side, side, |x, y| *photo.get_pixel(x + start, y + start));
        let then_scale = photos.input.then_scale.unwrap_or(1.0);
        let logits = network.run_blocking(&Preprocess { then_scale, ..network.preprocess() }.run(&[crop])?)?;
        let got = logits.f32()?;

        // Stored is N×C or N×C×H×W, got is 1×H×W×C.
        let (classes, step) = (logits.shape.c, photos.sample_step.unwrap_or(1));
        let (rows, columns) = (logits.shape.h.div_ceil(step), logits.shape.w.div_ceil(step));
        let len = classes * rows * columns;
        let want = values.get(sample * len..(sample + 1) * len).filter(|_| values.len() == PHOTOS.len() * len);
        let want = want.ok_or_else(|| format!("{} has the shape {shape:?}", photos.tensor))?;
        let difference = |(i, want): (usize, &f32)| {
            let (c, y, x) = (i / (rows * columns), i / columns % rows, i % columns);
            (f64::from(got[logits.shape.index(0, y * step, x * step, c)]) - f64::from(*want)).abs()
        };
        // Not f64::max, which would pass over a NaN.
        let larger = |a: f64, b: f64| if a.is_nan() || a >= b { a } else { b };
        let largest = want.iter().enumerate().map(difference).fold(0.0, larger);
        let framework = if self.entry.framework == "keras" { "Keras" } else { "PyTorch" };
        let allowed = photos.atol;
        Ok(Some(Comparison { framework, crop: side, values: len, largest, allowed }))
    }

    /// Which sample photograph has exactly these pixels.
    fn sample(&self, photo: &RgbImage) -> Result<Option<usize>, Failure> {
        let images = WeightFile::open(self.folder.join("images.safetensors"))?;
        let same = |name: &&str| {
            images.tensor(name).is_some_and(|stored| {
                let size = [photo.height() as usize, photo.width() as usize, 3];
                stored.shape == size && stored.bytes == photo.as_raw().as_slice()
            })
        };
        Ok(PHOTOS.iter().position(same))
    }
}

impl Comparison {
    /// Whether the results are equal, up to the rounding that is allowed.
    pub fn equal(&self) -> bool {
        self.largest <= self.allowed
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { framework, crop, values, largest, allowed } = self;
        let verdict = if self.equal() { "equals" } else { "DIFFERS from" };
        write!(
            f,
            "The result for the middle {crop}×{crop} pixels {verdict} {framework}'s stored one: of {values} logits the worst is \
             off by {largest:.1e} (allowed: {allowed:.1e})."
        )
    }
}
