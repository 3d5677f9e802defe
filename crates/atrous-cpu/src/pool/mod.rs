//! Pooling over windows, bins and channels.

mod adaptive;
mod avg;
mod channel_max;
mod max;
mod spread;
