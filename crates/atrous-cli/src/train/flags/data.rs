//! The flags about data and how they are read.

use clap::Args;
use serde::Serialize;

use super::super::path::FilePath;
use super::super::value_map;
use crate::values::whole;

#[derive(Args, Serialize)]
#[command(next_help_heading = "Data")]
pub(super) struct DataFlags {
    /// Where pictures and labels come from; docs/training.md describes the layouts
    #[arg(long = "data", value_name = "KIND",
          value_parser = ["image-folder", "mask-folder", "voc", "mnist", "cifar10", "digits", "shapes"])]
    kind: Option<String>,
    /// Folder of the data; of mask-folder, that of the pictures. digits and shapes need none
    #[arg(long, value_name = "FOLDER")]
    path: Option<FilePath>,
    /// Folder of the masks (mask-folder)
    #[arg(long, value_name = "FOLDER")]
    masks: Option<FilePath>,
    /// Names of the classes 0, 1, … (mask-folder), with commas
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    classes: Option<Vec<String>>,
    /// Number of pictures (shapes) [default: 1000]
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    samples: Option<usize>,
    /// Fraction held out for validation, 0 for none; stays what it is with --resume [default: the data's own validation part, else 0.2]
    #[arg(long, value_name = "FRACTION", conflicts_with = "resume")]
    split: Option<f64>,
    /// Folder of the validation pictures (image-folder, mask-folder)
    #[arg(long, value_name = "FOLDER")]
    validation: Option<FilePath>,
    /// Folder of the validation masks (mask-folder)
    #[arg(long, value_name = "FOLDER")]
    validation_masks: Option<FilePath>,
    /// What the names of masks have behind those of their pictures (mask-folder) [default: nothing, or a usual suffix]
    #[arg(long, value_name = "SUFFIX")]
    mask_suffix: Option<String>,
    /// Read a value of masks as another class (mask-folder, voc), such as 255=1; can be repeated, and adds to the pairs of the file
    #[arg(long, value_name = "VALUE=CLASS", value_parser = value_map::pair)]
    #[serde(serialize_with = "value_map::flags")]
    map: Option<Vec<(u8, u8)>>,
    /// Turn pictures by their EXIF orientation, or use them as stored, as their masks were drawn (mask-folder, voc) [default: apply]
    #[arg(long, value_parser = ["apply", "raw"])]
    exif: Option<String>,
}

#[derive(Args, Serialize)]
pub(super) struct ReadingFlags {
    /// How pictures of another size are brought to the size [default: cover]
    #[arg(long, value_parser = ["cover", "stretch", "keep"])]
    framing: Option<String>,
    /// Label that is not learnt from [default: 255]
    #[arg(long, value_name = "LABEL")]
    ignore_label: Option<u32>,
    /// What to do with files that cannot be read [default: refuse]
    #[arg(long, value_parser = ["skip", "refuse"])]
    on_broken: Option<String>,
    /// Leave out the last batch of an epoch if it is not full
    #[arg(long, num_args = 0, default_missing_value = "true")]
    drop_last: Option<bool>,
    /// Threads that read and change pictures [default: one per core]
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    threads: Option<usize>,
    /// Most megapixels of a picture, and of all that the threads read at once; a megapixel takes up to 12 MB [default: 268.4]
    #[arg(long, value_name = "MEGAPIXELS")]
    max_picture: Option<f64>,
}
