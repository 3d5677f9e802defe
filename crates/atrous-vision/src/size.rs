//! Checks and positions for new sizes of pictures and class maps.

use crate::error::{Error, Result};

/// Most pixels a picture may have after resizing or padding: 16,384 squared.
const MAX_PIXELS: u64 = 16_384 * 16_384;

/// Refuses results without pixels or with more than [`MAX_PIXELS`]; the error has both sizes.
pub(crate) fn check_size(action: &'static str, from: (u32, u32), width: u64, height: u64) -> Result<()> {
    let reason = if from.0 == 0 || from.1 == 0 || width == 0 || height == 0 {
        "every side needs at least 1 pixel".to_owned()
    } else if width.saturating_mul(height) > MAX_PIXELS || width.max(height) > u64::from(u32::MAX) {
        format!("the result is limited to {MAX_PIXELS} pixels")
    } else {
        return Ok(());
    };
    Err(Error::ImpossibleSize { action, from, to: (width, height), reason })
}

/// Source position of every target position along one axis: `floor((i + 0.5) * from / to)`.
///
/// The positions are summed step by step in f64, as Pillow does, so that positions on the border between two
/// pixels are rounded in the same direction.
pub(crate) fn nearest_positions(from: u32, to: u32) -> Vec<u32> {
    let step = f64::from(from) / f64::from(to);
    let mut position = step * 0.5;
    let mut positions = Vec::with_capacity(to as usize);
    for _ in 0..to {
        positions.push((position as u32).min(from - 1));
        position += step;
    }
    positions
}
