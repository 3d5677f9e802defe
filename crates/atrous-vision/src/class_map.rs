//! Class maps, one class per pixel: the result of segmentation.

use crate::error::{Error, Result};
use crate::size::{check_size, nearest_positions};

/// A picture of class numbers, one byte per pixel, row by row. In maps of labels 255 means that a pixel is ignored.
///
/// ```
/// use atrous_vision::ClassMap;
///
/// let map = ClassMap::new(3, 2, vec![0, 0, 1, 0, 1, 1])?; // width, height
/// assert_eq!(map.pixel_counts()[..3], [3, 3, 0]);
/// let large = map.resize(6, 4)?;
/// assert_eq!(large.classes()[..6], [0, 0, 0, 0, 1, 1]);
/// assert!(ClassMap::new(3, 2, vec![0; 5]).is_err());
/// # Ok::<(), atrous_vision::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassMap {
    width: u32,
    height: u32,
    classes: Vec<u8>,
}

impl ClassMap {
    /// Wraps `height * width` class numbers.
    ///
    /// # Errors
    /// [`Error::Length`] if their number differs or a side is zero.
    pub fn new(width: u32, height: u32, classes: Vec<u8>) -> Result<Self> {
        let want = u64::from(width) * u64::from(height);
        if want == 0 || want != classes.len() as u64 {
            return Err(Error::Length {
                what: "class map",
                shape: format!("{height}×{width}"),
                want: want.max(1),
                got: classes.len(),
            });
        }
        Ok(ClassMap { width, height, classes })
    }

    /// Width in pixels, at least 1.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels, at least 1.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The class numbers, row by row.
    pub fn classes(&self) -> &[u8] {
        &self.classes
    }

    /// How many pixels each of the 256 class numbers has.
    pub fn pixel_counts(&self) -> [u64; 256] {
        let mut counts = [0; 256];
        for &class in &self.classes {
            counts[usize::from(class)] += 1;
        }
        counts
    }

    /// Resizes by taking the nearest pixel, as Pillow's `NEAREST` does, so that no new classes appear.
    ///
    /// # Errors
    /// [`Error::ImpossibleSize`] if a side is zero or the result has more than 2²⁸ pixels.
    pub fn resize(&self, width: u32, height: u32) -> Result<ClassMap> {
        check_size("resize", (self.width, self.height), width.into(), height.into())?;
        let columns = nearest_positions(self.width, width);
        let rows = nearest_positions(self.height, height);
        let mut classes = Vec::with_capacity(columns.len() * rows.len());
        for y in rows {
            let row = self.row(y);
            classes.extend(columns.iter().map(|&x| row[x as usize]));
        }
        ClassMap::new(width, height, classes)
    }

    /// Keeps the upper left `width`×`height` pixels, which removes padding on the right and at the bottom.
    ///
    /// # Errors
    /// [`Error::Length`] if a side is zero or longer than the map's.
    pub fn crop_top_left(&self, width: u32, height: u32) -> Result<ClassMap> {
        if width > self.width || height > self.height {
            return Err(Error::Length {
                what: "crop of a class map",
                shape: format!("{height}×{width}"),
                want: u64::from(width) * u64::from(height),
                got: self.classes.len(),
            });
        }
        let rows = (0..height).flat_map(|y| &self.row(y)[..width as usize]);
        ClassMap::new(width, height, rows.copied().collect())
    }

    fn row(&self, y: u32) -> &[u8] {
        let width = self.width as usize;
        &self.classes[y as usize * width..][..width]
    }
}

/// The class with the largest logit at every pixel, the lowest class if several logits are equal; one map per picture.
///
/// `logits` is a dense tensor of the given `[n, h, w, classes]` shape.
///
/// # Errors
/// [`Error::Length`] if `logits` does not fill the shape or the shape is empty, [`Error::ClassCount`] for more than 256
/// classes or none, [`Error::NotFinite`] if a logit is not a number.
pub fn argmax_classes(logits: &[f32], shape: [usize; 4]) -> Result<Vec<ClassMap>> {
    let [n, h, w, classes] = shape;
    if !(1..=256).contains(&classes) {
        return Err(Error::ClassCount { classes });
    }
    let want = shape.iter().fold(1u64, |product, &side| product.saturating_mul(side as u64));
    let sides = (u32::try_from(w), u32::try_from(h));
    let (Ok(width), Ok(height), true) = (sides.0, sides.1, want > 0 && want == logits.len() as u64) else {
        return Err(Error::Length {
            what: "logits",
            shape: format!("{n}×{h}×{w}×{classes}"),
            want: want.max(1),
            got: logits.len(),
        });
    };
    if let Some(index) = logits.iter().position(|logit| logit.is_nan()) {
        return Err(Error::NotFinite { what: "argmax", index, value: logits[index] });
    }
    logits
        .chunks_exact(h * w * classes)
        .map(|picture| {
            let winners = picture.chunks_exact(classes).map(first_largest).collect();
            ClassMap::new(width, height, winners)
        })
        .collect()
}

/// Index of the largest of at most 256 numbers, the first of equals.
fn first_largest(logits: &[f32]) -> u8 {
    let mut best = 0;
    for (class, &logit) in logits.iter().enumerate() {
        if logit > logits[best] {
            best = class;
        }
    }
    best as u8
}
