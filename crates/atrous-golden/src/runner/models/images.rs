//! Inputs of networks.

use anyhow::{Context, Result, ensure};
use atrous_vision::{Normalize, Preprocess, RgbImage};

use super::super::{
    CaseError, Folder,
    array::{image_shape, to_nhwc},
};
use super::entry::{EvalInput, Preprocessing};

/// The two photographs.
pub(super) struct Photographs(Vec<RgbImage>);

impl Photographs {
    /// Reads the photographs: china, then flower.
    pub(super) fn read(folder: &Folder) -> Result<Self> {
        let file = folder.tensors("images.safetensors")?;
        let image = |name: &str| {
            let tensor = file.tensor(name).with_context(|| format!("no photograph \"{name}\""))?;
            let [height, width, 3] = *tensor.shape else { anyhow::bail!("\"{name}\" is {:?}", tensor.shape) };
            let image = RgbImage::from_raw(u32::try_from(width)?, u32::try_from(height)?, tensor.bytes.to_vec());
            image.with_context(|| format!("\"{name}\" does not have {width}×{height} pixels of three bytes"))
        };
        let images = ["china", "flower"].into_iter().map(image).collect::<Result<Vec<_>>>()?;
        ensure!(images[0].dimensions() == images[1].dimensions(), "the photographs differ in size");
        Ok(Self(images))
    }

    /// The values of an evaluation's input, N×H×W×C.
    pub(super) fn input(&self, input: &EvalInput) -> Result<Vec<f32>, CaseError> {
        match input {
            EvalInput::Fill(input) => {
                let array = input.array()?;
                Ok(to_nhwc(image_shape(&array.shape)?, &array.values))
            }
            EvalInput::Photos { crop, preprocess, shape, then_scale } => {
                let images: Vec<RgbImage> = self.0.iter().map(|i| center(i, *crop)).collect::<Result<_, _>>()?;
                let normalize = match *preprocess {
                    Preprocessing::Torch { mean, std } => Normalize::Torch { mean, std },
                    Preprocessing::Tf => Normalize::Tf,
                    Preprocessing::Caffe { mean_bgr } => Normalize::Caffe { mean_bgr },
                    Preprocessing::Green { mean, std } => Normalize::Green { mean, std },
                };
                let preprocess = Preprocess { normalize, then_scale: then_scale.unwrap_or(1.0) };
                let tensor = preprocess.run(&images).map_err(CaseError::failed)?;
                let [n, h, w, c] = tensor.shape;
                if [n, c, h, w] != *shape {
                    let got = [n, c, h, w];
                    return Err(CaseError::Failed(format!("the photographs make {got:?}, expected {shape:?}")));
                }
                Ok(tensor.data)
            }
        }
    }
}

/// The central square of side `crop`; odd margins are rounded down at the top and the left.
fn center(image: &RgbImage, crop: u32) -> Result<RgbImage, CaseError> {
    let (width, height) = image.dimensions();
    if crop > width || crop > height {
        return Err(CaseError::Failed(format!("a crop of {crop} out of a photograph of {width}×{height}")));
    }
    let (left, top) = ((width - crop) / 2, (height - crop) / 2);
    Ok(RgbImage::from_fn(crop, crop, |x, y| *image.get_pixel(left + x, top + y)))
}
