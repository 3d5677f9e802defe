//! From a framework's order of elements into device memory.

use atrous_graph::TensorType;
use atrous_nn::StoredLayout;
use rayon::prelude::*;

/// Rows of the graph's tensor that one task writes. If the framework stores output channels outermost, this is also the number of
/// neighbouring elements that are read together.
const ROWS: usize = 8;

/// Writes a parameter into `device`, `ty.padded_len()` elements in device layout: element (a, b, i, o) is
/// `value(stored.stored_index(ty.shape, a, b, i, o))`, padding is zero. Parallel for large tensors.
///
/// # Panics
/// If `device` does not have `ty.padded_len()` elements: a bug of the caller.
pub(crate) fn write_device(
    stored: StoredLayout,
    ty: TensorType,
    device: &mut [f32],
    value: impl Fn(usize) -> f32 + Sync,
) {
    assert_eq!(device.len(), ty.padded_len(), "device length of {}", ty.shape);
    let (shape, padded) = (ty.shape, ty.padded());
    let width = padded.c;
    let block = |tap: usize, first: usize, out: &mut [f32]| {
        let (a, b) = (tap / shape.h, tap % shape.h);
        out.fill(0.0);
        let rows = (out.len() / width).min(shape.w.saturating_sub(first));
        let mut set = |row: usize, o: usize| {
            out[row * width + o] = value(stored.stored_index(shape, a, b, first + row, o));
        };
        if stored.is_graph_order() {
            (0..rows).for_each(|row| (0..shape.c).for_each(|o| set(row, o)));
        } else {
            (0..shape.c).for_each(|o| (0..rows).for_each(|row| set(row, o)));
        }
    };
    device.par_chunks_mut(padded.w * width).enumerate().for_each(|(tap, plane)| {
        plane.par_chunks_mut(ROWS * width).enumerate().for_each(|(i, out)| block(tap, i * ROWS, out));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use atrous_graph::{NodeId, Shape};
    use atrous_nn::init::Distribution;
    use atrous_nn::{ParameterKind, ParameterSpec};

    /// The framework's shape of a tensor that has `shape` in the graph.
    fn stored_shape(stored: StoredLayout, s: Shape) -> Vec<usize> {
        match stored {
            StoredLayout::Vector => vec![s.c],
            StoredLayout::Oihw | StoredLayout::Iohw => vec![s.c, s.w, s.n, s.h],
            StoredLayout::Oi => vec![s.c, s.w * s.n * s.h],
            StoredLayout::Hwio | StoredLayout::Hwoi => vec![s.n, s.h, s.w, s.c],
            StoredLayout::Hwim => vec![s.n, s.h, s.w * s.c, 1],
            StoredLayout::Io => vec![s.n * s.h * s.w, s.c],
        }
    }

    #[test]
    fn every_stored_layout_goes_to_the_device_and_back() {
        let filters =
            [Shape::new(3, 2, 5, 7), Shape::new(1, 1, 19, 6), Shape::new(4, 3, 1, 12), Shape::new(1, 1, 1, 1)];
        let all = [
            StoredLayout::Oihw,
            StoredLayout::Iohw,
            StoredLayout::Oi,
            StoredLayout::Hwio,
            StoredLayout::Hwim,
            StoredLayout::Hwoi,
            StoredLayout::Io,
        ];
        let mut cases: Vec<(StoredLayout, TensorType)> =
            all.iter().flat_map(|l| filters.map(|f| (*l, TensorType::filter(f)))).collect();
        cases.push((StoredLayout::Vector, TensorType::image(Shape::channels(13))));
        for (stored, ty) in cases {
            let values: Vec<f32> = (1..=ty.shape.len()).map(|v| v as f32).collect();
            let mut device = vec![f32::NAN; ty.padded_len()];
            write_device(stored, ty, &mut device, |i| values[i]);
            let spec = ParameterSpec {
                name: "w".to_owned(),
                node: NodeId(0),
                shape: stored_shape(stored, ty.shape),
                stored,
                kind: ParameterKind::Bias,
                trainable: true,
                init: Distribution::Constant(0.0),
            };
            let back = spec.to_stored_order(ty.shape, &ty.unpack(&device)).unwrap();
            assert_eq!(back, values, "{stored:?} {ty}");
            let zeros = device.iter().filter(|v| **v == 0.0).count();
            assert_eq!(zeros, ty.padded_len() - ty.shape.len(), "padding of {stored:?} {ty}");
        }
    }

    #[test]
    fn positions_in_each_framework_are_as_documented() {
        let shape = Shape::new(2, 3, 4, 5);
        let ty = TensorType::filter(shape);
        let at = |stored, a: usize, b: usize, i: usize, o: usize| {
            let mut device = vec![0.0; ty.padded_len()];
            write_device(stored, ty, &mut device, |i| i as f32);
            device[ty.padded().index(a, b, i, o)] as usize
        };
        // [out, in, kh, kw], [in, out, kh, kw] and a linear layer over a c×h×w map: the graph's last side is outermost.
        for stored in [StoredLayout::Oihw, StoredLayout::Iohw, StoredLayout::Oi] {
            assert_eq!(at(stored, 1, 2, 3, 4), ((4 * 4 + 3) * 2 + 1) * 3 + 2);
            assert_eq!(at(stored, 0, 1, 2, 3), ((3 * 4 + 2) * 2) * 3 + 1);
        }
        for stored in [StoredLayout::Hwio, StoredLayout::Hwoi, StoredLayout::Io, StoredLayout::Hwim] {
            assert_eq!(at(stored, 0, 1, 2, 3), (4 + 2) * 5 + 3);
        }
    }
}
