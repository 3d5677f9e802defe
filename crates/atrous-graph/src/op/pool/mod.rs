//! Pooling over windows, bins and channels.

mod adaptive;
mod avg;
mod channel_max;
mod max;
mod rules;
mod window;

pub use adaptive::*;
pub use avg::*;
pub use channel_max::*;
pub use max::*;
pub use window::*;
