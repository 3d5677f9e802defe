//! Measuring which kernels are fastest on an adapter.

mod print;
#[cfg(not(target_arch = "wasm32"))]
mod search;
#[cfg(not(target_arch = "wasm32"))]
mod trial;
#[cfg(not(target_arch = "wasm32"))]
mod work;

use std::time::Duration;

use atrous_kernels::{Choice, Operation};

/// The result of a search for the fastest kernels. Its `Display` is a table.
#[derive(Clone, Debug, PartialEq)]
pub struct TuneReport {
    /// The adapter's name.
    pub adapter: String,
    /// The time that the search was given.
    pub budget: Duration,
    /// The time that the search took. It may exceed the budget by the measurement that was under way at its end.
    pub spent: Duration,
    /// The operations that were considered, in decreasing order of predicted time.
    pub shapes: Vec<TunedShape>,
}

/// What was found for one operation.
#[derive(Clone, Debug, PartialEq)]
pub struct TunedShape {
    /// The operation, with the types of its tensors.
    pub operation: Operation,
    /// Number of the plan's steps that compute the operation.
    pub uses: usize,
    /// Their share of the plan's predicted time.
    pub share: f64,
    /// The choice without tuning.
    pub default: Choice,
    /// The choice after the search.
    pub chosen: Choice,
    /// Times of the default and of the chosen kernel, if this search measured them.
    pub times: Option<[Duration; 2]>,
    /// Number of candidates that were tried, by this search and earlier ones.
    pub tried: usize,
    /// Number of candidates of the operation.
    pub candidates: usize,
    /// Candidates with wrong results.
    pub excluded: Vec<Excluded>,
    /// Why nothing was measured; `None` if something was.
    pub skipped: Option<&'static str>,
}

/// A candidate whose result differs from that of the reference kernel, due to a bug of atrous or of the driver.
#[derive(Clone, Debug, PartialEq)]
pub struct Excluded {
    /// The variant and tile that were tried.
    pub choice: Choice,
    /// How its result differs.
    pub reason: String,
}
