//! `atrous doctor`.

use atrous::Result;

use crate::args::DoctorOptions;
use crate::output::say;

/// Examines the kernels of the adapter.
pub(crate) fn doctor(options: &DoctorOptions) -> Result<String> {
    let device = options.adapter.open()?;
    say(&format!("Examining {}\n", device.info()));
    let found = atrous::check::examine_blocking(&device, |_, _| {})?;
    Ok(format!("{found}\n"))
}
