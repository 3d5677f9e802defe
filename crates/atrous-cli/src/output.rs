//! Text for standard output and standard error.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use atrous::Device;

/// Writes to standard output. A closed pipe (as of `| head`) is not an error.
pub(crate) fn print(text: &str) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            say(&format!("error: cannot write the result: {error}\n"));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Writes to standard error. Errors are ignored, so that the work continues if it is closed.
pub(crate) fn say(text: &str) {
    drop(io::stderr().write_all(text.as_bytes()));
}

/// Most characters of a line of a message.
const LINE: usize = 3000;

/// A whole message, whose control characters other than line ends are escaped: names in it may have any. They may also have any length, so
/// that the middle of a very long line is left out.
pub(crate) fn printable(message: &str) -> String {
    message.trim_end().lines().map(line).collect::<Vec<_>>().join("\n")
}

fn line(text: &str) -> String {
    let text = atrous_files::shown(text);
    let Some((begin, _)) = text.char_indices().nth(LINE / 2) else { return text };
    let end = text.char_indices().rev().nth(LINE / 2).map_or(0, |(at, _)| at);
    if end <= begin { text } else { format!("{} … {}", &text[..begin], &text[end..]) }
}

/// Reports on standard error that kernels are being compiled, since the first run waits for them.
pub(crate) fn announce_kernels(device: &Device) {
    // Drivers of software adapters keep what they compile by themselves, in the user's cache folder, if at all.
    let folder = device.options().pipeline_cache.folder().filter(|_| !device.info().software());
    let kept = folder
        .map_or_else(String::new, |folder| format!(" ({} keeps them for the next time)", atrous_files::shown(folder)));
    device.on_compile(move |kernels| {
        let s = if kernels == 1 { "" } else { "s" };
        say(&format!("Compiling up to {kernels} kernel{s}{kept} …\n"));
    });
}

/// A number of bytes with a unit: `256 B`, `16 KiB`, `1.5 GiB`.
pub(crate) struct Bytes(pub(crate) u64);

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
    use super::{Bytes, printable};

    #[test]
    fn messages_are_whole_and_printable() {
        assert_eq!(printable("a\u{1b}[2J\n  b\r\n\n"), "a\\u{1b}[2J\n  b");
        let long = format!("first {}\n{} last", "ä".repeat(2990), "b".repeat(100_000));
        let lines: Vec<String> = printable(&long).lines().map(str::to_owned).collect();
        assert_eq!(lines[0], format!("first {}", "ä".repeat(2990)));
        assert!(lines[1].starts_with("bbb") && lines[1].ends_with(" last") && lines[1].contains("b … b"));
        assert_eq!(lines[1].chars().count(), 3004);
    }

    #[test]
    fn bytes_get_their_unit() {
        let text = |n| Bytes(n).to_string();
        assert_eq!(text(0), "0 B");
        assert_eq!(text(16 << 10), "16 KiB");
        assert_eq!(text(3 << 29), "1.5 GiB");
    }
}
