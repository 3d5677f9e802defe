//! The structure of files: parts whose lengths and checksums are made right again after a change, so that what stands behind the
//! checks is reached.

mod folder;
mod gzip;
mod jpeg;
mod kept;
mod png;
mod structure;
mod tensors;
mod text;
mod webp;

pub(crate) use folder::{Entry, Folder, Kind, pack, unpack};
pub(crate) use gzip::{Gzip, gzip};
pub(crate) use jpeg::Jpeg;
pub(crate) use kept::Kept;
pub(crate) use png::Png;
pub(crate) use structure::Format;
pub(crate) use tensors::{Tensors, with_checksum};
pub(crate) use text::{Sealed, Text};
pub(crate) use webp::WebP;

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use crate::targets::TARGETS;

    /// What is split is what is joined again, but for compression, and seeds have more parts than one.
    #[test]
    fn unchanged_parts_make_an_input_that_is_read_as_before() {
        for target in TARGETS {
            for seed in (target.seeds)() {
                let mut rng = Rng::with_seed(1);
                let parts = target.format.split(&seed, &mut rng);
                let joined = target.format.join(&parts);
                let again = target.format.split(&joined, &mut Rng::with_seed(1));
                assert_eq!(again, parts, "{}", target.name);
            }
        }
    }
}
