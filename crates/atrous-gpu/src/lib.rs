//! Runs plans on a WebGPU adapter: devices, pipelines, parameters and sessions.
//!
//! A [`Device`] is one opened adapter. [`Parameters`] are a network's weights in its memory. A [`Session`] is a graph planned
//! for one set of input shapes, with all buffers, pipelines and bind groups made once; each run of it is one upload, one
//! compute pass, one submit and one readback. A [`SessionCache`] keeps sessions for several input shapes of one network.
//!
//! A [`TrainingSession`] changes the parameters: a step of it computes losses and gradients and updates, in one submit.
//! [`Device::compile`] makes of a graph what either runs.
//!
//! This is the only crate that knows wgpu, which it exports for programs that [share a device](Device::from_wgpu). It knows
//! nothing of networks: it executes an [`atrous_kernels::Plan`].

mod adapter;
mod allocate;
mod cache;
mod choice;
mod compile;
mod cooperative;
mod custom;
mod data;
mod device;
mod disk_cache;
mod download;
mod error;
mod executable;
mod flight;
mod from_wgpu;
mod interop;
mod many;
mod options;
mod parallel;
mod parameters;
mod pipelines;
mod pixels;
mod profile;
mod run;
mod session;
mod slots;
mod timer;
mod totals;
mod training;
mod tune;
mod wait;
mod whole_file;

#[cfg(not(target_arch = "wasm32"))]
pub use adapter::adapters_blocking;
pub use adapter::{AdapterInfo, AdapterKind, adapters};
pub use atrous_kernels::optim::StepOptions;
pub use atrous_kernels::{Compiled, Purpose};
pub use cache::{BuildCompiled, BuildGraph, SessionCache};
pub use choice::AdapterChoice;
pub use data::{Data, InputData, Output, Outputs};
pub use device::Device;
pub use error::{GpuError, InputError};
pub use flight::Flight;
pub use interop::{BufferLayout, DeviceInput, OutputBuffer, Overlay, Picture};
pub use many::Runs;
pub use options::{DeviceOptions, LimitsChoice, PipelineCache, Tuning};
pub use parameters::Parameters;
pub use profile::{NodeProfile, Profile, Roofline};
pub use run::Counters;
pub use session::Session;
pub use training::{LOSS_SCALE, LOSS_SCALE_COUNTS, StepResult, TrainingSession};
pub use tune::{Excluded, TuneReport, TunedShape};
pub use wgpu;
