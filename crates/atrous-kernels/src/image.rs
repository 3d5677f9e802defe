//! Filling an input from the bytes of pictures, before a graph runs.

use atrous_graph::TensorType;
use atrous_shaders::image::normalize;

use crate::kernel::{Bound, Kernel};
use crate::{Binding, Dispatch, PlanError, Slot, Target};

/// Bytes of a pixel.
pub const PIXEL_BYTES: usize = 3;

/// The number of pixels of a dispatch is a multiple of this, so that windows of bytes and of vec4s begin at aligned
/// offsets, multiples of 3 · 256 and 16 · 256 bytes.
const STEP: usize = 256;

/// Plans the kernel `image/normalize`, which fills an image of one or three channels from RGB bytes. `sources` has for
/// each channel the index of the byte of a pixel that it is computed from.
///
/// Slots: input 0 is the bytes, constant 0 the tables, 256 f32 for each channel. Large batches take several dispatches.
///
/// # Errors
/// [`PlanError::Limit`] if `sources` does not have one byte for each of at most three channels, or the pixels exceed
/// the adapter's grids.
pub fn plan_normalize(ty: TensorType, sources: &[usize], target: &Target) -> Result<Vec<Dispatch>, PlanError> {
    let (shape, channels) = (ty.shape, sources.len());
    if shape.c != channels || channels > PIXEL_BYTES {
        return Err(PlanError::Limit { what: "channels made of pixels", needs: shape.c as u64, limit: 3 });
    }
    let limits = &target.limits;
    let (pixels, vec4) = (shape.n * shape.h * shape.w, 16);
    let step = STEP.max(limits.alignment as usize);
    let most = (limits.max_binding as usize / vec4 / step).max(1) * step;
    let part = |first: usize| {
        let count = most.min(pixels - first);
        let source = |c: usize| sources.get(c).copied().unwrap_or(0);
        let window = |slot, bytes_each: usize| {
            let size = ((count * bytes_each).next_multiple_of(4)) as u64;
            Bound::window(Binding { slot, offset: (first * bytes_each) as u64, size }, 0)
        };
        let call = normalize::call(
            normalize::Constants { count, channels, source: [0, 1, 2].map(source) },
            normalize::Bindings {
                pixels: window(Slot::Input(0), PIXEL_BYTES),
                table: Bound::window(Binding { slot: Slot::Constant(0), offset: 0, size: (channels * 1024) as u64 }, 0),
                y: window(Slot::Output, vec4),
            },
        );
        Kernel::from(call).invocations(count, target)
    };
    (0..pixels).step_by(most).map(part).collect()
}

#[cfg(test)]
mod tests {
    use atrous_graph::Shape;

    use super::*;
    use crate::Limits;

    #[test]
    fn large_batches_are_cut_at_aligned_bytes() {
        let limits = Limits { max_binding: 3 << 20, ..Limits::WEBGPU };
        let ty = TensorType::image(Shape::new(9, 211, 223, 3));
        let dispatches = plan_normalize(ty, &[2, 1, 0], &Target::new(limits, false)).unwrap();
        assert!(dispatches.len() > 2);
        let mut ends = [0, 0];
        for d in &dispatches {
            for (end, binding) in ends.iter_mut().zip([&d.bindings[0], &d.bindings[2]]) {
                assert_eq!((binding.offset, binding.offset % 256), (*end, 0));
                assert!(binding.size <= limits.max_binding);
                *end += binding.size;
            }
        }
        assert_eq!(ends, [(9 * 211 * 223 * 3_u64).next_multiple_of(4), ty.bytes()]);
        assert!(plan_normalize(ty, &[1], &Target::new(limits, false)).is_err());
    }
}
