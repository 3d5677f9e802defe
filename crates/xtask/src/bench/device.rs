//! The device that workloads run on.

use anyhow::Result;
use atrous_gpu::{AdapterChoice, Device, DeviceOptions};

/// The device that the environment asks for, with nothing compiled on it yet.
pub(super) fn open() -> Result<Device> {
    Ok(Device::open_blocking(&AdapterChoice::from_env(), DeviceOptions::from_env()?)?)
}
