//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use atrous::graph::passes::{PassOptions, Precision};
use atrous::kernels::Plan;
use atrous::nn::zoo::BuildOptions;
use atrous::nn::{Mode, Model};
use atrous::{AdapterChoice, Device, DeviceOptions, Result, nn::zoo};
use clap::{Args as Group, Parser, Subcommand, ValueEnum};

use crate::train::Flags;
use crate::values::{count, seconds, size};

/// Convolutional vision networks on any GPU that WebGPU reaches.
#[derive(Parser)]
#[command(name = "atrous", version, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Args {
    /// The arguments of this process. If they are wrong, or ask for help, the process ends with a message.
    pub(crate) fn of_process() -> Self {
        Self::try_parse().unwrap_or_else(|error| {
            // The message repeats arguments, which may have any characters: it is that of the arguments as they are shown.
            let shown = Self::try_parse_from(std::env::args_os().map(atrous_files::shown));
            shown.err().unwrap_or(error).exit()
        })
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List the adapters of this machine with their limits and features
    Info(Adapter),
    /// Run every kernel that this adapter may use and compare it with the reference
    ///
    /// Takes seconds on a GPU. Kernels with wrong results are not used on this adapter and driver any more.
    Doctor(DoctorOptions),
    /// List the networks that can be built by name
    Models,
    /// Show a network's layers: operation, output shape, parameters and multiply-accumulates
    Summary(Network),
    /// Show how a network would run: kernels, dispatches, memory
    Plan(PlanOptions),
    /// Measure what every layer costs on the device
    Profile(ProfileOptions),
    /// Train a network on your pictures
    ///
    /// Everything can be said by flags, in a TOML file, or both. Ctrl-C ends the training with a checkpoint.
    #[command(
        arg_required_else_help = true,
        allow_negative_numbers = true,
        override_usage = "atrous train [CONFIG] [OPTIONS]\n       atrous train --resume FOLDER",
        after_help = EXAMPLES
    )]
    Train(Box<Flags>),
}

const EXAMPLES: &str = "Examples:
  atrous train --model small_unet --data shapes --epochs 5
  atrous train --model resnet18 --data image-folder --path flowers --weights resnet18.safetensors
  atrous train cells.toml --lr 0.0005
  atrous train --resume runs/small_unet-2026-01-31-235959";

/// Options of `atrous doctor`.
#[derive(Group)]
pub(crate) struct DoctorOptions {
    #[command(flatten)]
    pub(crate) adapter: Adapter,
    /// File for a report to send to those who maintain atrous
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}

/// Options that choose the adapter.
#[derive(Group)]
pub(crate) struct Adapter {
    /// Adapter to use: part of its name, its index, `software`, or `auto`
    #[arg(long, value_name = "WHICH", env = "ATROUS_ADAPTER", default_value = "auto")]
    adapter: String,
}

impl Adapter {
    /// Opens the adapter with the options of the environment variables.
    pub(crate) fn open(&self) -> Result<Device> {
        self.open_with(DeviceOptions::from_env()?)
    }

    /// Opens the adapter with these options.
    pub(crate) fn open_with(&self, options: DeviceOptions) -> Result<Device> {
        Ok(Device::open_blocking(&AdapterChoice::parse(&self.adapter), options)?)
    }
}

/// Arguments that choose the network and its sizes.
#[derive(Group)]
pub(crate) struct Network {
    /// Name of a network; `atrous models` lists them
    model: String,
    /// Height and width of the image, or one number for both [default: the network's own]
    #[arg(long, value_name = "HxW", value_parser = size)]
    size: Option<[usize; 2]>,
    /// Number of images in a batch
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = count)]
    batch: usize,
    /// Number of classes [default: the network's own]
    #[arg(long, value_name = "N", value_parser = count)]
    classes: Option<usize>,
}

impl Network {
    /// Builds the network for inference.
    pub(crate) fn build(&self) -> Result<Model> {
        self.build_for(Mode::Inference)
    }

    /// Builds the network for inference or training.
    pub(crate) fn build_for(&self, mode: Mode) -> Result<Model> {
        let [h, w] = match self.size {
            Some(size) => size,
            None => zoo::network(&self.model)?.info().size,
        };
        let input = Some((self.batch, h, w));
        let options = BuildOptions { input, classes: self.classes, in_channels: None, mode };
        Ok(zoo::build(&self.model, &options)?)
    }
}

/// The option to search for the fastest kernels first.
#[derive(Group)]
pub(crate) struct Tune {
    /// First measure which kernels are fastest on the adapter, for 2 seconds or as many as given, and use them from then on
    ///
    /// What is found is kept for all programs, beside the compiled kernels (ATROUS_CACHE_DIR); ATROUS_TUNE=off does without.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "2", value_parser = seconds)]
    tune: Option<Duration>,
}

impl Tune {
    /// Whether the search is wanted.
    pub(crate) fn is_wanted(&self) -> bool {
        self.tune.is_some()
    }

    /// Searches for the fastest kernels of a plan, if that is wanted, and returns a table of them.
    pub(crate) fn run(&self, device: &Device, plan: &Plan) -> Result<Option<String>> {
        let report = self.tune.map(|budget| device.tune_blocking(plan, budget)).transpose()?;
        Ok(report.map(|report| format!("{report}\n")))
    }
}

#[derive(Group)]
pub(crate) struct PlanOptions {
    #[command(flatten)]
    pub(crate) network: Network,
    #[command(flatten)]
    adapter: Adapter,
    #[command(flatten)]
    pub(crate) tune: Tune,
    /// Limits to plan within
    #[arg(long, value_enum, default_value_t = LimitsOf::Adapter, conflicts_with = "tune")]
    limits: LimitsOf,
    /// Plan the network as it stands, without folding and fusing
    #[arg(long)]
    no_passes: bool,
    /// Store activations and filters in f16
    #[arg(long)]
    f16: bool,
    /// Plan a training step (cross-entropy, SGD with momentum) instead of inference
    #[arg(long)]
    pub(crate) train: bool,
    /// Say below each layer why faster kernels declined, and below each pass where and why it declined
    #[arg(long, conflicts_with = "dot")]
    pub(crate) why: bool,
    /// Print the graph in Graphviz' DOT language instead
    #[arg(long)]
    pub(crate) dot: bool,
}

#[derive(Group)]
pub(crate) struct ProfileOptions {
    #[command(flatten)]
    pub(crate) network: Network,
    #[command(flatten)]
    pub(crate) adapter: Adapter,
    #[command(flatten)]
    pub(crate) tune: Tune,
    /// Number of measured runs; one unmeasured run comes first
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = count)]
    pub(crate) runs: usize,
    /// Write all runs to a file for ui.perfetto.dev or chrome://tracing
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// A training step (cross-entropy, SGD with momentum) instead of inference
    #[arg(long)]
    pub(crate) train: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LimitsOf {
    /// The limits of the adapter
    Adapter,
    /// The limits that every WebGPU device has; needs no adapter
    Webgpu,
}

impl PlanOptions {
    /// The passes that the graph goes through before it is planned.
    pub(crate) fn passes(&self) -> Result<PassOptions> {
        if self.no_passes { Ok(PassOptions::None) } else { Ok(DeviceOptions::from_env()?.passes) }
    }

    /// The element type of activations and filters.
    pub(crate) fn precision(&self) -> Result<Precision> {
        if self.f16 { Ok(Precision::F16) } else { Ok(DeviceOptions::from_env()?.precision) }
    }

    /// The device that the plan is made for; `None` if it is made for the limits of every WebGPU device.
    pub(crate) fn device(&self) -> Result<Option<Device>> {
        match self.limits {
            LimitsOf::Adapter => self.adapter.open().map(Some),
            LimitsOf::Webgpu => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }
}
