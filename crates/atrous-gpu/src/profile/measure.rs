//! Sessions whose runs are timed node by node.

use super::recording::{self, Recording};
use super::times::Profile;
use crate::{GpuError, InputData, Session, StepOptions, TrainingSession};

impl Session {
    /// Runs the graph `runs` times (at least once), after one run that is not counted, and measures every node. The inputs are
    /// uploaded once, and no outputs are read.
    ///
    /// # Errors
    /// [`GpuError::NoTimestamps`] if the adapter has none, or the device was opened without them; those of [`Self::run`].
    pub async fn profile(&mut self, inputs: &[(&str, InputData<'_>)], runs: usize) -> Result<Profile, GpuError> {
        let (mut recording, by_pixels) = self.recording(inputs)?;
        for _ in 0..=runs.max(1) {
            recording.submit(self.device(), self.commands(by_pixels))?.await?;
            recording.read(self.device())?;
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
            recording.read(self.device())?;
        }
        Ok(recording.finish(self.device()))
    }

    fn recording(&mut self, inputs: &[(&str, InputData<'_>)]) -> Result<(Recording, bool), GpuError> {
        let by_pixels = self.upload(inputs)?;
        let pixels = self.pixels.iter().filter(|_| by_pixels).map(recording::pixels);
        let nodes = pixels.chain(recording::steps(self.plan())).chain(recording::updates(self.plan(), false)).collect();
        Ok((Recording::new(self.device(), nodes)?, by_pixels))
    }
}

impl TrainingSession {
    /// Repeats one step `runs` times (at least once), after one that is not counted, and measures every node and update.
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
            recording.read(self.device())?;
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
            recording.read(self.device())?;
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
