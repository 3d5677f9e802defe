//! The device that workloads run on.

use anyhow::Result;
use atrous_gpu::{AdapterChoice, Device, DeviceOptions};

/// Opens the device that the environment variables choose, with no kernels compiled yet.
pub(super) fn open() -> Result<Device> {
    Ok(Device::open_blocking(&AdapterChoice::from_env(), DeviceOptions::from_env()?)?)
}
