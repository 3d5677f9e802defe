//! What a reader may take for one input.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of memory that every reader may take, beyond the budget of its target.
pub(crate) const MEMORY: usize = 256 << 20;

/// Time after which a reader counts as one that never ends. It decides nothing else.
pub(crate) const TIME: Duration = Duration::from_secs(60);

/// Exit status of a process whose reader did not end.
pub(crate) const HANGS: i32 = 97;

/// Seconds since the start at which the reader began, plus one; 0 if none is running.
static BEGAN: AtomicU64 = AtomicU64::new(0);

/// Starts the thread that ends this process when a reader does not end.
pub(crate) fn watch() {
    let start = Instant::now();
    thread::spawn(move || {
        let (mut running, mut since) = (0, Instant::now());
        loop {
            thread::sleep(Duration::from_millis(500));
            let now = BEGAN.load(Relaxed);
            if now != running {
                (running, since) = (now, Instant::now());
            }
            if now != 0 && since.elapsed() > TIME {
                eprintln!("a reader has not ended after {} s", start.elapsed().as_secs());
                std::process::exit(HANGS);
            }
        }
    });
}

/// Tells that the reader of a case, counted from 1, begins.
pub(crate) fn begin(case: u64) {
    BEGAN.store(case.max(1), Relaxed);
}

/// Tells that no reader is running.
pub(crate) fn end() {
    BEGAN.store(0, Relaxed);
}
