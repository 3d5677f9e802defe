//! The batches of one epoch, made ahead of their use.

use super::batch::Batch;
use super::error::{DataError, Result};
use super::reader::Reader;
use std::any::Any;
use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

/// The batches of an epoch in their order, made by [`Loader::epoch`](super::Loader::epoch). Dropping it stops its threads.
pub struct Epoch {
    work: Arc<Work>,
    threads: Vec<JoinHandle<()>>,
    /// Batches that were not returned yet.
    rest: Range<usize>,
    /// An error that the next call returns instead of a batch.
    failure: Option<DataError>,
    /// Whether the epoch started at its first batch and has returned no batch yet.
    nothing_yet: bool,
}

/// A batch, `None` if all of its samples were skipped, or an error.
type Made = Result<Option<Batch>>;

/// The state that the threads share.
struct Work {
    reader: Reader,
    order: Vec<usize>,
    epoch: u64,
    queue: Mutex<Queue>,
    changed: Condvar,
}

/// The batches that are waiting, being made, or made.
struct Queue {
    /// Batches that no thread has started.
    waiting: Range<usize>,
    /// Batches below this number may be started.
    limit: usize,
    /// Batches that are made and not taken.
    made: BTreeMap<usize, Made>,
}

impl Epoch {
    pub(crate) fn start(reader: Reader, epoch: u64, first: usize) -> Epoch {
        let (batches, options) = (reader.batches(), reader.options);
        let rest = first..batches;
        let queue = Queue { waiting: rest.clone(), limit: first.saturating_add(options.ahead), made: BTreeMap::new() };
        let order = reader.order(epoch);
        let work = Work { reader, order, epoch, queue: Mutex::new(queue), changed: Condvar::new() };
        let failure = (first > batches).then_some(DataError::NoSuchBatch { first, batches });
        let nothing_yet = first == 0;
        let mut this = Epoch { work: Arc::new(work), threads: Vec::new(), rest, failure, nothing_yet };
        for _ in 0..options.threads.min(this.rest.len()) {
            let work = this.work.clone();
            match thread::Builder::new().name("atrous-data".to_owned()).spawn(move || work.run()) {
                Ok(thread) => this.threads.push(thread),
                Err(source) => {
                    this.failure = Some(DataError::Threads { threads: options.threads, source });
                    break;
                }
            }
        }
        this
    }

    fn fetch(&self, batch: usize) -> Made {
        match self.threads.is_empty() {
            true => self.work.make(batch),
            false => self.work.wait_for(batch),
        }
    }

    fn all_broken(&self) -> DataError {
        let skipped = self.work.reader.skipped();
        let first = skipped.first().map(|skipped| skipped.reason.clone()).unwrap_or_default();
        DataError::AllBroken { samples: skipped.len(), first }
    }
}

impl Iterator for Epoch {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        if let Some(failure) = self.failure.take() {
            self.rest = 0..0;
            return Some(Err(failure));
        }
        while let Some(batch) = self.rest.next() {
            match self.fetch(batch) {
                Ok(None) if self.nothing_yet && self.rest.is_empty() => return Some(Err(self.all_broken())),
                Ok(None) => {}
                Ok(Some(batch)) => {
                    self.nothing_yet = false;
                    return Some(Ok(batch));
                }
                Err(error) => {
                    self.rest = 0..0;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

impl Drop for Epoch {
    fn drop(&mut self) {
        self.work.lock().waiting = 0..0;
        self.work.changed.notify_all();
        for thread in self.threads.drain(..) {
            // Panics of a dataset are caught, so the thread itself does not panic.
            let _ = thread.join();
        }
    }
}

impl Work {
    /// Makes a batch. A panic of the dataset is an error like others, so that it ends the epoch and nothing else.
    fn make(&self, batch: usize) -> Made {
        let made = catch_unwind(AssertUnwindSafe(|| self.reader.read_batch(&self.order, self.epoch, batch)));
        made.unwrap_or_else(|panic| Err(DataError::Panic { batch, message: message(&*panic) }))
    }

    /// Makes one batch after another until none is left.
    fn run(&self) {
        while let Some(batch) = self.claim() {
            let made = self.make(batch);
            self.lock().made.insert(batch, made);
            self.changed.notify_all();
        }
    }

    /// The next batch to make; waits until it is below the limit. `None` if all batches are taken.
    fn claim(&self) -> Option<usize> {
        let full = |queue: &mut Queue| !queue.waiting.is_empty() && queue.waiting.start >= queue.limit;
        self.changed.wait_while(self.lock(), full).expect(UNPOISONED).waiting.next()
    }

    fn wait_for(&self, batch: usize) -> Made {
        let absent = |queue: &mut Queue| !queue.made.contains_key(&batch);
        let mut queue = self.changed.wait_while(self.lock(), absent).expect(UNPOISONED);
        queue.limit += 1;
        let made = queue.made.remove(&batch);
        drop(queue);
        self.changed.notify_all();
        made.expect("the wait ends with the batch made")
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect(UNPOISONED)
    }
}

/// The text of a panic.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}

/// Nothing that can panic runs while the queue is locked.
const UNPOISONED: &str = "no thread panics with the lock";
