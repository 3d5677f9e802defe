//! What the example programs share: choosing a network and a device, comparing results with stored ones, and work on a device of
//! their own.

pub mod gpu_work;
mod network;
pub mod painting;
mod reference;

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use atrous::Device;
use atrous::vision::shown;
use clap::Parser;

pub use network::NetworkArgs;
pub use reference::{Comparison, Reference};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

#[cfg(doctest)]
#[doc = include_str!("../docs/your-training.md")]
mod your_training {}

#[cfg(doctest)]
#[doc = include_str!("../docs/your-network.md")]
mod your_network {}

#[cfg(doctest)]
#[doc = include_str!("../docs/your-kernel.md")]
mod your_kernel {}

/// What a program can fail with: anything that has a message.
pub type Failure = Box<dyn std::error::Error>;

/// The arguments of this process. If they are wrong, or ask for help, the process ends with a message. The first call of a program: no
/// other thread may have been started.
pub fn arguments<A: Parser>() -> A {
    if env::var_os("XDG_RUNTIME_DIR").is_none() {
        // Mesa's device-select layer asks the display server which GPU to list first, and prints warnings if there is none.
        // SAFETY: this is the only thread.
        unsafe { env::set_var("NODEVICE_SELECT", "1") };
    }
    A::try_parse().unwrap_or_else(|error| {
        // The message repeats arguments, which may have any characters: it is that of the arguments as they are shown.
        A::try_parse_from(env::args_os().map(shown)).err().unwrap_or(error).exit()
    })
}

/// Prints what a program has to say, or why it failed, and gives its exit status.
pub fn finish(result: Result<String, Failure>) -> ExitCode {
    let text = match result {
        Ok(text) => text,
        Err(error) => {
            say(&format!("error: {error}\n"));
            return ExitCode::FAILURE;
        }
    };
    match io::stdout().lock().write_all(text.as_bytes()) {
        // A reader that has seen enough, such as `head`, is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            say(&format!("error: cannot write the result: {error}\n"));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Writes to standard error. Nobody need read it: where it is closed the work goes on.
pub fn say(text: &str) {
    drop(io::stderr().write_all(text.as_bytes()));
}

/// Says which adapter a device is, and of kernels that it compiles them, which the first run waits for.
pub fn announce(device: &Device) {
    say(&format!("Adapter {}\n", device.info()));
    if device.info().software() {
        say("  No GPU: this adapter computes on the CPU, slowly.\n");
    }
    // Drivers of software adapters keep what they compile by themselves, if at all.
    let folder = device.options().pipeline_cache.folder().filter(|_| !device.info().software());
    let kept = folder.map_or_else(String::new, |folder| format!(" ({} keeps them for the next time)", shown(folder)));
    device.on_compile(move |kernels| {
        let s = if kernels == 1 { "" } else { "s" };
        say(&format!("Compiling up to {kernels} kernel{s}{kept} …\n"));
    });
}

/// Finds out before the work begins whether PNGs can be put there, each in a file of its own, and in place of none of the files
/// that are read.
///
/// # Errors
/// If the folder does not exist, the path is a folder, a pipe, a device, a file of another kind, one of `inputs`, or is named twice.
pub fn check_outputs(outputs: &[&Path], inputs: &[&Path]) -> Result<(), Failure> {
    let read: Vec<PathBuf> = inputs.iter().filter_map(|input| input.canonicalize().ok()).collect();
    let mut written = Vec::new();
    for path in outputs {
        let file = check_output(path)?;
        if read.contains(&file) {
            return Err(format!("{}: it is read, and would be overwritten", shown(path)).into());
        }
        if written.contains(&file) {
            return Err(format!("{}: two pictures cannot go into one file", shown(path)).into());
        }
        written.push(file);
    }
    Ok(())
}

/// Checks that a PNG can be put there; the file, wherever the path is seen from.
fn check_output(path: &Path) -> Result<PathBuf, Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() {
        return Err(format!("{}: cannot write a picture there: it is a folder", shown(path)).into());
    }
    if path.exists() && !path.is_file() {
        return Err(format!("{}: cannot write a picture there: it is a pipe or a device", shown(path)).into());
    }
    if !folder.is_dir() {
        return Err(format!("{}: cannot write: there is no folder {}", shown(path), shown(folder)).into());
    }
    if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
        return Err(format!("{}: pictures are written as PNG: the name must end in .png", shown(path)).into());
    }
    let file = path.canonicalize().or_else(|_| Ok(folder.canonicalize()?.join(path.file_name().unwrap_or_default())));
    file.map_err(|error: io::Error| format!("{}: {error}", shown(path)).into())
}
