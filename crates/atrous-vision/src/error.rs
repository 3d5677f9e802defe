//! Errors of pictures, tensors and labels.

use std::io;
use std::path::Path;

/// Result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of an [`Error`], returned by [`Error::kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The input is invalid: a picture, size or value that no program can process.
    Invalid,
    /// The input may be sound, but this crate does not handle it.
    Unsupported,
    /// The operating system refused to read or write a file.
    Io,
}

/// An input that cannot be processed. Sizes are `width×height` in pixels.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file does not exist.
    #[error("{path}: no such file")]
    FileMissing { path: String },
    /// Reading or writing failed.
    #[error("{path}: cannot {action}: {source}")]
    Io {
        path: String,
        /// What was tried, as a verb.
        action: &'static str,
        source: io::Error,
    },
    /// The output path names something that must not be replaced by a file, such as a folder or a device.
    #[error("{path}: is not a regular file, so it cannot be replaced by one")]
    NotAFile { path: String },
    /// A picture is written as PNG, but the name of its file is not that of a PNG.
    #[error("{path}: pictures are written as PNG, so the name must end in .png")]
    NotPngName { path: String },
    /// The content has no known image format, or the file is empty.
    #[error("{name}: not a picture: its content matches no known image format")]
    NotAPicture { name: String },
    /// An image format other than JPEG, PNG and WebP.
    #[error("{name}: {format} pictures are not supported: use JPEG, PNG or WebP")]
    UnsupportedFormat { name: String, format: String },
    /// A variant of JPEG, PNG or WebP that the decoder does not know.
    #[error("{name}: unsupported kind of {format} picture: {feature}")]
    UnsupportedFeature { name: String, format: &'static str, feature: String },
    /// The file stops before the picture does.
    #[error("{name}: truncated {format} picture: it ends after {bytes} bytes, before its last pixel")]
    Truncated { name: String, format: &'static str, bytes: usize },
    /// The content is damaged: it violates its format.
    #[error("{name}: damaged {format} picture: {source}")]
    Damaged { name: String, format: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
    /// Width or height is zero.
    #[error("{name}: the picture is {width}×{height} and has no pixels")]
    NoPixels { name: String, width: u32, height: u32 },
    /// A side is longer than [`Limits::max_side`](crate::Limits::max_side).
    #[error("{name}: the picture is {width}×{height}, but its sides are limited to {max_side} pixels")]
    SideTooLarge { name: String, width: u32, height: u32, max_side: u32 },
    /// The file or the decoded picture is larger than [`Limits::max_bytes`](crate::Limits::max_bytes).
    #[error("{name}: the {what} takes {bytes} bytes or more, the limit is {max_bytes}")]
    TooManyBytes {
        name: String,
        /// `file`, `metadata` or `decoded picture`.
        what: &'static str,
        bytes: u64,
        max_bytes: u64,
    },

    /// A size that a picture cannot be resized or padded to.
    #[error("{action} from {}×{} to {}×{}: {reason}", from.0, from.1, to.0, to.1)]
    ImpossibleSize { action: &'static str, from: (u32, u32), to: (u64, u64), reason: String },
    /// Padding to a multiple of zero.
    #[error("pad to multiple: the multiple must be at least 1, got 0")]
    ZeroMultiple,

    /// Preprocessing of no picture at all.
    #[error("preprocess: the batch is empty, it needs at least one picture")]
    EmptyBatch,
    /// One batch holds pictures of one size.
    #[error("preprocess: picture {index} of the batch is {}×{}, but the first is {}×{}", got.0, got.1, first.0, first.1)]
    BatchSizes { index: usize, first: (u32, u32), got: (u32, u32) },
    /// A mean, a standard deviation or a scale that leads to no finite tensor.
    #[error("preprocess {mode}: {constant} must be {must}, got {value}")]
    BadConstant { mode: &'static str, constant: String, must: &'static str, value: f64 },

    /// A tensor that does not fit into memory.
    #[error("there is no memory for a tensor of {bytes} bytes")]
    NoMemory { bytes: u64 },

    /// A buffer does not have the number of elements that its shape asks for.
    #[error("{what} of shape {shape} needs {want} values, got {got}")]
    Length { what: &'static str, shape: String, want: u64, got: usize },
    /// A class map holds one byte a pixel.
    #[error("argmax: logits have {classes} classes, a class map holds 1 to 256")]
    ClassCount { classes: usize },
    /// A value that is NaN, or whose softmax is not finite.
    #[error("{what}: value {index} is {value}")]
    NotFinite { what: &'static str, index: usize, value: f32 },
    /// Picture and class map of different sizes.
    #[error("overlay: the picture is {}×{}, the class map {}×{}", picture.0, picture.1, classes.0, classes.1)]
    OverlaySizes { picture: (u32, u32), classes: (u32, u32) },
    /// Opacity outside 0..=1.
    #[error("overlay: alpha must lie between 0 and 1, got {alpha}")]
    BadAlpha { alpha: f32 },
    /// A number of best classes that is zero or exceeds the number of classes.
    #[error("top k: k must lie between 1 and the {classes} classes, got {k}")]
    BadK { k: usize, classes: usize },

    /// A labels file that does not fit the network.
    #[error("{name}: {labels} labels for a network of {classes} classes")]
    LabelCount { name: String, labels: usize, classes: usize },
    /// An empty line between labels.
    #[error("{name}: line {line} is empty, every class needs a label")]
    BlankLabel { name: String, line: usize },
    /// A labels file that is not text.
    #[error("{name}: not UTF-8 text, at byte {at}")]
    NotText { name: String, at: usize },
    /// The PNG encoder refused.
    #[error("cannot encode a {width}×{height} PNG: {reason}")]
    Encode { width: u32, height: u32, reason: String },
}

impl Error {
    /// The error of reading this file.
    pub(crate) fn reading(path: &Path, source: io::Error) -> Self {
        let path = atrous_files::shown(path);
        match source.kind() {
            io::ErrorKind::NotFound => Error::FileMissing { path },
            _ => Error::Io { path, action: "read", source },
        }
    }

    /// Whether the input is invalid, merely unsupported, or could not be read or written.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::FileMissing { .. } | Error::Io { .. } | Error::NotAFile { .. } => ErrorKind::Io,
            Error::UnsupportedFormat { .. }
            | Error::UnsupportedFeature { .. }
            | Error::SideTooLarge { .. }
            | Error::TooManyBytes { .. }
            | Error::ClassCount { .. } => ErrorKind::Unsupported,
            _ => ErrorKind::Invalid,
        }
    }
}
