//! `atrous doctor`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use atrous::check::{Diagnosis, examine_blocking};
use atrous::{Device, kernels};
use atrous_files::{follow, shown};

use crate::args::DoctorOptions;
use crate::output::{print, printable, say};

/// Examines the kernels of the adapter, and prints what was found; kernels that are wrong are a failure.
pub(crate) fn doctor(options: &DoctorOptions) -> ExitCode {
    match examine(options) {
        Ok((text, true)) => print(&text),
        Ok((text, false)) => {
            print(&text);
            ExitCode::FAILURE
        }
        Err(error) => {
            say(&format!("error: {}\n", printable(&error)));
            ExitCode::FAILURE
        }
    }
}

/// What was found, and whether all kernels are right. Variants with wrong results are not used on the adapter from then on; those that are
/// right again are.
fn examine(options: &DoctorOptions) -> Result<(String, bool), String> {
    let device = options.adapter.open().map_err(|error| error.to_string())?;
    let slow = if device.info().software() {
        "Its driver compiles every kernel, which may take minutes the first time.\n"
    } else {
        ""
    };
    say(&format!("Examining {}\n{slow}", device.info()));
    let found = examine_blocking(&device).map_err(|error| error.to_string())?;
    let mut text = format!("{found}\n");
    let avoided = found.replaceable();
    // Writing to a String cannot fail.
    if !avoided.is_empty() {
        let names: Vec<&str> = avoided.keys().copied().collect();
        let _ = writeln!(text, "Not used on this adapter and driver from now on: {}.", names.join(", "));
    }
    let left = found.faults.iter().filter(|fault| !avoided.contains_key(fault.choice.variant)).count();
    if left > 0 {
        let _ = writeln!(text, "No other kernel can take the place of {left} of them: do not rely on this adapter.");
    }
    device.avoid(avoided);
    if let Some(path) = &options.report {
        write_report(path, &device, &found).map_err(|error| format!("cannot write {}: {error}", shown(path)))?;
        let _ = writeln!(text, "Report: {}", shown(path));
    }
    Ok((text, found.faults.is_empty()))
}

/// Writes what those need to know who look for the fault.
fn write_report(path: &Path, device: &Device, found: &Diagnosis) -> std::io::Result<()> {
    let info = &found.adapter;
    let text = format!(
        "atrous {}, kernels {}\nadapter: {info}\nlimits: {:?}\nfeatures: {}\noptions: {:?}\n\n{found}\n",
        env!("CARGO_PKG_VERSION"),
        kernels::VERSION,
        info.limits,
        info.features.join(", "),
        device.options(),
    );
    atrous_files::write(follow(path), |file| file.write_all(text.as_bytes()))
}
