//! Generated pictures of coloured shapes.

mod canvas;
mod form;

use super::check::check_index;
use super::dataset::Dataset;
use super::error::{DataError, Result};
use super::picture::Picture;
use super::random::{Purpose, Random};
use super::sample::Sample;
use super::target::{Target, TargetKind, TargetSpec};
use atrous_vision::ClassMap;
use canvas::Canvas;
use form::{CLASSES, Form};

/// Most shapes on a picture.
const MOST_SHAPES: u32 = 3;
/// Most pictures of a set.
const MOST_PICTURES: usize = 1_000_000;
/// How often another shape is drawn if it hides too much of an earlier one.
const TRIES: usize = 10;

/// A segmentation dataset without files: one to three discs, squares and triangles of any colour and size, slightly
/// rotated, over a striped and noisy background of class 0. Later shapes hide earlier ones.
///
/// Colours do not depend on classes; they only separate shapes. At least 60 % of every shape is visible. Sample `i` is a function of seed,
/// size and `i`, and has the same bits on every system.
#[derive(Clone, Debug)]
pub struct Shapes {
    samples: usize,
    width: u32,
    height: u32,
    seed: u64,
    class_names: Vec<String>,
}

impl Shapes {
    /// A set of `samples` pictures of the size `[height, width]`.
    ///
    /// # Errors
    /// [`DataError::NoSamples`] for none, [`DataError::Option`] for more than a million, or unless both sides are 16 to 4,096.
    pub fn new(samples: usize, size: [usize; 2], seed: u64) -> Result<Self> {
        if samples == 0 {
            let wanted = "at least one picture".to_owned();
            return Err(DataError::NoSamples { name: "shapes".to_owned(), wanted });
        }
        if samples > MOST_PICTURES {
            let must = format!("at most {MOST_PICTURES}");
            return Err(DataError::Option { option: "samples of shapes", must, got: samples.to_string() });
        }
        let [height, width] = size;
        if !size.iter().all(|side| (16..=4096).contains(side)) {
            let must = "16 to 4096 pixels a side".to_owned();
            return Err(DataError::Option { option: "size of shapes", must, got: format!("{height}×{width}") });
        }
        let class_names = CLASSES.map(str::to_owned).to_vec();
        Ok(Shapes { samples, width: width as u32, height: height as u32, seed, class_names })
    }
}

impl Dataset for Shapes {
    fn len(&self) -> usize {
        self.samples
    }

    fn get(&self, index: usize) -> Result<Sample> {
        check_index(self, index)?;
        let mut random = Random::new(self.seed, Purpose::Shapes, index as u64, 0);
        let mut canvas = Canvas::new(self.width, self.height, &mut random);
        for _ in 0..1 + random.below(MOST_SHAPES) {
            let form =
                (0..TRIES).map(|_| Form::draw(&mut random, self.width, self.height)).find(|form| canvas.has_room(form));
            if let Some(form) = form {
                canvas.paint(form, &mut random);
            }
        }
        let (pixels, classes) = canvas.finish(&mut random);
        let image = Picture::new(self.width, self.height, 3, pixels)?;
        let mask = ClassMap::new(self.width, self.height, classes)?;
        Ok(Sample { image, targets: vec![Target::Mask(mask)] })
    }

    fn class_names(&self) -> &[String] {
        &self.class_names
    }

    fn targets(&self) -> Vec<TargetSpec> {
        vec![TargetSpec::labels(TargetKind::Mask { classes: self.class_names.len() })]
    }

    fn describe(&self, index: usize) -> String {
        format!("shapes: picture {index} of seed {}", self.seed)
    }

    fn identity(&self, index: usize) -> String {
        format!("{} at {}×{}", self.describe(index), self.width, self.height)
    }
}
