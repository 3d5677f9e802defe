//! Resizing of tensors.

use crate::{Error, ImageTensor, Result};

/// The weights of a pixel of the result: `first * (1 - share) + second * share`.
struct Tap {
    first: usize,
    second: usize,
    share: f32,
}

impl ImageTensor {
    /// The tensor at another height and width, by bilinear interpolation between the centres of pixels, as PyTorch's
    /// `interpolate(mode="bilinear", align_corners=False)`. Values that sum to 1 over channels still do
    /// so in the result.
    ///
    /// # Errors
    /// [`Error::NoPixels`] if a side is or would be zero, [`Error::Length`] if there are not as many values as
    /// the shape says, [`Error::NoMemory`] if the result does not fit into memory.
    pub fn resize_bilinear(&self, height: usize, width: usize) -> Result<Self> {
        let [n, h, w, c] = self.shape;
        if [h, w, height, width].contains(&0) {
            let side = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            let (width, height) = if h * w == 0 { (w, h) } else { (width, height) };
            return Err(Error::NoPixels { name: "the tensor".to_owned(), width: side(width), height: side(height) });
        }
        let want = [n, h, w, c].iter().fold(1usize, |n, side| n.saturating_mul(*side));
        if self.data.len() != want {
            let shape = format!("{n}×{h}×{w}×{c}");
            return Err(Error::Length { what: "the tensor", shape, want: want as u64, got: self.data.len() });
        }
        let mut data = Vec::new();
        let len = [n, height, width, c].iter().fold(1usize, |n, side| n.saturating_mul(*side));
        data.try_reserve_exact(len).map_err(|_| Error::NoMemory { bytes: 4 * len as u64 })?;
        let (rows, columns) = (taps(h, height), taps(w, width));
        for (sample, row) in (0..n).flat_map(|sample| rows.iter().map(move |row| (sample, row))) {
            let line = |y: usize| &self.data[(sample * h + y) * w * c..][..w * c];
            let (above, below) = (line(row.first), line(row.second));
            for column in &columns {
                for channel in 0..c {
                    let [left, right] = [column.first, column.second].map(|x| x * c + channel);
                    let [top, bottom] = [above, below].map(|line| mix(line[left], line[right], column.share));
                    data.push(mix(top, bottom, row.share));
                }
            }
        }
        Ok(Self { shape: [n, height, width, c], data })
    }
}

fn mix(a: f32, b: f32, share: f32) -> f32 {
    a * (1.0 - share) + b * share
}

/// For each of `to` pixels of the result, its weights of the `from` pixels of the source.
fn taps(from: usize, to: usize) -> Vec<Tap> {
    let tap = |i: usize| {
        let at = ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).clamp(0.0, (from - 1) as f64);
        let first = at as usize;
        Tap { first, second: (first + 1).min(from - 1), share: (at - first as f64) as f32 }
    };
    (0..to).map(tap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_between_centres_of_pixels() {
        let tensor = ImageTensor { shape: [1, 1, 2, 1], data: vec![0.0, 4.0] };
        assert_eq!(tensor.resize_bilinear(1, 4).unwrap().data, [0.0, 1.0, 3.0, 4.0]);
        assert_eq!(tensor.resize_bilinear(2, 1).unwrap().data, [2.0, 2.0]);
        assert_eq!(tensor.resize_bilinear(1, 2).unwrap(), tensor);
        let column = ImageTensor { shape: [1, 3, 1, 1], data: vec![0.0, 3.0, 9.0] };
        assert_eq!(column.resize_bilinear(6, 1).unwrap().data, [0.0, 0.75, 2.25, 4.5, 7.5, 9.0]);
    }

    #[test]
    fn samples_and_channels_stay_apart() {
        let data: Vec<f32> = (0..2 * 2 * 2 * 3).map(|i| (i * i % 7) as f32).collect();
        let both = ImageTensor { shape: [2, 2, 2, 3], data: data.clone() };
        let resized = both.resize_bilinear(5, 3).unwrap();
        assert_eq!(resized.shape, [2, 5, 3, 3]);
        for sample in 0..2 {
            for channel in 0..3 {
                let one = |data: &[f32], len: usize| data[sample * len..][..len].to_vec();
                let plane = |data: Vec<f32>| data.iter().skip(channel).step_by(3).copied().collect::<Vec<f32>>();
                let alone = ImageTensor { shape: [1, 2, 2, 1], data: plane(one(&data, 12)) };
                let wanted = alone.resize_bilinear(5, 3).unwrap().data;
                assert_eq!(plane(one(&resized.data, 45)), wanted, "sample {sample}, channel {channel}");
            }
        }
    }

    #[test]
    fn impossible_sizes_are_errors() {
        let tensor = ImageTensor { shape: [1, 1, 2, 1], data: vec![0.0, 4.0] };
        let error = tensor.resize_bilinear(0, 4).unwrap_err().to_string();
        assert_eq!(error, "the tensor: the picture is 4×0 and has no pixels");
        let error = tensor.resize_bilinear(1 << 40, 1 << 20).unwrap_err().to_string();
        assert!(error.starts_with("there is no memory for a tensor of"), "{error}");
        for got in [7, 47, 49] {
            let other = ImageTensor { shape: [1, 4, 4, 3], data: vec![0.0; got] };
            let error = other.resize_bilinear(8, 8).unwrap_err().to_string();
            assert_eq!(error, format!("the tensor of shape 1×4×4×3 needs 48 values, got {got}"));
        }
    }
}
