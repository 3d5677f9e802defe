//! A bound on the pictures that several threads read at the same time.

use super::dataset::Dataset;
use super::error::{DataError, Result};
use super::files::shown;
use atrous_vision::stated_size;
use std::sync::{Condvar, Mutex};

/// A number of pixels that the pictures being read may have together.
pub(crate) struct Budget {
    most: u64,
    free: Mutex<u64>,
    changed: Condvar,
}

/// Pixels of the budget that one sample uses until this is dropped.
pub(crate) struct Permit<'a> {
    budget: &'a Budget,
    pixels: u64,
}

impl Budget {
    pub(crate) fn new(most: u64) -> Self {
        Self { most, free: Mutex::new(most), changed: Condvar::new() }
    }

    /// Waits until the largest picture among a sample's files has room. A thread holds one permit at most, so all waits end.
    ///
    /// # Errors
    /// [`DataError::PictureTooLarge`] if it never has.
    pub(crate) fn sample(&self, dataset: &dyn Dataset, index: usize) -> Result<Permit<'_>> {
        let sizes = dataset.files(index).into_iter().filter_map(|path| Some((path, stated_size(path)?)));
        let pixels = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
        let Some((path, size)) = sizes.max_by_key(|(_, size)| pixels(*size)) else { return Ok(self.take(0)) };
        match pixels(size) <= self.most {
            true => Ok(self.take(pixels(size))),
            false => Err(DataError::PictureTooLarge { path: shown(path), size, most: self.most }),
        }
    }

    fn take(&self, pixels: u64) -> Permit<'_> {
        let free = self.free.lock().expect(UNPOISONED);
        let mut free = self.changed.wait_while(free, |free| *free < pixels).expect(UNPOISONED);
        *free -= pixels;
        Permit { budget: self, pixels }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.budget.free.lock().expect(UNPOISONED) += self.pixels;
        self.budget.changed.notify_all();
    }
}

/// Nothing that can panic runs while the number is locked.
const UNPOISONED: &str = "no thread panics with the lock";

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

    #[test]
    fn pixels_in_use_never_exceed_the_budget() {
        let (budget, used) = (Budget::new(100), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for pixels in [100, 60, 50, 40, 1, 0, 99, 30] {
                let (budget, used) = (&budget, &used);
                scope.spawn(move || {
                    for _ in 0..50 {
                        let _permit = budget.take(pixels);
                        assert!(used.fetch_add(pixels, SeqCst) + pixels <= 100);
                        std::thread::yield_now();
                        used.fetch_sub(pixels, SeqCst);
                    }
                });
            }
        });
        assert_eq!(*budget.free.lock().unwrap(), 100);
    }
}
