//! Trains networks on a WebGPU adapter: losses, optimizers, schedules, data, augmentation, metrics, checkpoints and the
//! trainer that puts them together.

pub mod checkpoint;
pub mod curve;
pub mod data;
pub mod log;
pub mod loss;
pub mod metrics;

mod early_stopping;
mod progress;
mod schedule;
mod trainer;
mod whole_file;

pub use early_stopping::{EarlyStopping, EarlyStoppingError, Mode, Waiting};
pub use progress::{Progress, Show};
pub use schedule::{Schedule, ScheduleError};
pub use trainer::{
    Figures, Loss, LossPart, OptionError, Outcome, Part, Reason, RunFolder, RunFolderError, TrainError, TrainOptions,
    Trainer, Watch,
};
