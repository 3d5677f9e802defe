//! Runs that are under way.

use std::sync::{Arc, Weak};

use wgpu::BufferUsages as Usage;

use crate::wait::Mapping;
use crate::{Device, GpuError, InputData, Outputs, Session, allocate};

/// A run that was begun by [`Session::begin`]. Dropping it gives its results up.
pub struct Flight {
    mapping: Mapping,
    #[cfg(not(target_arch = "wasm32"))]
    submission: wgpu::SubmissionIndex,
    holder: Arc<()>,
}

/// A buffer that results come back in.
pub(crate) struct Readback {
    pub(crate) buffer: wgpu::Buffer,
    /// It is mapped, or about to be.
    pub(crate) mapped: bool,
    /// The run whose results it holds, while somebody waits for them.
    holder: Weak<()>,
}

impl Readback {
    pub(crate) fn new(device: &Device, bytes: u64) -> Result<Self, GpuError> {
        let buffer = allocate::buffer(device, "readback", bytes, Usage::MAP_READ | Usage::COPY_DST)?;
        Ok(Self { buffer, mapped: false, holder: Weak::new() })
    }

    pub(crate) fn size(&self) -> u64 {
        self.buffer.size()
    }
}

impl Session {
    /// Uploads inputs and submits a run without waiting for it; [`Self::finish`] gives its results. Several runs may be under
    /// way: the device does them one after the other, and each takes a readback buffer until its results are taken.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn begin(&mut self, inputs: &[(&str, InputData<'_>)]) -> Result<Flight, GpuError> {
        let by_pixels = self.upload(inputs)?;
        let index = self.free_readback()?;
        let readback = &mut self.readbacks[index];
        if std::mem::take(&mut readback.mapped) {
            // A run that was given up. Its buffer is mapped, or unmapping calls the mapping off.
            readback.buffer.unmap();
        }
        let submission = self.device.scope("a run", || self.device.queue().submit([self.encode(by_pixels, index)]))?;
        self.count(by_pixels);
        let (holder, readback) = (Arc::new(()), &mut self.readbacks[index]);
        (readback.holder, readback.mapped) = (Arc::downgrade(&holder), true);
        #[cfg(target_arch = "wasm32")]
        let _ = submission;
        Ok(Flight {
            mapping: Mapping::request(&self.device, &readback.buffer),
            #[cfg(not(target_arch = "wasm32"))]
            submission,
            holder,
        })
    }

    /// The results of a run that [`Self::begin`] began, once it is done. Later ones are not waited for.
    ///
    /// # Errors
    /// [`GpuError::OtherSession`]; those of [`Self::run`].
    pub async fn finish(&mut self, flight: Flight) -> Result<Outputs, GpuError> {
        let index = self.readback_of(&flight)?;
        // Holding the run keeps its buffer.
        let Flight { mapping, holder: _holder, .. } = flight;
        mapping.await?;
        self.read(index)
    }

    /// [`Self::finish`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::finish`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn finish_blocking(&mut self, flight: Flight) -> Result<Outputs, GpuError> {
        let index = self.readback_of(&flight)?;
        let Flight { mapping, submission, holder: _holder } = flight;
        mapping.wait_after(Some(submission))?;
        self.read(index)
    }

    /// The first readback that no run holds; a new one if all are held.
    fn free_readback(&mut self) -> Result<usize, GpuError> {
        if let Some(free) = self.readbacks.iter().position(|readback| readback.holder.strong_count() == 0) {
            return Ok(free);
        }
        let bytes = self.readbacks[0].size();
        self.readbacks.push(Readback::new(&self.device, bytes)?);
        Ok(self.readbacks.len() - 1)
    }

    fn readback_of(&self, flight: &Flight) -> Result<usize, GpuError> {
        let held = |readback: &Readback| readback.holder.as_ptr() == Arc::as_ptr(&flight.holder);
        self.readbacks.iter().position(held).ok_or(GpuError::OtherSession)
    }
}

impl std::fmt::Debug for Flight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flight").finish_non_exhaustive()
    }
}
