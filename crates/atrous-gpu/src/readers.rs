//! For the tests of this repository: what is read from the folder for compiled kernels, without a device.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use atrous_kernels::Choices;

use crate::avoided::Avoided;
use crate::tuned::Tuned;
use crate::{AdapterInfo, DeviceOptions, disk_cache};

/// The variants that are not used on an adapter, with the reason of each. A warning names a file that cannot be used.
pub fn avoided(info: &AdapterInfo, options: &DeviceOptions) -> BTreeMap<&'static str, String> {
    Avoided::open(info, options).names().map_or_else(BTreeMap::new, |names| (*names).clone())
}

/// Writes the variants that are not used.
pub fn avoid(info: &AdapterInfo, options: &DeviceOptions, names: BTreeMap<&'static str, String>) {
    Avoided::open(info, options).replace(names);
}

/// The choices of tuning on an adapter. A warning names a file that cannot be used.
pub fn choices(info: &AdapterInfo, options: &DeviceOptions) -> Choices {
    Tuned::open(info, options).choices().map_or_else(Choices::default, Arc::unwrap_or_clone)
}

/// Adds choices of tuning to those in the file.
pub fn choose(info: &AdapterInfo, options: &DeviceOptions, found: Choices) {
    Tuned::open(info, options).add(found);
}

/// The compiled kernels in a file, as the driver would get them; `None` if there is no file.
///
/// # Errors
/// Why they cannot be used. The warning that says so names the file.
pub fn compiled(file: &Path) -> Result<Option<Vec<u8>>, String> {
    disk_cache::read(file)
}

/// Writes compiled kernels.
///
/// # Errors
/// Those of the system.
pub fn compile(file: &Path, data: &[u8]) -> std::io::Result<()> {
    disk_cache::write(file, data)
}
