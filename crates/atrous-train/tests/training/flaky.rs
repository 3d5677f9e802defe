//! Data of which a sample cannot be read after a while, as files that vanish.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use atrous_train::data::{DataError, Dataset, Loader, LoaderOptions, Sample, TargetSpec};

/// What happens to a sample that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Missing,
    Panic,
}

/// A dataset, read as it is so many times and then not at all.
pub(crate) struct Flaky {
    data: Arc<dyn Dataset>,
    left: AtomicUsize,
    fault: Fault,
}

/// The samples of a loader, which fail after `reads` of them were read.
pub(crate) fn failing_after(reads: usize, fault: Fault, loader: &Loader) -> Loader {
    of(Arc::new(Flaky { data: loader.dataset().clone(), left: AtomicUsize::new(reads), fault }), loader)
}

/// The samples of a loader, missing when the dataset is told so.
pub(crate) fn flaky(loader: &Loader) -> (Loader, Arc<Flaky>) {
    let left = AtomicUsize::new(usize::MAX);
    let flaky = Arc::new(Flaky { data: loader.dataset().clone(), left, fault: Fault::Missing });
    (of(flaky.clone(), loader), flaky)
}

fn of(flaky: Arc<Flaky>, loader: &Loader) -> Loader {
    Loader::new(flaky, LoaderOptions { threads: 0, ..*loader.options() }).unwrap()
}

impl Flaky {
    /// Fails after so many more reads.
    pub(crate) fn fail_after(&self, reads: usize) {
        self.left.store(reads, SeqCst);
    }
}

impl Dataset for Flaky {
    fn len(&self) -> usize {
        self.data.len()
    }

    fn get(&self, index: usize) -> Result<Sample, DataError> {
        if self.left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_err() {
            match self.fault {
                Fault::Missing => return Err(DataError::Missing { path: format!("sample {index}"), what: "file" }),
                Fault::Panic => panic!("sample {index}"),
            }
        }
        self.data.get(index)
    }

    fn targets(&self) -> Vec<TargetSpec> {
        self.data.targets()
    }

    fn class_names(&self) -> &[String] {
        self.data.class_names()
    }

    fn describe(&self, index: usize) -> String {
        self.data.describe(index)
    }

    fn identity(&self, index: usize) -> String {
        self.data.identity(index)
    }
}
