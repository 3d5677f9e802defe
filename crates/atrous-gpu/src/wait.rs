//! Waiting for a buffer to be mapped.
//!
//! wgpu calls back only while the device is polled. A browser does that by itself. Elsewhere the blocking calls poll and
//! wait; an awaited [`Mapping`] starts one small thread that polls, without waiting inside wgpu, until it is done, so that any
//! executor can drive it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::{Device, GpuError};

/// How long a blocking call waits for another thread to call back, once the device is idle.
#[cfg(not(target_arch = "wasm32"))]
const CALLBACK_MILLIS: u32 = 10_000;

#[derive(Default)]
struct State {
    /// Whether the mapping succeeded, once that is known.
    mapped: Option<bool>,
    /// Whether the waiting call was dropped.
    abandoned: bool,
    polled: bool,
    waker: Option<Waker>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A buffer that should be mapped is not.
pub(crate) fn unmapped(error: wgpu::MapRangeError) -> GpuError {
    GpuError::Validation { what: "reading back".to_owned(), reason: error.to_string() }
}

/// A buffer on its way to be mapped for reading.
pub(crate) struct Mapping {
    device: Device,
    state: Arc<Mutex<State>>,
    #[cfg(not(target_arch = "wasm32"))]
    poller: Option<std::thread::JoinHandle<()>>,
}

impl Mapping {
    /// Asks for all of `buffer` to be mapped once the work submitted so far is done.
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

    /// Blocks until the buffer is mapped, which `submission` was the last to write. Later submissions are not waited for.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn wait_after(self, submission: Option<wgpu::SubmissionIndex>) -> Result<(), GpuError> {
        // The callback of a mapping that is done may be in the hands of another thread's poll: it is called soon.
        for attempt in 0..CALLBACK_MILLIS {
            if let Some(result) = self.result() {
                return result;
            }
            if attempt > 0 {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            self.device.poll(wgpu::PollType::Wait { submission_index: submission.clone(), timeout: None })?;
        }
        let not_called = || GpuError::Validation {
            what: "reading back".to_owned(),
            reason: "the device is idle and the buffer is not mapped".to_owned(),
        };
        self.result().unwrap_or_else(|| Err(not_called()))
    }

    fn result(&self) -> Option<Result<(), GpuError>> {
        let mapped = lock(&self.state).mapped?;
        Some(match (mapped, self.device.check()) {
            (true, _) => Ok(()),
            (false, Err(error)) => Err(error),
            (false, Ok(())) => Err(self.device.cause(GpuError::Validation {
                what: "reading back".to_owned(),
                reason: "the buffer could not be mapped".to_owned(),
            })),
        })
    }

    /// Polls the device from a thread of its own until the buffer is mapped, the wait is given up or the device is lost.
    /// The pauses grow with the time waited, to a sixteenth of it and a millisecond at most.
    #[cfg(not(target_arch = "wasm32"))]
    fn start_polling(&mut self) -> std::io::Result<()> {
        use std::time::{Duration, Instant};
        let (device, shared) = (self.device.clone(), self.state.clone());
        let poll = move || {
            let start = Instant::now();
            loop {
                let polled = device.poll(wgpu::PollType::Poll);
                let waker = {
                    let mut state = lock(&shared);
                    if state.mapped.is_some() || state.abandoned {
                        return;
                    }
                    if polled.is_err() {
                        state.mapped = Some(false);
                    }
                    state.waker.take_if(|_| polled.is_err())
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
        // The callback may have come between the two looks, and without a thread the executor has to poll.
        if done || (!polled && self.start_polling().is_err()) {
            lock(&self.state).polled = false;
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Mapping {
    /// Ends the polling thread: were it left alone, it could be the last to hold the device and give it back while the
    /// process exits, when drivers have already torn down what they need for that.
    fn drop(&mut self) {
        lock(&self.state).abandoned = true;
        #[cfg(not(target_arch = "wasm32"))]
        if let Some(poller) = self.poller.take() {
            poller.thread().unpark();
            // An executor may run, and end, the future within the poller's call to the waker.
            if poller.thread().id() != std::thread::current().id() {
                let _ = poller.join();
            }
        }
    }
}
