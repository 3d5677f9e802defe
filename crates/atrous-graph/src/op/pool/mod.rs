//! Pooling over windows, bins and channels.

mod adaptive;
mod avg;
mod channel_max;
mod max;
mod rules;
mod window;

pub use adaptive::{AdaptiveAvgPool, AdaptiveAvgPoolGrad};
pub use avg::{AvgPool, AvgPoolGrad};
pub use channel_max::{ChannelMaxPool, ChannelMaxPoolGrad};
pub use max::{MaxPool, MaxPoolGrad, MaxPoolIndices};
pub use window::Window;
