//! Cutting tensors into chunks, each of which one workgroup updates.

use std::ops::Range;

/// Most vec4s in a chunk. A workgroup processes it in 16 rounds.
const CHUNK: u64 = 1024;

/// The table of a tensor's chunks. An entry is a chunk's first vec4 and its number of vec4s, and the f32 bits of `lr`
/// and `decay`. `bytes` is the tensor's range in the flat buffer.
pub(crate) fn chunks(bytes: &Range<u64>, lr: f64, decay: f64) -> Vec<u32> {
    let (first, end) = (bytes.start / 16, bytes.end / 16);
    let chunk = |at: u64| [at as u32, CHUNK.min(end - at) as u32, (lr as f32).to_bits(), (decay as f32).to_bits()];
    (first..end).step_by(CHUNK as usize).flat_map(chunk).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_a_tensor_and_nothing_else() {
        let table = chunks(&(512..512 + 16 * 2500), 0.5, 0.25);
        let entries: Vec<[u32; 4]> = table.as_chunks::<4>().0.to_vec();
        let bits = [0.5f32.to_bits(), 0.25f32.to_bits()];
        let entry = |first, count| [first, count, bits[0], bits[1]];
        assert_eq!(entries, [entry(32, 1024), entry(1056, 1024), entry(2080, 452)]);
    }
}
