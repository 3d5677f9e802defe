//! Inputs and outputs of a run: dense tensors in NHWC order.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use atrous_graph::{DType, Shape, TensorType};
use half::f16;
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};

use crate::GpuError;

/// One input of a run: dense values in the order N, H, W, C.
#[derive(Clone, Copy, Debug)]
pub enum InputData<'a> {
    /// For an f32 input, or an f16 input, for which the values are rounded.
    F32(&'a [f32]),
    /// For a u32 input: class maps, labels, indices.
    U32(&'a [u32]),
    /// For an f32 input that [takes pixels](crate::Session::take_pixels): N×H×W pixels of three bytes, red, green and blue.
    Rgb8(&'a [u8]),
}

impl InputData<'_> {
    /// The element type of the inputs that take this data.
    pub const fn dtype(&self) -> DType {
        match self {
            Self::F32(_) | Self::Rgb8(_) => DType::F32,
            Self::U32(_) => DType::U32,
        }
    }

    /// Number of values.
    pub const fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::U32(values) => values.len(),
            Self::Rgb8(bytes) => bytes.len(),
        }
    }

    /// Whether there are no values.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of values that an input of this shape needs.
    pub(crate) const fn needs(&self, shape: Shape) -> usize {
        match self {
            Self::F32(_) | Self::U32(_) => shape.len(),
            Self::Rgb8(_) => shape.n * shape.h * shape.w * 3,
        }
    }

    /// Whether an input of this element type takes this data.
    pub(crate) fn fits(&self, dtype: DType) -> bool {
        dtype == self.dtype() || (dtype == DType::F16 && matches!(self, Self::F32(_)))
    }

    /// Packs the values into `device` in device layout, as bits. Does nothing for bytes of pixels, which a kernel converts.
    pub(crate) fn pack(&self, ty: TensorType, device: &mut [u32]) {
        match self {
            Self::F32(values) if ty.dtype == DType::F16 => {
                let mut padded = vec![0.0; ty.padded_len()];
                ty.pack(values, &mut padded);
                bytemuck::cast_slice_mut(device).copy_from_slice(&stored(ty, &padded));
            }
            Self::F32(values) => ty.pack(bytemuck::cast_slice::<f32, u32>(values), device),
            Self::U32(values) => ty.pack(values, device),
            Self::Rgb8(_) => {}
        }
    }
}

impl<'a> From<&'a [f32]> for InputData<'a> {
    fn from(values: &'a [f32]) -> Self {
        Self::F32(values)
    }
}

impl<'a> From<&'a Vec<f32>> for InputData<'a> {
    fn from(values: &'a Vec<f32>) -> Self {
        Self::F32(values)
    }
}

impl<'a> From<&'a [u8]> for InputData<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Rgb8(bytes)
    }
}

impl<'a> From<&'a [u32]> for InputData<'a> {
    fn from(values: &'a [u32]) -> Self {
        Self::U32(values)
    }
}

impl<'a> From<&'a Vec<u32>> for InputData<'a> {
    fn from(values: &'a Vec<u32>) -> Self {
        Self::U32(values)
    }
}

/// The bytes of a tensor in device memory, from its values in device layout. For f16 each value is rounded to the nearest.
pub(crate) fn stored(ty: TensorType, padded: &[f32]) -> Cow<'_, [u8]> {
    if ty.dtype != DType::F16 {
        return Cow::Borrowed(bytemuck::cast_slice(padded));
    }
    let mut halves = vec![f16::ZERO; padded.len()];
    halves.convert_from_f32_slice(padded);
    Cow::Owned(bytemuck::cast_slice(halves.reinterpret_cast()).to_vec())
}

/// The values of an output: dense, in the order N, H, W, C.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// The values of an f32 or f16 tensor.
    F32(Vec<f32>),
    /// The values of a u32 tensor.
    U32(Vec<u32>),
}

impl Data {
    /// The dense values of a tensor, from its bytes in device memory.
    pub(crate) fn unpack(ty: TensorType, device: &[u8]) -> Self {
        if ty.dtype == DType::F16 {
            let halves = ty.unpack(&bytemuck::pod_collect_to_vec::<u8, u16>(device));
            return Self::F32(halves.reinterpret_cast::<f16>().to_f32_vec());
        }
        let words = match bytemuck::try_cast_slice::<u8, u32>(device) {
            Ok(words) => ty.unpack(words),
            // In browsers, mapped memory may not be aligned to words.
            Err(_) => ty.unpack(&bytemuck::pod_collect_to_vec::<u8, u32>(device)),
        };
        match ty.dtype {
            DType::U32 => Self::U32(words),
            DType::F32 | DType::F16 => Self::F32(bytemuck::cast_vec(words)),
        }
    }
}

/// The values of a floating-point tensor in device layout, from its bytes in device memory.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn loaded(ty: TensorType, device: &[u8]) -> Vec<f32> {
    match ty.dtype {
        DType::F16 => bytemuck::pod_collect_to_vec::<u8, u16>(device).reinterpret_cast::<f16>().to_f32_vec(),
        DType::F32 | DType::U32 => bytemuck::pod_collect_to_vec(device),
    }
}

/// The position of the first byte of a tensor's padding in device memory that is not zero; `None` if all are zero. Also `None` if
/// some value is infinite or NaN, since the padding may then hold anything.
pub(crate) fn dirty_padding(ty: TensorType, device: &[u8]) -> Option<usize> {
    let mut used = vec![0_u32; ty.padded_len()];
    ty.pack(&vec![1; ty.shape.len()], &mut used);
    // The sign is shifted out, so that a negative zero counts as zero.
    let (exponent, words): (u32, Vec<u32>) = match ty.dtype {
        DType::F16 => {
            let halves = bytemuck::pod_collect_to_vec::<u8, u16>(device);
            (0x7c00 << 17, halves.into_iter().map(|half| u32::from(half) << 17).collect())
        }
        DType::F32 | DType::U32 => {
            let words = bytemuck::pod_collect_to_vec::<u8, u32>(device);
            (0x7f80_0000 << 1, words.into_iter().map(|word| word << 1).collect())
        }
    };
    if used.iter().zip(&words).any(|(used, word)| *used == 1 && word & exponent == exponent) {
        return None;
    }
    let bytes = ty.dtype.bytes() as usize;
    used.iter().zip(words).position(|(used, word)| *used == 0 && word != 0).map(|element| bytes * element)
}

/// One output of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The node's name.
    pub name: String,
    /// Shape of the tensor.
    pub shape: Shape,
    /// Dense values in the order N, H, W, C.
    pub data: Data,
}

impl Output {
    /// The values of an f32 or f16 output.
    ///
    /// # Errors
    /// [`GpuError::OutputType`] if it holds u32.
    pub fn f32(&self) -> Result<&[f32], GpuError> {
        match &self.data {
            Data::F32(values) => Ok(values),
            Data::U32(_) => Err(self.holds(DType::U32, DType::F32)),
        }
    }

    /// The values of a u32 output.
    ///
    /// # Errors
    /// [`GpuError::OutputType`] if it holds f32.
    pub fn u32(&self) -> Result<&[u32], GpuError> {
        match &self.data {
            Data::U32(values) => Ok(values),
            Data::F32(_) => Err(self.holds(DType::F32, DType::U32)),
        }
    }

    fn holds(&self, holds: DType, wanted: DType) -> GpuError {
        GpuError::OutputType { name: self.name.clone(), holds, wanted }
    }
}

/// The outputs of a run, in the order the session was asked for. Dereferences to a slice of them.
#[derive(Clone, Debug)]
pub struct Outputs {
    pub(crate) all: Vec<Output>,
    /// The index of each output by its names and labels.
    pub(crate) names: Arc<HashMap<String, usize>>,
}

impl Outputs {
    /// The output of this name or label.
    ///
    /// # Errors
    /// [`GpuError::UnknownOutput`] with the names of all outputs.
    pub fn get(&self, name: &str) -> Result<&Output, GpuError> {
        let unknown = || {
            let available: Vec<&str> = self.all.iter().map(|o| o.name.as_str()).collect();
            GpuError::UnknownOutput { name: name.to_owned(), available: available.join(", ") }
        };
        self.names.get(name).and_then(|i| self.all.get(*i)).ok_or_else(unknown)
    }

    /// The values of the f32 output of this name, dense in the order N, H, W, C.
    ///
    /// # Errors
    /// [`GpuError::UnknownOutput`], [`GpuError::OutputType`].
    pub fn f32(&self, name: &str) -> Result<&[f32], GpuError> {
        self.get(name)?.f32()
    }

    /// The values of the u32 output of this name, dense in the order N, H, W, C.
    ///
    /// # Errors
    /// [`GpuError::UnknownOutput`], [`GpuError::OutputType`].
    pub fn u32(&self, name: &str) -> Result<&[u32], GpuError> {
        self.get(name)?.u32()
    }

    /// The outputs as a vector.
    pub fn into_vec(self) -> Vec<Output> {
        self.all
    }
}

impl std::ops::Deref for Outputs {
    type Target = [Output];

    fn deref(&self) -> &[Output] {
        &self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_rounded_and_their_padding_is_held_to_be_zero() {
        let ty = TensorType { dtype: DType::F16, ..TensorType::image(Shape::new(1, 1, 2, 3)) };
        let mut words = [0xffff_ffff; 4];
        InputData::F32(&[1.0, 1.0 / 3.0, 1e6, -2.0, 65504.0, 0.0]).pack(ty, &mut words);
        assert_eq!(words, [0x3555_3c00, 0x7c00, 0x7bff_c000, 0]);
        let third = f16::from_f32(1.0 / 3.0).to_f32();
        let values = vec![1.0, third, f32::INFINITY, -2.0, 65504.0, 0.0];
        assert_eq!(Data::unpack(ty, bytemuck::cast_slice(&words)), Data::F32(values));
        assert_eq!(dirty_padding(ty, bytemuck::cast_slice(&words)), None);
        let dirty = |words: [u32; 4]| dirty_padding(ty, bytemuck::cast_slice(&words));
        assert_eq!(dirty([0x3555_3c00, 0x3c00, 0x7bff_c000, 0x8000_0000]), None);
        assert_eq!(dirty([0x3555_3c00, 0x3c00, 0x7bff_c000, 0x0001_0000]), Some(14));
    }

    #[test]
    fn padding_is_held_to_be_zero_beside_finite_values() {
        let ty = TensorType::image(Shape::new(1, 1, 2, 3));
        let dirty = |words: [f32; 8]| dirty_padding(ty, bytemuck::cast_slice(&words));
        assert_eq!(dirty([1.0, 2.0, 3.0, 0.0, 4.0, 5.0, 6.0, -0.0]), None);
        assert_eq!(dirty([1.0, 2.0, 3.0, 0.0, 4.0, 5.0, 6.0, 0.5]), Some(28));
        assert_eq!(dirty([1.0, 2.0, 3.0, f32::NAN, 4.0, 5.0, 6.0, 0.5]), Some(12));
        assert_eq!(dirty([1.0, f32::INFINITY, 3.0, f32::NAN, 4.0, 5.0, 6.0, 0.0]), None);
    }
}
