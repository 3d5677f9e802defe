//! The fastest kernels for a network.

use std::time::Duration;

use atrous_gpu::TuneReport;
use atrous_graph::Shape;

use super::Predictor;
use crate::Result;

impl Predictor {
    /// The time that a search is usually given.
    pub const TUNE: Duration = Duration::from_secs(2);

    /// Measures which kernels are fastest for `n` images of `h` by `w` pixels on this device, within a budget of time
    /// ([`Self::TUNE`]). Runs that follow use what was found, and so do later programs on the same adapter and driver; a device
    /// opened with [`Tuning::Off`](atrous_gpu::Tuning::Off) refuses. See [`Device::tune`](crate::Device::tune).
    ///
    /// Results may change within the tolerance of a sum that is rounded in another order.
    ///
    /// # Errors
    /// [`Error::Gpu`](crate::Error::Gpu) if tuning is off, the network cannot be built or planned at this size, or a kernel fails.
    pub async fn tune(&mut self, [n, h, w]: [usize; 3], budget: Duration) -> Result<TuneReport> {
        let shape = self.begin_tuning([n, h, w]);
        Ok(self.answers().tune(shape, budget).await?)
    }

    /// [`Self::tune`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::tune`].
    pub fn tune_blocking(&mut self, [n, h, w]: [usize; 3], budget: Duration) -> Result<TuneReport> {
        let shape = self.begin_tuning([n, h, w]);
        Ok(self.answers().tune_blocking(shape, budget)?)
    }

    /// Drops the sessions, which would go on with the old kernels.
    fn begin_tuning(&mut self, [n, h, w]: [usize; 3]) -> Shape {
        self.sessions.clear();
        self.features = None;
        Shape::new(n, h, w, self.info.in_channels)
    }
}
