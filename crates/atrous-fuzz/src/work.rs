//! Cases of one target in this process.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, io};

use anyhow::{Context, Result, bail};
use fastrand::Rng;
use tempfile::TempDir;

use crate::case::{self, Outcome};
use crate::report::Report;
use crate::target::Target;
use crate::targets;
use crate::{limits, warnings};

/// Size of the stack that readers get, as that of Rust's threads.
const STACK: usize = 2 << 20;

/// Options of one process.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The target.
    target: String,
    /// Seed of the changes.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Number of changed inputs.
    #[arg(long, default_value_t = u64::MAX)]
    cases: u64,
    /// Time after which no further case begins.
    #[arg(long, default_value_t = f64::MAX)]
    seconds: f64,
    /// Where the inputs of faults go.
    #[arg(long)]
    faults: PathBuf,
    /// A folder for this process alone, with the input of the case under way. Whoever starts it removes the folder.
    #[arg(long)]
    folder: PathBuf,
}

/// Name of the file with the input of the case under way: what is left of a process that has ended.
pub(crate) const LAST: &str = "last-input";

/// Runs the cases and prints a report. Whether there was no fault.
///
/// # Errors
/// If a seed is not accepted, and those of the system.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let target = targets::named(&options.target)?;
    fs::create_dir_all(&options.faults)?;
    let report = in_place(&options.folder, |folder| cases(target, options, folder))?;
    print!("{report}");
    Ok(report.faults.is_empty())
}

/// An empty folder in memory, where there is one: readers are tried, not the disk.
///
/// # Errors
/// Those of the system.
pub(crate) fn folder() -> io::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }
}

/// Calls `work` in a folder below this one, on a thread with the stack of Rust's threads, with panics, warnings and
/// time watched.
///
/// # Errors
/// Those of `work` and of the system.
pub(crate) fn in_place<T: Send>(top: &Path, work: impl FnOnce(&Path) -> Result<T> + Send) -> Result<T> {
    // What a reader finds above it is empty, too.
    let folder = top.join("a/b/here");
    fs::create_dir_all(&folder)?;
    std::env::set_current_dir(&folder)?;
    warnings::collect()?;
    case::collect_panics();
    limits::watch();
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || work(&folder))?;
        thread.join().unwrap_or_else(|_| bail!("this program panicked: {}", case::last_panic()))
    })
}

fn cases(target: &'static Target, options: &Options, folder: &Path) -> Result<Report> {
    let (seeds, start) = ((target.seeds)(), Instant::now());
    let limit = Duration::try_from_secs_f64(options.seconds).unwrap_or(Duration::MAX);
    let last = options.folder.join(LAST);
    for (i, seed) in seeds.iter().enumerate() {
        fs::write(&last, seed)?;
        match case::judge(target, &seeds, folder, seed, 1 + i as u64)? {
            Outcome::Accepted => {}
            outcome => bail!("seed {i} of {} is not accepted: {outcome:?}", target.name),
        }
    }
    let mut report = Report::default();
    for case in 0..options.cases {
        if start.elapsed() > limit {
            break;
        }
        let mut rng = Rng::with_seed(mixed(options.seed, case));
        let input = case::input(target, &seeds, &mut rng);
        fs::write(&last, &input).with_context(|| last.display().to_string())?;
        match case::judge(target, &seeds, folder, &input, 1 + seeds.len() as u64 + case)? {
            Outcome::Accepted => report.accepted += 1,
            Outcome::Refused(message) => report.refuse(message),
            Outcome::Fault(what) => {
                let file = options.faults.join(format!("{}-{}-{case}", target.name, options.seed));
                fs::write(&file, &input)?;
                report.faults.push((file.display().to_string(), what));
            }
        }
    }
    Ok(report)
}

/// The seed of a case.
fn mixed(seed: u64, case: u64) -> u64 {
    seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29) ^ case.wrapping_mul(0xBF58_476D_1CE4_E5B9)
}
