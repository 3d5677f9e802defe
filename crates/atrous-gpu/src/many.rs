//! Runs over many items, two of them at a time.

use std::collections::VecDeque;

use crate::{Flight, GpuError, InputData, Outputs, Session};

/// Number of runs that are under way at once: while the device computes one, the next is prepared and uploaded.
const FLIGHTS: usize = 2;

/// The results of [`Session::run_many`], in the order of the items.
pub struct Runs<'s, I, F> {
    session: &'s mut Session,
    items: I,
    inputs: F,
    /// The runs under way, or their errors, in the order of the items; the first belongs to the next result.
    flights: VecDeque<Result<Flight, GpuError>>,
    /// Number of results taken.
    taken: usize,
}

impl Session {
    /// Runs the graph on every item, two at a time: the next item is prepared and uploaded while the device computes the one before it.
    /// `inputs` returns an item's inputs as [`Self::run`] takes them. Results are bit for bit those of single runs.
    pub fn run_many<T, I, F>(&mut self, items: I, inputs: F) -> Runs<'_, I::IntoIter, F>
    where
        I: IntoIterator<Item = T>,
        F: for<'t> FnMut(&'t T) -> Vec<(&'t str, InputData<'t>)>,
    {
        Runs { session: self, items: items.into_iter(), inputs, flights: VecDeque::new(), taken: 0 }
    }

    /// [`Self::run_many`] as an iterator, for callers that may block.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn run_many_blocking<T, I, F>(&mut self, items: I, inputs: F) -> impl Iterator<Item = Result<Outputs, GpuError>>
    where
        I: IntoIterator<Item = T>,
        F: for<'t> FnMut(&'t T) -> Vec<(&'t str, InputData<'t>)>,
    {
        let mut runs = self.run_many(items, inputs);
        std::iter::from_fn(move || runs.next_blocking())
    }
}

impl<T, I, F> Runs<'_, I, F>
where
    I: Iterator<Item = T>,
    F: for<'t> FnMut(&'t T) -> Vec<(&'t str, InputData<'t>)>,
{
    /// The next result; `None` after the last. An item that fails does not keep the others from running.
    ///
    /// # Errors
    /// [`GpuError::Item`] with the item's number and one of the errors of [`Session::run`].
    pub async fn next(&mut self) -> Option<Result<Outputs, GpuError>> {
        let outputs = match self.begin()? {
            Ok(flight) => self.session.finish(flight).await,
            Err(error) => Err(error),
        };
        Some(self.number(outputs))
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn next_blocking(&mut self) -> Option<Result<Outputs, GpuError>> {
        let outputs = self.begin()?.and_then(|flight| self.session.finish_blocking(flight));
        Some(self.number(outputs))
    }

    /// Begins runs until [`FLIGHTS`] are under way, and removes and returns the first.
    fn begin(&mut self) -> Option<Result<Flight, GpuError>> {
        while self.flights.len() < FLIGHTS {
            let Some(item) = self.items.next() else { break };
            let flight = self.session.begin(&(self.inputs)(&item));
            self.flights.push_back(flight);
        }
        self.flights.pop_front()
    }

    /// Counts a result; an error gets its item's index.
    fn number(&mut self, outputs: Result<Outputs, GpuError>) -> Result<Outputs, GpuError> {
        let index = self.taken;
        self.taken += 1;
        outputs.map_err(|source| GpuError::Item { index, source: Box::new(source) })
    }
}
