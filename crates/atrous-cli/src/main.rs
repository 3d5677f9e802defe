//! The `atrous` command: lists adapters, shows, plans and profiles networks of the zoo, and trains them.

mod args;
mod doctor;
mod info;
mod models;
mod output;
mod plan;
mod profile;
mod step;
mod summary;
mod train;
mod values;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use output::{print, printable, say};

fn main() -> ExitCode {
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // Mesa's device-select layer asks the display server which GPU to list first, and prints warnings if there is none.
        // SAFETY: this is the only thread.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
    let printed = match Args::parse().command {
        Command::Info(adapter) => info::info(&adapter),
        Command::Doctor(options) => return doctor::doctor(&options),
        Command::Models => Ok(models::table()),
        Command::Summary(network) => summary::summary(&network),
        Command::Plan(options) => plan::plan(&options),
        Command::Profile(options) => profile::profile(&options),
        Command::Train(flags) => return train::train(&flags),
    };
    match printed {
        Ok(text) => print(&text),
        Err(error) => {
            say(&format!("error: {}\n", printable(&error.to_string())));
            ExitCode::FAILURE
        }
    }
}
