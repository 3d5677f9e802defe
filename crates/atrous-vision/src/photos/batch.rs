//! Preprocessing of batches of pictures.

use image::RgbImage;

use crate::error::{Error, Result};
use crate::preprocess::{ImageTensor, Preprocess};

impl Preprocess {
    /// Makes the `[images.len(), height, width, channels]` tensor. For one picture: `run(std::slice::from_ref(&image))`.
    ///
    /// # Errors
    /// [`Error::EmptyBatch`]; [`Error::NoPixels`]; [`Error::BatchSizes`] if the pictures differ in size;
    /// those of [`Self::tables`].
    pub fn run(&self, images: &[RgbImage]) -> Result<ImageTensor> {
        let (width, height) = common_size(images)?;
        let channels = self.channels();
        let tables = self.tables()?;
        let mut data = Vec::with_capacity(images.len() * height as usize * width as usize * channels);
        for pixel in images.iter().flat_map(|image| image.pixels()) {
            for (source, table) in &tables {
                data.push(table[usize::from(pixel.0[*source])]);
            }
        }
        Ok(ImageTensor { shape: [images.len(), height as usize, width as usize, channels], data })
    }
}

fn common_size(images: &[RgbImage]) -> Result<(u32, u32)> {
    let first = images.first().ok_or(Error::EmptyBatch)?.dimensions();
    if let Some(index) = images.iter().position(|image| image.dimensions() != first) {
        return Err(Error::BatchSizes { index, first, got: images[index].dimensions() });
    }
    let (width, height) = first;
    match width == 0 || height == 0 {
        true => Err(Error::NoPixels { name: "preprocess".to_owned(), width, height }),
        false => Ok(first),
    }
}
