//! Bytes of pictures to an input's numbers, before a graph runs.

use atrous_graph::TensorType;
use atrous_shaders::image::normalize;

use crate::kernel::{Bound, Kernel};
use crate::{Binding, Dispatch, PlanError, Slot, Target};

/// Bytes of a pixel.
pub const PIXEL_BYTES: usize = 3;

/// Pixels of a dispatch are a multiple of this, so that windows of bytes and of vec4s start aligned: at multiples of 3 · 256.
const STEP: usize = 256;

/// Plans the filling of an image of one or three channels from RGB bytes by `image/normalize`. `sources` tells for each
/// channel which byte of a pixel it looks at.
///
/// Slots: the bytes are input 0, the tables constant 0, 256 f32 for each channel. Large batches take several dispatches.
///
/// # Errors
/// [`PlanError::Limit`] if the image has more than three channels or its pixels do not fit the adapter's grids.
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
