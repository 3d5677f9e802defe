//! Maximum over channels.

use crate::op::check;
use crate::op::definition::Definition;
use crate::{Shape, TensorType};

/// Maximum over `window` consecutive channels, every `stride` channels (TensorFlow's `ksize=[1,1,1,k]`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChannelMaxPool {
    /// Channels in a window.
    pub window: usize,
    /// Channels from one window to the next.
    pub stride: usize,
}

impl Definition for ChannelMaxPool {
    fn name(&self) -> &'static str {
        "channel_max_pool"
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let Shape { n, h, w, c } = inputs[0].shape;
        if self.window == 0 || self.stride == 0 {
            return Err(format!("window and stride must be at least 1, got {} and {}", self.window, self.stride));
        }
        if self.window > c {
            return Err(format!("a window of {} channels does not fit into {c}", self.window));
        }
        Ok(TensorType::image(Shape::new(n, h, w, (c - self.window) / self.stride + 1)))
    }

    fn attributes(&self) -> String {
        format!("window {} stride {}", self.window, self.stride)
    }
}

/// The gradient of [`ChannelMaxPool`]. A window's gradient goes to its first maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChannelMaxPoolGrad(pub ChannelMaxPool);

impl Definition for ChannelMaxPoolGrad {
    fn name(&self) -> &'static str {
        "channel_max_pool_grad"
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        check::gradient(inputs[0], self.0.infer(&inputs[..1])?, inputs[1])
    }

    fn attributes(&self) -> String {
        self.0.attributes()
    }

    fn stores(&self, _input: usize) -> bool {
        true
    }
}
