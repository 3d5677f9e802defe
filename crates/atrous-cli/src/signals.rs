//! Signals: what ends a training early, and what must not end the program.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::output::say;

/// Exit status of a program ended by Ctrl-C (SIGINT): 128 + 2.
pub(crate) const INTERRUPTED: u8 = 130;

/// A flag that becomes true at the first Ctrl-C, SIGTERM or SIGHUP. The second one ends the process at once. On Linux a signal that the program
/// was started to ignore, as by `nohup`, stays ignored.
pub(crate) fn watch_for_interrupts() -> io::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let seen = interrupted.clone();
    listen(move || {
        if seen.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED.into());
        }
        say("Interrupted: the step under way is finished and a checkpoint written. Once more to end at once.\n");
    })?;
    Ok(interrupted)
}

#[cfg(unix)]
fn listen(heard: impl Fn() + Send + 'static) -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

    let wanted = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal));
    let mut signals = signal_hook::iterator::Signals::new(wanted)?;
    std::thread::spawn(move || signals.forever().for_each(|_| heard()));
    Ok(())
}

#[cfg(not(unix))]
fn listen(heard: impl Fn() + Send + 'static) -> io::Result<()> {
    ctrlc::set_handler(heard).map_err(io::Error::other)
}

/// Whether the process ignores a signal, as far as the system tells without `unsafe` (Linux: `man 5 proc_pid_status`).
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    ignored.is_some_and(|ignored| ignored >> (signal - 1) & 1 == 1)
}

/// Lets a write beyond the limit of a file's size (`ulimit -f`) fail, in place of ending the program by SIGXFSZ.
pub(crate) fn survive_full_files() {
    // The flag is never looked at: with any handler the write returns EFBIG. Without one the program still works below the limit.
    #[cfg(unix)]
    drop(signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default()));
}
