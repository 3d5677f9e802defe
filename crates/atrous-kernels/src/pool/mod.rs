//! Pooling over windows of pixels, bins and channels.

mod adaptive;
mod avg;
mod channel_max;
mod max;
mod window;
