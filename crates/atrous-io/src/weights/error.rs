//! Errors of weight files.

use std::{fmt, io, path::PathBuf};

use atrous_files::excerpt;
use safetensors::Dtype;

use super::values::BadValues;

/// Why weights could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", atrous_files::shown(path))]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file is damaged or of another format.
    #[error("{} is not a valid safetensors file: {problem}", atrous_files::shown(path))]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: FormatError,
    },
    /// There is no memory for the file.
    #[error("cannot read {}: there is no memory for its {len} bytes", atrous_files::shown(path))]
    Memory {
        /// The file.
        path: PathBuf,
        /// Size of the file.
        len: u64,
    },
    /// Values that no network computes with, see [`BadValues`].
    #[error("{weights}: {bad} (to take them as they are: `Weights::allow_non_finite` or `--allow-non-finite`)")]
    Values {
        /// The file, or the weights in other words.
        weights: String,
        /// The first parameter that has such values.
        bad: Box<BadValues>,
    },
    /// A tensor in memory has another number of values than its shape says, or a name is used twice.
    #[error(transparent)]
    Tensor(#[from] super::SaveError),
    /// The weights have no tensors of their own, such as random first values, so that no part of them can be taken.
    #[error("{weights} are no tensors of which some could be taken: take a file, bytes, tensors or a run folder")]
    NoTensors {
        /// The weights.
        weights: String,
    },
    /// The file holds weights of another network.
    #[error("{weights}: the weights do not fit {model}{}: {mismatch}", of_classes(*classes))]
    Mismatch {
        /// The file, or the weights in other words.
        weights: String,
        /// The model's name.
        model: String,
        /// If another number of classes explains all shapes that differ: the model's number, and that of the weights.
        classes: Option<[usize; 2]>,
        /// Everything that does not fit.
        mismatch: Box<Mismatch>,
    },
    /// The file has no weight that the model, or its part under a prefix, can use.
    #[error("{weights}: no weight{} fits {model}: {mismatch}", under(prefix))]
    NothingFits {
        /// The file, or the weights in other words.
        weights: String,
        /// The model's name.
        model: String,
        /// The prefix of the model's names.
        prefix: String,
        /// Everything that does not fit.
        mismatch: Box<Mismatch>,
    },
}

fn under(prefix: &str) -> String {
    if prefix.is_empty() { String::new() } else { format!(" under \"{prefix}\"") }
}

fn of_classes(classes: Option<[usize; 2]>) -> String {
    classes.map_or_else(String::new, |[needs, got]| {
        format!(
            ", which has {needs} classes, they are of {got} (take `with_classes({got})`, `PredictorOptions::classes` or `--classes {got}`; \
             to train other classes `Weights::partial`)"
        )
    })
}

/// How a file breaks the safetensors format. Sizes and positions are in bytes; positions count from the end of the header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The file is too short for the length of the header.
    #[error("it has {len} bytes, the length of the header alone takes 8")]
    TooShort {
        /// Size of the file.
        len: u64,
    },
    /// The header is longer than the limit.
    #[error("its header claims {len} bytes, at most {max} are accepted")]
    HeaderTooLarge {
        /// Claimed size.
        len: u64,
        /// Largest size accepted.
        max: u64,
    },
    /// The header does not fit into the file.
    #[error(
        "its header claims {len} bytes, the file has {available} after the header's length: it is truncated, or of another format"
    )]
    HeaderOutside {
        /// Claimed size.
        len: u64,
        /// Bytes behind the header's length.
        available: u64,
    },
    /// The header is not JSON of the expected form.
    #[error("its header is malformed: {}", excerpt(.0))]
    Header(String),
    /// A name appears twice.
    #[error("its header lists \"{}\" twice", excerpt(name))]
    Duplicate {
        /// The name.
        name: String,
    },
    /// An element type that is not part of the format.
    #[error("tensor \"{}\" has the unknown element type \"{}\"", excerpt(name), excerpt(dtype))]
    UnknownDtype {
        /// The tensor.
        name: String,
        /// The name of the element type, as the file has it.
        dtype: String,
    },
    /// A range that ends before it begins.
    #[error("tensor \"{}\" claims the bytes {begin}..{end}, which end before they begin", excerpt(name))]
    Reversed {
        /// The tensor.
        name: String,
        /// First byte.
        begin: u64,
        /// One past the last byte.
        end: u64,
    },
    /// Shape, element type and byte range disagree.
    #[error(
        "tensor \"{}\" of {} {dtype} needs {needs}, its range has {got} bytes",
        excerpt(name), excerpt(format!("{shape:?}"))
    )]
    Size {
        /// The tensor.
        name: String,
        /// Shape in the header.
        shape: Vec<u64>,
        /// Element type in the header.
        dtype: Dtype,
        /// Bytes that shape and element type need, as text: the number may be too large to represent.
        needs: String,
        /// Bytes of the claimed range.
        got: u64,
    },
    /// A range ends beyond the end of the file. If there are several, this is the one that ends last, since its end is the expected length
    /// of the file.
    #[error(
        "its header announces {end} bytes of tensors (\"{}\" is {begin}..{end}), the file has {available} behind the header: it is \
         truncated, or the header is wrong",
        excerpt(name)
    )]
    Outside {
        /// The tensor.
        name: String,
        /// First byte.
        begin: u64,
        /// One past the last byte.
        end: u64,
        /// Bytes behind the header.
        available: u64,
    },
    /// The bytes of the file are not those that were written.
    #[error(
        "its checksum is {found}, when it was written it was {}: it is damaged, or was changed by another program that kept its notes",
        excerpt(stated)
    )]
    Checksum {
        /// The checksum in the header.
        stated: String,
        /// The checksum of the bytes.
        found: String,
    },
    /// The header says that the file has a checksum, and there is none.
    #[error("its checksum is missing: it is damaged")]
    NoChecksum,
    /// Two tensors share bytes.
    #[error("tensors \"{}\" and \"{}\" overlap at byte {at}", excerpt(first), excerpt(second))]
    Overlap {
        /// The tensor that begins first.
        first: String,
        /// The tensor that begins second.
        second: String,
        /// First shared byte.
        at: u64,
    },
    /// Bytes that belong to no tensor.
    #[error("the bytes {begin}..{end} belong to no tensor")]
    Hole {
        /// First byte of the range.
        begin: u64,
        /// One past the last byte.
        end: u64,
    },
}

/// A tensor whose shape differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shapes {
    /// The tensor's name.
    pub name: String,
    /// Shape that the model needs.
    pub needs: Vec<usize>,
    /// Shape that the file has.
    pub got: Vec<usize>,
}

/// All differences between a file and a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// Parameters that the file lacks, in the model's order.
    pub missing: Vec<String>,
    /// Tensors that are neither parameters of the model nor listed as unused by it, in the file's order.
    pub unexpected: Vec<String>,
    /// Tensors of another shape.
    pub shapes: Vec<Shapes>,
    /// Tensors whose element type is neither F32 nor F16 nor BF16.
    pub dtypes: Vec<(String, Dtype)>,
}

impl Mismatch {
    /// Whether everything fits.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.shapes.is_empty() && self.dtypes.is_empty()
    }

    /// `needs`, which is the number of classes of the model, and the number of classes of the weights, if that number explains all shapes
    /// that differ.
    pub fn classes(&self, needs: usize) -> Option<[usize; 2]> {
        let sides = |s: &Shapes| {
            let differ = s.needs.iter().zip(&s.got).filter(|(needs, got)| needs != got).collect::<Vec<_>>();
            match differ[..] {
                [(n, got)] if *n == needs && s.needs.len() == s.got.len() => Some(*got),
                _ => None,
            }
        };
        let (first, rest) = self.shapes.split_first()?;
        let got = sides(first)?;
        rest.iter().all(|shape| sides(shape) == Some(got)).then_some([needs, got])
    }
}

impl fmt::Display for Mismatch {
    /// A line with the counts, then a line for each of the first tensors of every kind.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { missing, unexpected, shapes, dtypes } = self;
        let counts = [
            (missing.len(), "missing"),
            (unexpected.len(), "unexpected"),
            (shapes.len(), "of another shape"),
            (dtypes.len(), "of another element type"),
        ];
        let counts: Vec<String> =
            counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        f.write_str(&counts.join(", "))?;
        list(f, "missing", missing, Clone::clone)?;
        list(f, "unexpected", unexpected, |name| excerpt(name))?;
        list(f, "shape", shapes, |Shapes { name, needs, got }| {
            excerpt(format!("{name} needs {needs:?}, got {got:?}"))
        })?;
        list(f, "element type", dtypes, |(name, dtype)| excerpt(format!("{name} needs F32, F16 or BF16, got {dtype}")))
    }
}

/// Most tensors of a kind that are listed.
const LISTED: usize = 8;

fn list<T>(f: &mut fmt::Formatter<'_>, what: &str, all: &[T], text: impl Fn(&T) -> String) -> fmt::Result {
    for one in all.iter().take(LISTED) {
        write!(f, "\n  {what}: {}", text(one))?;
    }
    match all.len().saturating_sub(LISTED) {
        0 => Ok(()),
        more => write!(f, "\n  {what}: and {more} more"),
    }
}
