//! Going on after the device was lost.

use atrous_gpu::{Device, GpuError};

use super::Predictor;
use crate::{Error, Result};

/// Losses in a row after which a call fails.
const LOSSES: u32 = 3;

impl Predictor {
    /// Whether a call has to run again, since the device was lost and is another now.
    ///
    /// # Errors
    /// Those of opening the device again and of [`Self::new`]; [`Error::WeightsChanged`].
    pub(super) async fn revives<T>(&mut self, ended: &Result<T>) -> Result<bool> {
        if !self.is_to_revive(ended) {
            return Ok(false);
        }
        match self.device.reopen().await {
            Err(GpuError::Given) => Ok(false),
            device => self.move_to(&device?),
        }
    }

    /// [`Self::revives`], for callers that may block: they wait for a driver that resets the adapter.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn revives_blocking<T>(&mut self, ended: &Result<T>) -> Result<bool> {
        if !self.is_to_revive(ended) {
            return Ok(false);
        }
        match self.device.reopen_blocking() {
            Err(GpuError::Given) => Ok(false),
            device => self.move_to(&device?),
        }
    }

    /// Runs, and runs again on a new device if the device was lost.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn surviving<T>(&mut self, run: impl Fn(&mut Self) -> Result<T>) -> Result<T> {
        loop {
            let ended = run(self);
            if !self.revives_blocking(&ended)? {
                return ended;
            }
        }
    }

    /// Counts losses in a row. The call after one that failed begins to count anew.
    fn is_to_revive<T>(&mut self, ended: &Result<T>) -> bool {
        let lost = matches!(ended, Err(Error::Gpu(GpuError::DeviceLost(_))));
        let goes_on = lost && self.losses < LOSSES;
        self.losses = if goes_on { self.losses + 1 } else { 0 };
        goes_on
    }

    /// Makes everything again on a new device. If that is lost, too, the next run meets it.
    fn move_to(&mut self, device: &Device) -> Result<bool> {
        match Self::on(device, self.recipe.clone(), &self.weights, self.size) {
            Ok(made) if made.checksum != self.checksum => Err(Error::WeightsChanged { model: self.name().to_owned() }),
            Ok(made) => {
                *self = Self { losses: self.losses, ..made };
                Ok(true)
            }
            Err(Error::Gpu(GpuError::DeviceLost(_))) => {
                self.device = device.clone();
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }
}
