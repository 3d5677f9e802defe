//! Sums over many runs that stay on the device until they are read.

use std::collections::HashMap;

use crate::data::{Data, Output};
use crate::download::Download;
use crate::executable::Executable;
use crate::{GpuError, Outputs, Session, TrainingSession};

impl Executable {
    async fn totals(&self) -> Result<Outputs, GpuError> {
        let mut download = self.request_totals()?;
        if let Some(download) = &mut download {
            download.arrive().await?;
        }
        self.unpack_totals(download.as_ref())
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn totals_blocking(&self) -> Result<Outputs, GpuError> {
        let mut download = self.request_totals()?;
        download.as_mut().map_or(Ok(()), Download::wait)?;
        self.unpack_totals(download.as_ref())
    }

    fn request_totals(&self) -> Result<Option<Download>, GpuError> {
        let buffer = self.totals.first().map(|(_, _, place)| &self.buffers[place.buffer]);
        buffer.map(|buffer| Download::request(&self.device, buffer, true)).transpose()
    }

    fn unpack_totals(&self, download: Option<&Download>) -> Result<Outputs, GpuError> {
        let mut outputs = Outputs { all: Vec::new(), names: HashMap::new().into() };
        if let Some(download) = download {
            for (name, ty, place) in &self.totals {
                let data = Data::F32(download.tensor(*ty, place.offset)?);
                outputs.all.push(Output { name: name.clone(), shape: ty.shape, data });
            }
        }
        let names = self.totals.iter().enumerate().map(|(i, (name, ..))| (name.clone(), i));
        outputs.names = names.collect::<HashMap<_, _>>().into();
        Ok(outputs)
    }
}

impl Session {
    /// The totals of an [evaluation](atrous_kernels::Purpose::Evaluation): sums over all runs since they were last taken; they
    /// are zero afterwards. Sums are f32, so counts are exact below 2^24. A graph compiled for another purpose has none.
    ///
    /// # Errors
    /// [`GpuError::DeviceLost`], [`GpuError::OutOfMemory`].
    pub async fn totals(&mut self) -> Result<Outputs, GpuError> {
        self.executable.totals().await
    }

    /// [`Self::totals`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::totals`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn totals_blocking(&mut self) -> Result<Outputs, GpuError> {
        self.executable.totals_blocking()
    }
}

impl TrainingSession {
    /// The totals: sums over all steps that [were applied](crate::StepResult::applied) since they were last taken; they are zero
    /// afterwards. Sums are f32, so counts are exact below 2^24.
    ///
    /// # Errors
    /// [`GpuError::DeviceLost`], [`GpuError::OutOfMemory`].
    pub async fn totals(&mut self) -> Result<Outputs, GpuError> {
        self.executable.totals().await
    }

    /// [`Self::totals`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::totals`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn totals_blocking(&mut self) -> Result<Outputs, GpuError> {
        self.executable.totals_blocking()
    }
}
