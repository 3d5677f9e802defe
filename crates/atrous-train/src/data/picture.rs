//! Pictures in memory.

use super::error::{DataError, Result};
use atrous_vision::RgbImage;

/// An 8-bit picture, grey or RGB, row by row with its channels innermost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    channels: u32,
    pixels: Vec<u8>,
}

impl Picture {
    /// Wraps `height * width * channels` values, `channels` being 1 or 3.
    ///
    /// # Errors
    /// [`DataError::PictureShape`] if the number of values differs, a side is zero, or there are other channels.
    pub fn new(width: u32, height: u32, channels: u32, pixels: Vec<u8>) -> Result<Self> {
        let want = u128::from(width) * u128::from(height) * u128::from(channels);
        if !matches!(channels, 1 | 3) || want == 0 || want != pixels.len() as u128 {
            return Err(DataError::PictureShape { width, height, channels, want, got: pixels.len() });
        }
        Ok(Picture { width, height, channels, pixels })
    }

    /// Width in pixels, at least 1.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels, at least 1.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// 1 (grey) or 3 (RGB).
    pub fn channels(&self) -> u32 {
        self.channels
    }

    /// `height * width * channels` values.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The picture as RGB; grey becomes three equal channels.
    pub fn into_rgb(self) -> RgbImage {
        let pixels = match self.channels {
            1 => self.pixels.iter().flat_map(|&grey| [grey; 3]).collect(),
            _ => self.pixels,
        };
        RgbImage::from_raw(self.width, self.height, pixels).expect("a picture holds three bytes a pixel")
    }
}

impl TryFrom<RgbImage> for Picture {
    type Error = DataError;

    /// # Errors
    /// [`DataError::PictureShape`] for a picture without pixels.
    fn try_from(image: RgbImage) -> Result<Self> {
        Picture::new(image.width(), image.height(), 3, image.into_raw())
    }
}
