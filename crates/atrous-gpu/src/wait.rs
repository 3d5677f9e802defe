//! Waiting for a buffer to be mapped.
//!
//! wgpu runs callbacks only while the device is polled. Browsers poll by themselves. Elsewhere blocking calls poll and wait; an awaited
//! [`Mapping`] starts one small thread that polls, without blocking inside wgpu, until the buffer is mapped, so that any executor can
//! drive the future.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::{Device, GpuError};

/// How long a blocking call waits for the callback on another thread once the device is idle, in milliseconds.
#[cfg(not(target_arch = "wasm32"))]
const CALLBACK_MILLIS: u32 = 10_000;

#[derive(Default)]
struct State {
    /// Whether the mapping succeeded, once that is known.
    mapped: Option<bool>,
    /// Why the polling thread gave up.
    failed: Option<GpuError>,
    /// Whether the waiting call was dropped.
    abandoned: bool,
    /// Whether the polling thread was started.
    polled: bool,
    waker: Option<Waker>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The error for a buffer that is not mapped, although the host waited for it: the device may have been lost since.
pub(crate) fn unmapped(device: &Device, error: &wgpu::MapRangeError) -> GpuError {
    device.handle().cause(GpuError::Validation { what: "reading back".to_owned(), reason: error.to_string() })
}

/// A buffer that is about to be mapped for reading.
pub(crate) struct Mapping {
    device: Device,
    state: Arc<Mutex<State>>,
    #[cfg(not(target_arch = "wasm32"))]
    poller: Option<std::thread::JoinHandle<()>>,
}

impl Mapping {
    /// Requests that all of `buffer` is mapped after the work submitted so far.
    pub(crate) fn request(device: &Device, buffer: &wgpu::Buffer) -> Result<Self, GpuError> {
        let state = Arc::new(Mutex::new(State::default()));
        let signal = state.clone();
        let called = move |result: Result<(), wgpu::BufferAsyncError>| {
            let waker = {
                let mut state = lock(&signal);
                state.mapped = Some(result.is_ok());
                state.waker.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        };
        device.scope("reading back", || buffer.map_async(wgpu::MapMode::Read, .., called))?;
        Ok(Self {
            device: device.clone(),
            state,
            #[cfg(not(target_arch = "wasm32"))]
            poller: None,
        })
    }

    /// Blocks until the buffer is mapped.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn wait(self) -> Result<(), GpuError> {
        self.wait_after(None)
    }

    /// Blocks until the buffer is mapped; `submission` was the last to write it. Does not wait for later submissions.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn wait_after(self, submission: Option<wgpu::SubmissionIndex>) -> Result<(), GpuError> {
        let timeout = self.device.time_limit();
        // The poll of another thread may be about to run the callback, so the state is checked several times.
        for attempt in 0..CALLBACK_MILLIS {
            if let Some(result) = self.result() {
                return result;
            }
            if attempt > 0 {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            self.device.handle().poll(wgpu::PollType::Wait { submission_index: submission.clone(), timeout })?;
        }
        let not_called = || GpuError::Validation {
            what: "reading back".to_owned(),
            reason: "the device is idle and the buffer is not mapped".to_owned(),
        };
        self.result().unwrap_or_else(|| Err(not_called()))
    }

    /// The result of the mapping, once it is known.
    fn result(&self) -> Option<Result<(), GpuError>> {
        let (mapped, failed) = {
            let mut state = lock(&self.state);
            (state.mapped?, state.failed.take())
        };
        if let Some(error) = failed {
            return Some(Err(error));
        }
        Some(match (mapped, self.device.check()) {
            (true, _) => Ok(()),
            (false, Err(error)) => Err(error),
            (false, Ok(())) => Err(self.device.handle().cause(GpuError::Validation {
                what: "reading back".to_owned(),
                reason: "the buffer could not be mapped".to_owned(),
            })),
        })
    }

    /// Starts a thread that polls the device until the buffer is mapped, the future is dropped, or the device is lost or hangs. The pauses between
    /// polls are a sixteenth of the time waited so far, at most a millisecond.
    #[cfg(not(target_arch = "wasm32"))]
    fn start_polling(&mut self) -> std::io::Result<()> {
        use std::time::{Duration, Instant};
        let (device, shared) = (self.device.clone(), self.state.clone());
        let poll = move || {
            let start = Instant::now();
            loop {
                let mut polled = device.handle().poll(wgpu::PollType::Poll);
                let late = device.time_limit().filter(|limit| start.elapsed() > *limit);
                let waker = {
                    let mut state = lock(&shared);
                    if state.mapped.is_some() || state.abandoned {
                        return;
                    }
                    if let (Ok(()), Some(limit)) = (&polled, late) {
                        polled = Err(device.handle().give_up(limit));
                    }
                    let failed = polled.err();
                    if failed.is_some() {
                        (state.mapped, state.failed) = (Some(false), failed);
                        state.waker.take()
                    } else {
                        None
                    }
                };
                if let Some(waker) = waker {
                    waker.wake();
                }
                let pause = start.elapsed() / 16;
                std::thread::park_timeout(pause.clamp(Duration::from_micros(20), Duration::from_millis(1)));
            }
        };
        self.poller = Some(std::thread::Builder::new().name("atrous-poll".to_owned()).spawn(poll)?);
        Ok(())
    }

    #[cfg(target_arch = "wasm32")]
    fn start_polling(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Future for Mapping {
    type Output = Result<(), GpuError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(result) = self.result() {
            return Poll::Ready(result);
        }
        let (done, polled) = {
            let mut state = lock(&self.state);
            state.waker = Some(context.waker().clone());
            (state.mapped.is_some(), std::mem::replace(&mut state.polled, true))
        };
        // Wake the executor again if the callback came after the first check, or if no thread could be started.
        if done || (!polled && self.start_polling().is_err()) {
            lock(&self.state).polled = false;
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Mapping {
    /// Ends the polling thread. Otherwise it could be the last owner of the device and drop it while the process exits, when drivers have
    /// already freed what they need for that.
    fn drop(&mut self) {
        lock(&self.state).abandoned = true;
        #[cfg(not(target_arch = "wasm32"))]
        if let Some(poller) = self.poller.take() {
            poller.thread().unpark();
            // The future may be dropped on the polling thread itself, by an executor that runs it inside of `wake`.
            if poller.thread().id() != std::thread::current().id() {
                let _ = poller.join();
            }
        }
    }
}
