//! wgpu's device and queue, with errors as results.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::GpuError;

/// A device of wgpu, its queue, and the errors that wgpu reports outside of any call.
pub(crate) struct Handle {
    pub(crate) raw: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    health: Arc<Mutex<Health>>,
}

/// Errors that wgpu reported outside of any call.
#[derive(Default)]
struct Health {
    /// Why the device was lost.
    lost: Option<String>,
    /// The first error since the last [`Handle::check`].
    error: Option<GpuError>,
}

fn lock(health: &Mutex<Health>) -> MutexGuard<'_, Health> {
    health.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Handle {
    pub(crate) fn new(raw: wgpu::Device, queue: wgpu::Queue) -> Self {
        Self { raw, queue, health: Arc::default() }
    }

    /// Records the loss of the device and errors that no scope catches, which wgpu would otherwise answer with a panic.
    pub(crate) fn watch(&self) {
        let on_lost = self.health.clone();
        self.raw.set_device_lost_callback(move |reason, message| {
            let text = if message.is_empty() { format!("{reason:?}") } else { message };
            lock(&on_lost).lost.get_or_insert(text);
        });
        let on_error = self.health.clone();
        self.raw.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            lock(&on_error).error.get_or_insert_with(|| GpuError::from_wgpu("a command", &error));
        }));
    }

    /// Destroys the device. Every later call on it returns [`GpuError::DeviceLost`].
    pub(crate) fn destroy(&self) {
        lock(&self.health).lost.get_or_insert_with(|| "it was destroyed".to_owned());
        self.raw.destroy();
    }

    /// Lets a device that hangs count as lost: it has not ended a run within this time.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn give_up(&self, limit: std::time::Duration) -> GpuError {
        let mut health = lock(&self.health);
        if let Some(reason) = &health.lost {
            return GpuError::DeviceLost(reason.clone());
        }
        health.lost = Some(format!("it did not end a run within {} s", limit.as_secs_f64()));
        GpuError::Timeout { limit, node: None }
    }

    /// Returns the error that wgpu reported outside of any call since the last check. A lost device stays lost.
    pub(crate) fn check(&self) -> Result<(), GpuError> {
        let mut health = lock(&self.health);
        if let Some(reason) = &health.lost {
            return Err(GpuError::DeviceLost(reason.clone()));
        }
        health.error.take().map_or(Ok(()), Err)
    }

    /// Does `work`; `what` describes it. Returns the first error that WebGPU raised meanwhile. Browsers raise errors later: there a
    /// later [`Self::check`] returns them.
    pub(crate) fn scope<T>(&self, what: &str, work: impl FnOnce() -> T) -> Result<T, GpuError> {
        if cfg!(target_arch = "wasm32") {
            let value = work();
            return self.check().map(|()| value);
        }
        let filters = [wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::Validation, wgpu::ErrorFilter::OutOfMemory];
        let scopes = filters.map(|filter| self.raw.push_error_scope(filter));
        let value = work();
        // Scopes close in reverse order; outside of browsers their results are there at once.
        let errors = scopes.into_iter().rev().filter_map(|scope| pollster::block_on(scope.pop()));
        let error = errors.fold(None, |first, error| first.or(Some(error)));
        self.check()?;
        error.map_or(Ok(value), |error| Err(self.cause(GpuError::from_wgpu(what, &error))))
    }

    /// Why something failed: the loss of the device, or else `error`.
    pub(crate) fn cause(&self, error: GpuError) -> GpuError {
        self.check_alive().err().unwrap_or(error)
    }

    /// Fails if the device was lost. wgpu reports a loss only to the callback of the program that opened the device; everything made
    /// afterwards is invalid.
    pub(crate) fn check_alive(&self) -> Result<(), GpuError> {
        if self.is_alive() {
            return Ok(());
        }
        let mut health = lock(&self.health);
        let reason = health.lost.get_or_insert_with(|| "whoever opened it was told why".to_owned());
        Err(GpuError::DeviceLost(reason.clone()))
    }

    /// Whether a new buffer is valid. A lack of memory is not a loss of the device. In browsers buffers of a lost device look valid.
    fn is_alive(&self) -> bool {
        if cfg!(target_arch = "wasm32") {
            return true;
        }
        let descriptor = wgpu::BufferDescriptor {
            label: None,
            size: 4,
            usage: wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: true,
        };
        let scope = self.raw.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let buffer = self.raw.create_buffer(&descriptor);
        let short = pollster::block_on(scope.pop()).is_some();
        short || buffer.get_mapped_range_mut(..).is_ok()
    }

    /// Polls the device.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn poll(&self, how: wgpu::PollType) -> Result<(), GpuError> {
        let limit = match &how {
            wgpu::PollType::Wait { timeout, .. } => *timeout,
            wgpu::PollType::Poll => None,
        };
        // wgpu panics when a device is lost while it is polled, after it has called back with the reason.
        let poll = std::panic::AssertUnwindSafe(|| self.raw.poll(how));
        let polled = std::panic::catch_unwind(poll);
        if let (Ok(Err(wgpu::PollError::Timeout)), Some(limit)) = (&polled, limit) {
            return Err(self.give_up(limit));
        }
        let health = lock(&self.health);
        match (&health.lost, polled) {
            (Some(reason), _) => Err(GpuError::DeviceLost(reason.clone())),
            (None, Ok(Ok(_))) => Ok(()),
            (None, Ok(Err(error))) => Err(GpuError::DeviceLost(error.to_string())),
            (None, Err(_)) => Err(GpuError::DeviceLost("polling it failed".to_owned())),
        }
    }
}
