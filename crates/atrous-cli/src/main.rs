//! The `atrous` command: what the adapters can do, what the networks of the zoo look like, and training them.

mod args;
mod info;
mod models;
mod plan;
mod profile;
mod step;
mod summary;
mod train;

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use atrous::Device;
use clap::Parser;

use args::{Args, Command};

fn main() -> ExitCode {
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // Mesa asks the desktop which GPU to list first, and complains where there is no desktop.
        // SAFETY: this is the only thread.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
    let printed = match Args::parse().command {
        Command::Info(adapter) => info::info(&adapter),
        Command::Models => Ok(models::table()),
        Command::Summary(network) => summary::summary(&network),
        Command::Plan(options) => plan::plan(&options),
        Command::Profile(options) => profile::profile(&options),
        Command::Train(flags) => return train::train(&flags),
    };
    match printed {
        Ok(text) => print(&text),
        Err(error) => {
            say(&format!("error: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Writes to standard output. A reader that has seen enough, such as `head`, is no failure.
fn print(text: &str) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            say(&format!("error: cannot write the result: {error}\n"));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Writes to standard error. Nobody need read it: where it is closed the work goes on.
fn say(text: &str) {
    drop(io::stderr().write_all(text.as_bytes()));
}

/// Has standard error say that kernels are compiled, which a first run waits for.
fn announce_kernels(device: &Device) {
    let folder = device.options().pipeline_cache.folder();
    let kept = folder.map_or_else(String::new, |folder| format!(", but for those that {} has", folder.display()));
    device.on_compile(move |kernels| {
        let s = if kernels == 1 { "" } else { "s" };
        say(&format!("Compiling {kernels} kernel{s}{kept} …\n"));
    });
}

/// Bytes as a person reads them: `256 B`, `16 KiB`, `1.5 GiB`.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = ["B", "KiB", "MiB", "GiB", "TiB"];
        let power = (self.0.max(1).ilog2() / 10).min(4);
        let value = self.0 as f64 / 1024f64.powi(power as i32);
        let digits = if value.fract() == 0.0 { 0 } else { 1 };
        f.pad(&format!("{value:.digits$} {}", units[power as usize]))
    }
}

#[cfg(test)]
mod tests {
    use super::Bytes;

    #[test]
    fn bytes_get_their_unit() {
        let text = |n| Bytes(n).to_string();
        assert_eq!(text(0), "0 B");
        assert_eq!(text(16 << 10), "16 KiB");
        assert_eq!(text(3 << 29), "1.5 GiB");
    }
}
