//! Strokes: which pixels of a photograph are labelled, and by what colour.

use std::collections::BTreeMap;
use std::path::Path;

use atrous::vision::{ClassMap, Palette, shown};

use crate::Failure;

/// Least number of pixels that make a colour a class. Fewer come from soft edges.
const LEAST: usize = 16;

/// The label of pixels without a stroke.
pub(super) const NONE: u8 = 255;

/// Strokes as classes.
#[derive(Clone, Debug)]
pub struct Strokes {
    /// The colour of each class, the one with most pixels first.
    pub colours: Vec<[u8; 3]>,
    /// The class of each pixel under a stroke, 255 elsewhere.
    pub classes: ClassMap,
}

impl Strokes {
    /// Reads a picture of strokes. Pixels that are not fully opaque are none; in a picture without transparency those of the
    /// most frequent colour are none. Colours of a few pixels, as soft edges have them, do not count.
    ///
    /// # Errors
    /// If the file is no picture, has another size than the photograph, or fewer than two colours.
    pub fn read(path: &Path, size: (u32, u32)) -> Result<Self, Failure> {
        let name = shown(path);
        if path.exists() && !path.is_file() {
            return Err(format!("{name}: it is not a regular file").into());
        }
        let open = || image::ImageReader::open(path)?.with_guessed_format();
        let failed = |e: image::ImageError| format!("{name}: {e}");
        // Before the pixels are read, which may be many more than the photograph's.
        let got = open().map_err(image::ImageError::from).and_then(|p| p.into_dimensions()).map_err(failed)?;
        if got != size {
            let (got, size) = (format!("{}×{}", got.0, got.1), format!("{}×{}", size.0, size.1));
            return Err(format!("{name}: the strokes are {got} pixels, the photograph is {size}").into());
        }
        let picture = open().map_err(image::ImageError::from).and_then(|p| p.decode()).map_err(failed)?.into_rgba8();
        let opaque = picture.pixels().all(|p| p.0[3] == 255);
        let mut counts: BTreeMap<[u8; 3], usize> = BTreeMap::new();
        for p in picture.pixels().filter(|p| p.0[3] == 255) {
            *counts.entry([p.0[0], p.0[1], p.0[2]]).or_default() += 1;
        }
        let mut colours: Vec<([u8; 3], usize)> = counts.into_iter().filter(|(_, count)| *count >= LEAST).collect();
        colours.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        if opaque && !colours.is_empty() {
            colours.remove(0);
        }
        if !(2..=usize::from(NONE)).contains(&colours.len()) {
            let found = colours.len();
            return Err(format!("{name}: strokes in 2 to 255 colours are needed, {found} found").into());
        }
        let colours: Vec<[u8; 3]> = colours.into_iter().map(|(colour, _)| colour).collect();
        let class = |p: &image::Rgba<u8>| {
            let [r, g, b, alpha] = p.0;
            let class = colours.iter().position(|colour| *colour == [r, g, b]).filter(|_| alpha == 255);
            class.map_or(NONE, |class| class as u8)
        };
        let classes = ClassMap::new(size.0, size.1, picture.pixels().map(class).collect())?;
        Ok(Self { colours, classes })
    }

    /// Number of pixels under strokes.
    pub fn drawn(&self) -> usize {
        self.classes.classes().iter().filter(|class| **class != NONE).count()
    }

    /// The strokes' colours by class.
    pub fn palette(&self) -> Palette {
        let mut palette = [[0; 3]; 256];
        palette[..self.colours.len()].copy_from_slice(&self.colours);
        palette
    }

    /// The share of the strokes' pixels whose class is the stroke's.
    pub fn agreement(&self, classes: &ClassMap) -> f64 {
        let drawn = self.classes.classes().iter().zip(classes.classes()).filter(|(stroke, _)| **stroke != NONE);
        let right = drawn.filter(|(stroke, class)| stroke == class).count();
        right as f64 / self.drawn() as f64
    }
}
