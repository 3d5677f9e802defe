//! The elements of a tensor in a file.

use half::{bf16, f16};
use safetensors::Dtype;

/// A tensor of a [`WeightFile`](crate::WeightFile).
#[derive(Clone, Copy, Debug)]
pub struct TensorData<'a> {
    /// Element type.
    pub dtype: Dtype,
    /// Shape, outermost side first.
    pub shape: &'a [usize],
    /// Elements in row-major order, little-endian.
    pub bytes: &'a [u8],
}

impl TensorData<'_> {
    /// The elements as f32, if the element type is F32, F16 or BF16.
    pub fn to_f32(self) -> Option<Vec<f32>> {
        let size = self.dtype.bitsize() / 8;
        let read = reader(self.dtype)?;
        Some((0..self.bytes.len() / size).map(|i| read(self.bytes, i)).collect())
    }

    /// The elements as i64, if the element type is a signed integer or an unsigned one of at most 32 bits.
    pub fn to_i64(self) -> Option<Vec<i64>> {
        let b = self.bytes;
        Some(match self.dtype {
            Dtype::U8 => b.iter().map(|v| i64::from(*v)).collect(),
            Dtype::I8 => b.iter().map(|v| i64::from(*v as i8)).collect(),
            Dtype::U16 => words(b).map(|w| i64::from(u16::from_le_bytes(w))).collect(),
            Dtype::I16 => words(b).map(|w| i64::from(i16::from_le_bytes(w))).collect(),
            Dtype::U32 => words(b).map(|w| i64::from(u32::from_le_bytes(w))).collect(),
            Dtype::I32 => words(b).map(|w| i64::from(i32::from_le_bytes(w))).collect(),
            Dtype::I64 => words(b).map(i64::from_le_bytes).collect(),
            _ => return None,
        })
    }
}

/// The bytes in groups of `N`; a shorter last group is dropped.
fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks::<N>().0.iter().copied()
}

/// Reads element `i` of little-endian bytes as f32; `None` for types other than F32, F16 and BF16.
pub(super) fn reader(dtype: Dtype) -> Option<fn(&[u8], usize) -> f32> {
    fn word<const N: usize>(bytes: &[u8], i: usize) -> [u8; N] {
        bytes.as_chunks::<N>().0[i]
    }
    Some(match dtype {
        Dtype::F32 => |bytes, i| f32::from_le_bytes(word(bytes, i)),
        Dtype::F16 => |bytes, i| f16::from_le_bytes(word(bytes, i)).to_f32(),
        Dtype::BF16 => |bytes, i| bf16::from_le_bytes(word(bytes, i)).to_f32(),
        _ => return None,
    })
}
