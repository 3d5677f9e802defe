//! Search for the fastest kernels of a network.

use std::time::Duration;

use atrous_gpu::TuneReport;
use atrous_graph::Shape;

use super::Predictor;
use crate::Result;

impl Predictor {
    /// The usual budget of time for a search.
    pub const TUNE: Duration = Duration::from_secs(2);

    /// Measures which kernels are fastest for `n` images of `h` by `w` pixels on this device, within a budget of time
    /// ([`Self::TUNE`]). Later runs use these kernels, also in other programs on the same adapter and driver. See
    /// [`Device::tune`](crate::Device::tune).
    ///
    /// Results may change by rounding, since other kernels sum in another order.
    ///
    /// # Errors
    /// [`Error::Gpu`](crate::Error::Gpu) if the device was opened with [`Tuning::Off`](atrous_gpu::Tuning::Off), the network cannot be
    /// built or planned at this size, or a kernel fails.
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

    /// Drops the sessions, which use the kernels chosen before.
    fn begin_tuning(&mut self, [n, h, w]: [usize; 3]) -> Shape {
        self.sessions.clear();
        self.features = None;
        Shape::new(n, h, w, self.info.in_channels)
    }
}
