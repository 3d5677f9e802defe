//! Runs plans on a WebGPU adapter: devices, pipelines, parameters and sessions.
//!
//! A [`Device`] is one opened adapter. [`Parameters`] are a network's weights in its memory. A [`Session`] is a graph planned
//! for one set of input shapes, with all buffers, pipelines and bind groups made once; a run is one upload, one compute pass, one
//! submit and one readback. A [`SessionCache`] keeps sessions for several input shapes of one network.
//!
//! A [`TrainingSession`] changes the parameters: a step computes the loss, the gradients and the update in one submit.
//! [`Device::compile`] compiles a graph for either kind of session.
//!
//! This is the only crate that uses wgpu, which it exports for programs that [share a device](Device::from_wgpu). It executes an
//! [`atrous_kernels::Plan`] and does not depend on networks.

mod adapter;
mod adapters;
mod allocate;
mod avoided;
mod buffer;
mod cache;
mod choice;
mod command;
mod compile;
mod cooperative;
mod cooperative_proof;
mod counters;
mod custom;
mod data;
mod device;
mod disk_cache;
mod download;
mod error;
mod executable;
mod finite;
mod flight;
mod from_wgpu;
mod handle;
mod hang;
mod interop;
mod interop_kernels;
mod many;
mod open;
mod options;
mod parallel;
mod parameters;
mod pipelines;
mod pixels;
mod profile;
mod readback;
#[cfg(not(target_arch = "wasm32"))]
#[doc(hidden)]
pub mod readers;
mod reopen;
mod run;
mod sealed;
mod session;
mod slots;
mod snapshot;
mod take_pixels;
mod timer;
mod totals;
mod training;
mod tune;
mod tuned;
mod wait;
mod watchers;
mod whole_file;

pub use adapter::{AdapterInfo, AdapterKind};
pub use adapters::adapters;
#[cfg(not(target_arch = "wasm32"))]
pub use adapters::adapters_blocking;
pub use atrous_kernels::optim::StepOptions;
pub use atrous_kernels::{Compiled, Purpose};
pub use cache::{BuildCompiled, BuildGraph, SessionCache};
pub use choice::AdapterChoice;
pub use counters::Counters;
pub use data::{Data, InputData, Output, Outputs};
pub use device::Device;
pub use error::{GpuError, InputError};
pub use flight::Flight;
pub use interop::{BufferLayout, DeviceInput, OutputBuffer, Overlay, Picture};
pub use many::Runs;
pub use options::{DeviceOptions, LimitsChoice, PipelineCache, Tuning};
pub use parameters::Parameters;
pub use profile::{NodeProfile, Profile, Roofline};
pub use session::Session;
pub use snapshot::ParameterSnapshot;
pub use training::{LOSS_SCALE, LOSS_SCALE_COUNTS, StepResult, TrainingSession};
pub use tune::{Excluded, TuneReport, TunedShape};
pub use wgpu;
