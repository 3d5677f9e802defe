//! Errors of training data.

use super::part_name::is_part;
use atrous_files::excerpt;
use atrous_vision::ErrorKind;
use std::io;

/// Result of the functions about data.
pub type Result<T, E = DataError> = std::result::Result<T, E>;

/// Why training data or an option cannot be used. Sizes are `width×height` in pixels.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file or folder does not exist, or is a folder instead of a file or the reverse.
    #[error("{path}: no such {what}")]
    Missing { path: String, what: &'static str },
    /// The system reported an error.
    #[error("{path}: cannot {action}: {source}")]
    Io { path: String, action: &'static str, source: io::Error },
    /// A picture that cannot be decoded, resized or normalised; its message names the file.
    #[error(transparent)]
    Picture(#[from] atrous_vision::Error),
    /// A mask file is not a valid PNG.
    #[error("{path}: not a readable PNG mask: {reason}")]
    DamagedMask { path: String, reason: String },
    /// A mask file is of a kind that does not hold class numbers.
    #[error("{path}: masks are PNG files of class numbers, with a palette or grey of 8 bits or less; this is {found}")]
    UnsupportedMask { path: String, found: String },
    /// The mask would be as large as its picture if the EXIF orientation were treated the other way.
    #[error(
        "{sample}: the mask is {}×{}, but its picture is {}×{}, {} its EXIF orientation {orientation}: it was drawn on the picture {}; \
         `--exif {remedy}` reads all pictures so; masks drawn in both ways do not go together",
        mask.0, mask.1, picture.0, picture.1, treated(remedy)[0], treated(remedy)[1]
    )]
    MaskTurned {
        sample: String,
        mask: (u32, u32),
        picture: (u32, u32),
        orientation: u8,
        /// `raw` or `apply`.
        remedy: &'static str,
    },
    /// A picture has more pixels than all pictures that are read at the same time may have.
    #[error(
        "{path}: the picture is {}×{} = {:.1} megapixels, but pictures are limited to {:.1} (max_picture)",
        size.0, size.1, megapixels(u64::from(size.0) * u64::from(size.1)), megapixels(*most)
    )]
    PictureTooLarge { path: String, size: (u32, u32), most: u64 },
    /// The mask is not as large as its picture.
    #[error("{sample}: the mask is {}×{}, but its picture is {}×{}", mask.0, mask.1, picture.0, picture.1)]
    MaskSize { sample: String, mask: (u32, u32), picture: (u32, u32) },
    /// A label is neither a class nor the ignore label.
    #[error("{sample}: label {label} is none of the {classes} classes, 0 to {}", last_label(*classes, *ignored))]
    LabelRange { sample: String, label: u32, classes: usize, ignored: Option<u32> },
    /// A sample has other targets than the dataset declares, such as a class instead of a mask.
    #[error("{sample}: the dataset promises {needs}; the sample has {got}")]
    WrongTarget { sample: String, needs: String, got: String },
    /// A target has invalid numbers or sizes.
    #[error("{sample}: target \"{target}\": {reason}")]
    TargetValue { sample: String, target: String, reason: String },
    /// The number of values does not fit the size of the picture.
    #[error(
        "a {width}×{height} picture of {channels} channels needs {want} values, got {got}; channels must be 1 or 3"
    )]
    PictureShape { width: u32, height: u32, channels: u32, want: u128, got: usize },
    /// The index of a sample is beyond the last one.
    #[error("sample {index} of a dataset of {len}")]
    Index { index: usize, len: usize },

    /// There are no samples.
    #[error("{name}: no samples: wanted {wanted}")]
    NoSamples { name: String, wanted: String },
    /// Of the samples that were held out before, none is left, or nothing else.
    #[error(
        "of the {known} pictures that were held out before, {found} are among these {samples}; there must be one or more, and others"
    )]
    HeldOut { known: usize, found: usize, samples: usize },
    /// A class has no pictures.
    #[error("{path}: the folder of class \"{class}\" holds no pictures (JPEG, PNG or WebP)")]
    EmptyClass { path: String, class: String },
    /// There are fewer than two classes.
    #[error("{name}: {}; training needs at least two", found_classes(class))]
    OneClass { name: String, class: Option<String> },
    /// Two classes have the same name.
    #[error("{name}: classes {first} and {second} are both called \"{class}\"; class names must be unique")]
    SameClass { name: String, class: String, first: usize, second: usize },
    /// The name of a class is empty or is no plain text of one line.
    #[error("{name}: the name of class {class} must be one line of text, got \"{}\"", excerpt(text))]
    ClassName { name: String, class: usize, text: String },
    /// A class folder is not in the list of classes.
    #[error("{path}: the folder is none of the {classes} classes: {}", excerpt(known))]
    UnknownClass { path: String, classes: usize, known: String },
    /// A picture has no mask, or a mask no picture.
    #[error("{path}: no {missing} named \"{stem}\" in {folder} ({others} more like it){}", suffix_hint(longer))]
    Unpaired {
        path: String,
        missing: &'static str,
        stem: String,
        folder: String,
        others: usize,
        /// What the name of a mask has behind the picture's.
        longer: Option<Box<str>>,
    },
    /// Pictures and masks are in one folder, and nothing tells them apart.
    #[error(
        "{path}: pictures and masks are in one folder; `--mask-suffix SUFFIX` gives what the names of masks end with"
    )]
    SameFolder { path: String },
    /// A symbolic link leads to no file.
    #[error("{path}: the link leads nowhere: there is no \"{target}\"")]
    DeadLink { path: String, target: String },
    /// Two files of a folder differ only in their extension.
    #[error("{first} and {second}: two files for one sample")]
    SameStem { first: String, second: String },
    /// A line of a list of samples is not a name.
    #[error(
        "{path}: line {line} should be the name of one picture, without folder and extension: \"{}\"",
        excerpt(text)
    )]
    ListLine { path: String, line: usize, text: String },

    /// The header of a file is not that of its format.
    #[error("{path}: {what}: wanted {want}, got {got}")]
    Header { path: String, what: &'static str, want: String, got: String },
    /// A file is too short or too long.
    #[error("{path}: wanted {want}, got {got} bytes")]
    FileSize { path: String, want: String, got: String },
    /// The samples of a file do not fit into the memory that they may take.
    #[error(
        "{path}: its samples take {bytes} bytes or more, the limit is {max_bytes}: use fewer, or a folder of pictures"
    )]
    TooManyBytes { path: String, bytes: u64, max_bytes: u64 },
    /// A file of pictures and a file of labels have different numbers of entries.
    #[error("{images} has {pictures} pictures, but {labels} has {count} labels")]
    Counts { images: String, pictures: u64, labels: String, count: u64 },

    /// An option is outside of its range.
    #[error("{option} must be {must}, got {got}")]
    Option { option: &'static str, must: String, got: String },
    /// A dataset without known classes cannot be split by class.
    #[error("{sample}: its class is not known without reading it, so the dataset cannot be split by class")]
    Unstratifiable { sample: String },
    /// An epoch cannot be resumed at a batch beyond its end.
    #[error("cannot start at batch {first} of an epoch of {batches} batches: the data or the batch size have changed")]
    NoSuchBatch { first: usize, batches: usize },
    /// All samples of an epoch were skipped as broken.
    #[error("all {samples} samples were skipped as broken; the first: {first}")]
    AllBroken { samples: usize, first: String },
    /// The dataset panicked while it read a sample of a batch.
    #[error("batch {batch}: the dataset panicked: {message}")]
    Panic { batch: usize, message: String },
    /// The system could not start a thread.
    #[error("cannot start {threads} threads for reading data: {source}")]
    Threads { threads: usize, source: io::Error },
}

impl DataError {
    /// Whether the input is invalid, merely unsupported, or could not be read.
    pub fn kind(&self) -> ErrorKind {
        match self {
            DataError::Picture(error) => error.kind(),
            DataError::Missing { .. }
            | DataError::DeadLink { .. }
            | DataError::Io { .. }
            | DataError::Threads { .. } => ErrorKind::Io,
            DataError::UnsupportedMask { .. }
            | DataError::Unstratifiable { .. }
            | DataError::PictureTooLarge { .. }
            | DataError::TooManyBytes { .. } => ErrorKind::Unsupported,
            _ => ErrorKind::Invalid,
        }
    }

    /// Whether one sample is broken, so that the others can be used without it. Labels out of range do not count, since they show that
    /// the list of classes is wrong.
    pub fn is_broken_sample(&self) -> bool {
        matches!(
            self,
            DataError::Missing { .. }
                | DataError::DeadLink { .. }
                | DataError::Io { .. }
                | DataError::Picture(_)
                | DataError::DamagedMask { .. }
                | DataError::UnsupportedMask { .. }
                | DataError::MaskSize { .. }
                | DataError::PictureTooLarge { .. }
                | DataError::MaskTurned { .. }
        )
    }
}

fn megapixels(pixels: u64) -> f64 {
    pixels as f64 / 1e6
}

fn last_label(classes: usize, ignored: Option<u32>) -> String {
    let last = classes.saturating_sub(1);
    ignored.map_or_else(|| last.to_string(), |label| format!("{last}, nor the ignored {label}"))
}

/// How the picture was read, and how the mask was drawn.
fn treated(remedy: &str) -> [&'static str; 2] {
    match remedy {
        "raw" => ["turned by", "as it is stored"],
        _ => ["as stored, without", "turned upright"],
    }
}

fn suffix_hint(longer: &Option<Box<str>>) -> String {
    longer.as_ref().map_or_else(String::new, |end| {
        format!("; there is one whose name ends with \"{end}\": if all do, `--mask-suffix {end}` pairs them")
    })
}

fn found_classes(class: &Option<String>) -> String {
    match class {
        Some(class) if is_part(class) => {
            format!(
                "only one class, \"{class}\"; if the folder of that name holds the classes, `--path` is that folder"
            )
        }
        Some(class) => format!("only one class, \"{class}\""),
        None => "no classes".to_owned(),
    }
}
