//! Opening an adapter again whose device was lost.

#[cfg(not(target_arch = "wasm32"))]
use std::time::Duration;

use crate::adapters::find_again;
use crate::{Device, GpuError};

/// The pauses between attempts: drivers need time to reset an adapter. Together a minute.
#[cfg(not(target_arch = "wasm32"))]
const PAUSES: [Duration; 8] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
    Duration::from_secs(30),
];

impl Device {
    /// Opens the same adapter once more, with the same options, budget, choices of tuning and variants to avoid, and with the functions
    /// that watch this device: plans for both are the same, and so are results, bit for bit. Parameters and sessions of a lost device
    /// are not brought back; predictors and trainings, which know how to make them again, call this themselves.
    ///
    /// # Errors
    /// [`GpuError::Given`] for a device of [`Device::from_wgpu`], [`GpuError::NoAdapter`] and [`GpuError::NoMatch`] if the adapter is gone
    /// or has another driver now, and those of [`Device::open`].
    pub async fn reopen(&self) -> Result<Self, GpuError> {
        let device = self.again().await?;
        device.successors().follow(self.successors());
        self.successors().tell(&device);
        Ok(device)
    }

    /// [`Self::reopen`], for a device that does not take the place of this one.
    pub(crate) async fn again(&self) -> Result<Self, GpuError> {
        if self.info().index.is_none() {
            return Err(GpuError::Given);
        }
        let (adapter, info) = find_again(self.info()).await?;
        let (device, _) = Self::open_adapter(&adapter, info, self.options().clone()).await?;
        if let Some(proven) = self.target().cooperative {
            device.use_cooperative(proven);
        }
        device.tuned().take_over(self.tuned());
        device.avoided().take_over(self.avoided());
        device.set_memory_budget(self.memory_budget());
        if let Some(watcher) = self.pipelines().watcher() {
            device.pipelines().watch(watcher);
        }
        Ok(device)
    }

    /// [`Self::reopen`], for callers that may block. While the adapter is missing or gives no device, as during a reset by its
    /// driver, tries again after pauses from a quarter of a second to half a minute, for a minute in all.
    ///
    /// # Errors
    /// As [`Self::reopen`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn reopen_blocking(&self) -> Result<Self, GpuError> {
        patiently(|| pollster::block_on(self.reopen()), std::thread::sleep)
    }

    /// Adds a function that is called with the device that takes the place of this one, and of later ones, when it is opened
    /// again after a loss: a program that shares the device with a training or a predictor goes on with the new one.
    pub fn on_reopen(&self, tell: impl Fn(&Self) + Send + Sync + 'static) {
        self.successors().add(tell);
    }
}

/// Tries until it succeeds, or fails with what does not pass by waiting.
#[cfg(not(target_arch = "wasm32"))]
fn patiently<T>(mut open: impl FnMut() -> Result<T, GpuError>, mut pause: impl FnMut(Duration)) -> Result<T, GpuError> {
    for length in PAUSES {
        match open() {
            Err(error) if may_pass(&error) => {
                tracing::warn!(%error, "the device cannot be opened again yet");
                pause(length);
            }
            ended => return ended,
        }
    }
    open()
}

/// Whether an error at opening may be gone after a while.
#[cfg(not(target_arch = "wasm32"))]
fn may_pass(error: &GpuError) -> bool {
    use GpuError::{DeviceLost, NoAdapter, NoMatch, OutOfMemory, RequestDevice};
    matches!(error, NoAdapter { .. } | NoMatch { .. } | RequestDevice { .. } | DeviceLost(_) | OutOfMemory(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_is_waited_for_and_other_errors_are_not() {
        let mut pauses = Vec::new();
        let mut left = 3;
        let reset = || {
            left -= 1;
            if left > 0 { Err(GpuError::DeviceLost("reset".to_owned())) } else { Ok(left) }
        };
        assert!(matches!(patiently(reset, |length| pauses.push(length)), Ok(0)));
        assert_eq!(pauses, PAUSES[..2]);

        let mut slept = Duration::ZERO;
        let gone = || Err::<(), _>(GpuError::NoAdapter { looked_for: "it".to_owned() });
        assert!(matches!(patiently(gone, |length| slept += length), Err(GpuError::NoAdapter { .. })));
        assert!((Duration::from_secs(60)..Duration::from_secs(65)).contains(&slept), "{slept:?}");

        let refused = patiently(|| Err::<(), _>(GpuError::Given), |_| panic!("waits for what does not change"));
        assert!(matches!(refused, Err(GpuError::Given)));
    }
}
