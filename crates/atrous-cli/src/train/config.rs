//! The configuration of a training, as in a TOML file.
//!
//! Defaults for keys that neither the file nor the flags give are in `defaults.toml`, those of optimizers in `optimizers.toml`. Other
//! tables with a `type` have their defaults at the fields.

use atrous::train::{Loss, OnOom, Part, Watch};
use serde::{Deserialize, Serialize};

use super::optimizer::Optimizer;
use super::path::FilePath;
use super::value_map::ValueMap;

/// A whole configuration. The TOML keys are the names of the fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// Name of a network of the zoo.
    pub(super) model: String,
    /// Safetensors file with the first weights.
    pub(super) weights: Option<FilePath>,
    /// Prefix of the network's parameter names that the file's names lack.
    pub(super) weights_prefix: Option<String>,
    /// Whether the weights' values may be NaN or infinite.
    pub(super) allow_non_finite: Option<bool>,
    /// Parts that are not trained.
    pub(super) freeze: Option<Vec<String>>,
    /// The first part that is trained.
    pub(super) unfreeze_from: Option<String>,
    pub(super) epochs: u64,
    pub(super) batch: usize,
    /// Height and width.
    pub(super) size: Option<[usize; 2]>,
    pub(super) framing: Framing,
    pub(super) ignore_label: Option<u32>,
    pub(super) on_broken: OnBroken,
    /// Of the training data.
    pub(super) drop_last: bool,
    pub(super) threads: Option<usize>,
    /// Megapixels.
    pub(super) max_picture: Option<f64>,
    pub(super) seed: u64,
    pub(super) maximize: bool,
    pub(super) clip_norm: Option<f64>,
    pub(super) accumulate: u64,
    pub(super) aux_weight: f32,
    /// `nothing`, `cheap` or `segments=N`.
    pub(super) recompute: String,
    /// Element type of activations and filters; if `None`, that of ATROUS_PRECISION.
    pub(super) precision: Option<Precision>,
    /// Bytes as text, such as `2GiB`.
    pub(super) memory_budget: Option<String>,
    pub(super) adapter: Option<String>,
    pub(super) validate_every: u64,
    pub(super) top_k: usize,
    pub(super) watch: Watch,
    pub(super) checkpoint_every: Option<u64>,
    /// 0 for none.
    pub(super) snapshot_every: u64,
    pub(super) on_oom: OnOom,
    /// Left out in the config.toml of a run folder.
    #[serde(skip_serializing)]
    pub(super) run_folder: Option<FilePath>,
    pub(super) data: Data,
    pub(super) loss: Loss,
    pub(super) optimizer: Optimizer,
    /// An [`atrous::train::Schedule`] as a table, in which `steps` may be missing.
    pub(super) schedule: toml::Table,
    pub(super) augment: Augment,
    pub(super) early_stopping: Option<EarlyStopping>,
    pub(super) parts: Option<Vec<Part>>,
}

/// The source of samples. `split` is the fraction that is held out for validation, 0 for none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Data {
    /// A folder of pictures for each class.
    ImageFolder { path: FilePath, validation: Option<FilePath>, split: Option<f64> },
    /// A folder of pictures and one of masks.
    MaskFolder {
        path: FilePath,
        masks: FilePath,
        classes: Vec<String>,
        validation: Option<FilePath>,
        validation_masks: Option<FilePath>,
        split: Option<f64>,
        mask_suffix: Option<String>,
        exif: Option<Exif>,
        map: Option<ValueMap>,
    },
    /// Pascal VOC.
    Voc { path: FilePath, split: Option<f64>, exif: Option<Exif>, map: Option<ValueMap> },
    /// MNIST and its relatives.
    Mnist { path: FilePath, split: Option<f64> },
    /// CIFAR-10, binary version.
    Cifar10 { path: FilePath, split: Option<f64> },
    /// The 8×8 digits that are part of atrous.
    Digits { split: Option<f64> },
    /// Generated pictures of shapes.
    Shapes {
        #[serde(default = "thousand")]
        samples: usize,
        split: Option<f64>,
    },
}

const fn thousand() -> usize {
    1000
}

/// Whether pictures are turned by their EXIF orientation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Exif {
    Apply,
    Raw,
}

/// Random changes of the training pictures, see [`atrous::train::data::Augment`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Augment {
    pub(super) horizontal_flip: f64,
    pub(super) vertical_flip: f64,
    pub(super) scale: [f64; 2],
    pub(super) rotation: f64,
    pub(super) crop: Crop,
    pub(super) padding: u32,
    pub(super) brightness: f64,
    pub(super) contrast: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Crop {
    Center,
    Random,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Framing {
    Cover,
    Stretch,
    Keep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Precision {
    F32,
    F16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum OnBroken {
    Skip,
    Refuse,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EarlyStopping {
    pub(super) patience: u32,
    #[serde(default)]
    pub(super) min_delta: f64,
}
