//! Trains networks on a WebGPU adapter: losses, schedules, data, augmentation, metrics, checkpoints, and the trainer that puts them
//! together. The trainer is not available in browsers, since it blocks and writes files.

pub mod checkpoint;
pub mod curve;
pub mod data;
pub mod log;
pub mod loss;
pub mod metrics;
pub mod objective;

mod context;
mod early_stopping;
mod fingerprint;
mod option_error;
mod progress;
mod schedule;
pub mod step;
#[cfg(not(target_arch = "wasm32"))]
mod trainer;

pub use early_stopping::{EarlyStopping, EarlyStoppingError, Mode, Waiting};
pub use objective::{Loss, LossPart};
pub use option_error::OptionError;
pub use progress::{Progress, Show};
pub use schedule::{Schedule, ScheduleError};
pub use step::{Part, Train};
#[cfg(not(target_arch = "wasm32"))]
pub use trainer::{
    Figures, OnOom, Outcome, Reason, RunFolder, RunFolderError, TrainError, TrainOptions, Trainer, TrainerBuilder,
    Watch,
};
