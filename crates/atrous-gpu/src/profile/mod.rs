//! What every node of a graph costs on the device.

mod print;
mod recording;
mod roofline;
mod trace;

use std::time::Duration;

use crate::{GpuError, InputData, Session, StepOptions, TrainingSession};
use recording::Recording;

pub use roofline::Roofline;

/// Times of all nodes, measured on the device by timestamps between them.
///
/// Where the adapter writes timestamps inside of a compute pass, the pass is that of an ordinary run. Elsewhere every node is a
/// pass of its own, which costs a little more. The device may begin a node before the one before it has ended; what both
/// need is then counted with the first.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The adapter's name.
    pub adapter: String,
    /// Every node with dispatches, in the order of execution, and behind them the updates of a training step.
    pub nodes: Vec<NodeProfile>,
}

/// What one node cost.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeProfile {
    /// The node's name.
    pub name: String,
    /// Its operation's name.
    pub op: &'static str,
    /// The kernel variant that serves it.
    pub variant: &'static str,
    /// Number of dispatches.
    pub dispatches: usize,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Bytes read and written, each tensor once.
    pub bytes: u64,
    /// Begin and end in each run, counted from the begin of the first run.
    pub spans: Vec<[Duration; 2]>,
}

impl Profile {
    /// Number of runs.
    pub fn runs(&self) -> usize {
        self.nodes.first().map_or(0, |node| node.spans.len())
    }

    /// The median time from the begin of the first node to the end of the last.
    pub fn pass_time(&self) -> Duration {
        let (Some(first), Some(last)) = (self.nodes.first(), self.nodes.last()) else { return Duration::ZERO };
        median(first.spans.iter().zip(&last.spans).map(|(first, last)| last[1].saturating_sub(first[0])))
    }
}

impl NodeProfile {
    /// The median time.
    pub fn time(&self) -> Duration {
        median(self.spans.iter().map(|[begin, end]| end.saturating_sub(*begin)))
    }

    /// Two operations per multiply-accumulate, a second.
    pub fn gflops(&self) -> f64 {
        2e-9 * self.macs as f64 / self.seconds()
    }

    /// Bytes a second, in units of 10⁹.
    pub fn gbytes(&self) -> f64 {
        1e-9 * self.bytes as f64 / self.seconds()
    }

    /// Never zero: timestamps may be coarse.
    fn seconds(&self) -> f64 {
        self.time().as_secs_f64().max(1e-9)
    }
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

impl Session {
    /// Runs the graph `runs` times (at least once), after one run that is not counted, and measures every node. The inputs are
    /// uploaded once and no outputs are read.
    ///
    /// # Errors
    /// [`GpuError::NoTimestamps`] if the adapter has none, or the device was opened without them; those of [`Self::run`].
    pub async fn profile(&mut self, inputs: &[(&str, InputData<'_>)], runs: usize) -> Result<Profile, GpuError> {
        let (mut recording, by_pixels) = self.recording(inputs)?;
        for _ in 0..=runs.max(1) {
            recording.submit(self.device(), self.commands(by_pixels))?.await?;
            recording.read()?;
        }
        Ok(recording.finish(self.device()))
    }

    /// [`Self::profile`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::profile`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn profile_blocking(&mut self, inputs: &[(&str, InputData<'_>)], runs: usize) -> Result<Profile, GpuError> {
        let (mut recording, by_pixels) = self.recording(inputs)?;
        for _ in 0..=runs.max(1) {
            recording.submit(self.device(), self.commands(by_pixels))?.wait()?;
            recording.read()?;
        }
        Ok(recording.finish(self.device()))
    }

    fn recording(&mut self, inputs: &[(&str, InputData<'_>)]) -> Result<(Recording, bool), GpuError> {
        let by_pixels = self.upload(inputs)?;
        let pixels = self.pixels.iter().filter(|_| by_pixels).map(|pixels| pixels.profile());
        let nodes = pixels.chain(recording::steps(self.plan())).chain(recording::updates(self.plan(), false)).collect();
        Ok((Recording::new(self.device(), nodes)?, by_pixels))
    }
}

impl TrainingSession {
    /// Does the same step `runs` times (at least once), after one that is not counted, and measures every node and update.
    /// The parameters change each time, as by [`Self::step`].
    ///
    /// # Errors
    /// [`GpuError::NoTimestamps`] if the adapter has none, or the device was opened without them; those of [`Self::step`].
    pub async fn profile(
        &mut self,
        inputs: &[(&str, InputData<'_>)],
        options: StepOptions,
        runs: usize,
    ) -> Result<Profile, GpuError> {
        let mut recording = self.recording(inputs, &options)?;
        for _ in 0..=runs.max(1) {
            recording.submit(self.device(), self.commands(&options))?.await?;
            recording.read()?;
        }
        Ok(recording.finish(self.device()))
    }

    /// [`Self::profile`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::profile`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn profile_blocking(
        &mut self,
        inputs: &[(&str, InputData<'_>)],
        options: StepOptions,
        runs: usize,
    ) -> Result<Profile, GpuError> {
        let mut recording = self.recording(inputs, &options)?;
        for _ in 0..=runs.max(1) {
            recording.submit(self.device(), self.commands(&options))?.wait()?;
            recording.read()?;
        }
        Ok(recording.finish(self.device()))
    }

    fn recording(&mut self, inputs: &[(&str, InputData<'_>)], options: &StepOptions) -> Result<Recording, GpuError> {
        let mut nodes = recording::steps(self.plan());
        nodes.extend(recording::updates(self.plan(), options.update));
        let recording = Recording::new(self.device(), nodes)?;
        self.upload(inputs, options)?;
        Ok(recording)
    }
}
