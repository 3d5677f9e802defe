//! Measuring which kernels are fastest on an adapter.

mod print;
#[cfg(not(target_arch = "wasm32"))]
mod search;
mod store;
#[cfg(not(target_arch = "wasm32"))]
mod trial;
#[cfg(not(target_arch = "wasm32"))]
mod work;

use std::time::Duration;

use atrous_kernels::{Choice, Operation};

pub(crate) use store::Tuned;

/// What a search for the fastest kernels did. Its text is a table.
#[derive(Clone, Debug, PartialEq)]
pub struct TuneReport {
    /// The adapter's name.
    pub adapter: String,
    /// The time that the search was given, and what it took.
    pub budget: Duration,
    /// The time that it took: more than the budget only by what had begun.
    pub spent: Duration,
    /// The operations that were looked at, those of most predicted time first.
    pub shapes: Vec<TunedShape>,
}

/// What was found for one operation.
#[derive(Clone, Debug, PartialEq)]
pub struct TunedShape {
    /// The operation, with the types of its tensors.
    pub operation: Operation,
    /// Steps of the plan that compute it.
    pub uses: usize,
    /// Their share of the plan's predicted time.
    pub share: f64,
    /// What serves without tuning.
    pub default: Choice,
    /// The choice that serves after the search.
    pub chosen: Choice,
    /// Times of the default and of what was chosen, if they were measured by this search.
    pub times: Option<[Duration; 2]>,
    /// How many candidates were tried, by this search and those before.
    pub tried: usize,
    /// How many candidates the operation has.
    pub candidates: usize,
    /// Candidates that are wrong.
    pub excluded: Vec<Excluded>,
    /// Why nothing was measured; none if something was.
    pub skipped: Option<&'static str>,
}

/// A candidate whose result is not that of the reference kernel: a bug of atrous or of the driver.
#[derive(Clone, Debug, PartialEq)]
pub struct Excluded {
    /// The variant and tile that were tried.
    pub choice: Choice,
    /// How its result differs.
    pub reason: String,
}
