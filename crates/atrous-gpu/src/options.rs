//! How a device is opened.

use std::path::PathBuf;
use std::time::Duration;

use atrous_graph::passes::{PassOptions, Precision};

use crate::GpuError;

/// Which limits a device is opened with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LimitsChoice {
    /// All that the adapter has.
    #[default]
    Adapter,
    /// WebGPU's default limits, which every WebGPU device supports.
    WebGpuDefaults,
}

/// Where compiled kernels are kept for later programs, on backends that export them (Vulkan). A file that is damaged, or of another
/// driver, is ignored and replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PipelineCache {
    /// `atrous` in the user's folder for caches: `$XDG_CACHE_HOME` or `~/.cache`, `~/Library/Caches`, `%LOCALAPPDATA%`.
    #[default]
    User,
    /// A folder of the caller's choice; it is made if it does not exist.
    Folder(PathBuf),
    /// Nothing is kept.
    Off,
}

impl PipelineCache {
    /// The folder that kernels are kept in; `None` for [`PipelineCache::Off`], in browsers, and where the user has no folder for caches.
    pub fn folder(&self) -> Option<PathBuf> {
        let absolute = |variable| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        let in_home = |path| std::env::home_dir().map(|home| home.join(path));
        match self {
            Self::Off => None,
            _ if cfg!(target_arch = "wasm32") => None,
            Self::Folder(folder) => Some(folder.clone()),
            Self::User if cfg!(windows) => absolute("LOCALAPPDATA").map(|caches| caches.join("atrous")),
            Self::User if cfg!(target_vendor = "apple") => in_home("Library/Caches/atrous"),
            Self::User => absolute("XDG_CACHE_HOME").map(|caches| caches.join("atrous")).or(in_home(".cache/atrous")),
        }
    }
}

/// Whether plans use the kernels that tuning found to be fastest on the adapter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tuning {
    /// Plans use what [`Device::tune`](crate::Device::tune) found. It is kept beside the compiled kernels for later programs.
    #[default]
    On,
    /// Plans always use the default kernels, so that results do not depend on what was measured.
    Off,
}

/// How a device is opened. The default has no checks and all of the adapter's limits.
///
/// ```
/// use atrous_gpu::{AdapterChoice, Device, DeviceOptions, LimitsChoice};
///
/// # fn main() -> Result<(), atrous_gpu::GpuError> {
/// // The limits of every WebGPU device, and sessions of 2 GiB at most; all else as the environment has it.
/// let limits = LimitsChoice::WebGpuDefaults;
/// let options = DeviceOptions { limits, memory_budget: Some(2 << 30), ..DeviceOptions::from_env()? };
/// let device = Device::open_blocking(&AdapterChoice::from_env(), options)?;
/// assert_eq!(device.options().memory_budget, Some(2 << 30));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceOptions {
    /// For finding bugs, at the cost of speed: compile the kernels with bounds checks, bounded loops and zeroed workgroup memory, fill
    /// activations with NaN at the beginning, and fail if the padding of an output is not zero.
    pub checks: bool,
    /// For finding where values stop being finite, at the cost of speed and memory: every run of a [`Session`](crate::Session) returns the
    /// values of all nodes to the host, and fails with [`GpuError::NotFinite`] if there are NaN or infinities among them. Runs that are
    /// [encoded](crate::Session::encode) among other work are not looked at; trainings name the node without this option.
    pub finite: bool,
    /// Limits that the device is opened with: the adapter's, or those of every WebGPU device.
    pub limits: LimitsChoice,
    /// Most bytes of device memory for a session, parameters included; checked before anything is allocated. It may be changed later by
    /// [`Device::set_memory_budget`](crate::Device::set_memory_budget).
    pub memory_budget: Option<u64>,
    /// Longest time that a call waits for a run; then the run fails with [`GpuError::Timeout`], which names the node that does not end,
    /// and the device counts as lost. `None` is ten minutes on GPUs, whose drivers usually reset a device that hangs long before, and no limit
    /// on software adapters; [`Duration::MAX`] is no limit. Browsers have limits of their own.
    pub timeout: Option<Duration>,
    /// Measure the time of each run on the device, if the adapter supports it.
    pub timestamps: bool,
    /// Where compiled kernels, and the kernels that tuning chose, are kept for later programs.
    pub pipeline_cache: PipelineCache,
    /// Whether plans use the kernels that tuning chose.
    pub tuning: Tuning,
    /// The rewrites of a graph before it is planned. Rewrites that change parameters are done only for parameters that were uploaded by
    /// [`Parameters::upload_folded`](crate::Parameters::upload_folded).
    pub passes: PassOptions,
    /// How activations and filters are stored; in training, activations and their gradients, not parameters. For [`Precision::F16`] the
    /// adapter must have `SHADER_F16_IN_F32`, or it is not opened.
    pub precision: Precision,
    /// Compute convolutions with cooperative matrices (tensor cores, SIMD-group matrices), for tensors of a type that the adapter
    /// multiplies: f16, on few adapters f32; sums are f32. An adapter without usable matrices is not opened. Matrices that fail a test
    /// when the adapter is opened are not used, and a warning names them.
    pub cooperative: bool,
}

impl DeviceOptions {
    /// The defaults, changed by the environment: `ATROUS_CHECKS` and `ATROUS_FINITE` (`1` or `0`), `ATROUS_LIMITS` (`default` for those of
    /// WebGPU, or `adapter`), `ATROUS_CACHE_DIR` (a folder for compiled kernels; `off` or `0` for none), `ATROUS_PASSES`
    /// (`none`, `fuse` or `fold`), `ATROUS_PRECISION` (`f32` or `f16`), `ATROUS_COOPERATIVE` (`on` or `off`), `ATROUS_TUNE` (`on`
    /// or `off`) and `ATROUS_TIMEOUT` (seconds, or `off`).
    ///
    /// # Errors
    /// [`GpuError::Environment`] on any other value.
    pub fn from_env() -> Result<Self, GpuError> {
        let switch = |name| {
            variable(name, "1 or 0", |v| match v {
                "" | "0" => Some(false),
                "1" => Some(true),
                _ => None,
            })
        };
        let (checks, finite) = (switch("ATROUS_CHECKS")?, switch("ATROUS_FINITE")?);
        let limits = variable("ATROUS_LIMITS", "default or adapter", |v| match v {
            "default" => Some(LimitsChoice::WebGpuDefaults),
            "" | "adapter" => Some(LimitsChoice::Adapter),
            _ => None,
        })?;
        let pipeline_cache = match std::env::var_os("ATROUS_CACHE_DIR") {
            None => PipelineCache::User,
            Some(value) if value.is_empty() => PipelineCache::User,
            Some(value) if value == "0" || value == "off" => PipelineCache::Off,
            Some(folder) => PipelineCache::Folder(folder.into()),
        };
        let passes = variable("ATROUS_PASSES", "none, fuse or fold", |v| match v {
            "none" => Some(PassOptions::None),
            "fuse" => Some(PassOptions::Fuse),
            "" | "fold" => Some(PassOptions::Fold),
            _ => None,
        })?;
        let tuning = variable("ATROUS_TUNE", "on or off", |v| match v {
            "off" | "0" => Some(Tuning::Off),
            "" | "on" => Some(Tuning::On),
            _ => None,
        })?;
        let precision = variable("ATROUS_PRECISION", "f32 or f16", |v| match v {
            "" | "f32" => Some(Precision::F32),
            "f16" => Some(Precision::F16),
            _ => None,
        })?;
        let cooperative = variable("ATROUS_COOPERATIVE", "on or off", |v| match v {
            "" | "off" | "0" => Some(false),
            "on" | "1" => Some(true),
            _ => None,
        })?;
        let timeout = variable("ATROUS_TIMEOUT", "a number of seconds above 0, or off", |v| match v {
            "" => Some(None),
            "off" => Some(Some(Duration::MAX)),
            v => {
                let seconds = v.parse().ok().filter(|seconds| *seconds > 0.0);
                Some(Some(Duration::try_from_secs_f64(seconds?).ok()?))
            }
        })?;
        let chosen = Self { checks, finite, limits, pipeline_cache, passes, precision, cooperative, ..Self::default() };
        Ok(Self { tuning, timeout, ..chosen })
    }
}

fn variable<T>(
    variable: &'static str,
    expected: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, GpuError> {
    let value = std::env::var_os(variable).unwrap_or_default().to_string_lossy().into_owned();
    parse(&value).ok_or(GpuError::Environment { variable, value, expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meaningless_value_is_an_error_that_names_the_variable() {
        let error = variable("ATROUS_NOT_SET_ANYWHERE", "1", |v| (v == "1").then_some(()));
        assert_eq!(error.unwrap_err().to_string(), "ATROUS_NOT_SET_ANYWHERE=: expected 1");
    }
}
