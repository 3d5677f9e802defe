//! Functions that are told of something.

use std::sync::{Arc, Mutex, PoisonError};

type Watcher<T> = Arc<dyn Fn(&T) + Send + Sync>;

/// Functions that are called with a value each time there is one.
pub(crate) struct Watchers<T>(Mutex<Vec<Watcher<T>>>);

impl<T> Default for Watchers<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Watchers<T> {
    pub(crate) fn add(&self, watcher: impl Fn(&T) + Send + Sync + 'static) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(watcher));
    }

    /// Adds those of others.
    pub(crate) fn follow(&self, others: &Self) {
        let others = others.all();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(others);
    }

    /// Calls all. They may add others, which are not called now.
    pub(crate) fn tell(&self, value: &T) {
        self.all().iter().for_each(|watcher| watcher(value));
    }

    fn all(&self) -> Vec<Watcher<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
