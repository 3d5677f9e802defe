//! The `atrous` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // Mesa's device-select layer asks the display server which GPU to list first, and prints warnings if there is none.
        // SAFETY: this is the only thread.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
    atrous_cli::run()
}
