//! Dynamic loss scaling, which keeps small gradients from vanishing when they are stored in f16.

use crate::passes::Precision;
use crate::{DType, Graph, GraphError, NodeId, Op, Shape, TensorType};

/// Name of the input that [`LossScale::add`] adds.
const NAME: &str = "loss_scale";

/// How the scale changes, by the rules and factors of PyTorch's `torch.amp.GradScaler`. It is doubled after `interval`
/// consecutive updates with finite gradients, and halved when a gradient is not finite; such an update changes nothing
/// else.
///
/// It is always a power of two between `2^-126` and `2^126`, so that scaling and unscaling are exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossScaling {
    /// The first scale, a power of two.
    pub init: f32,
    /// Number of consecutive updates with finite gradients until the scale is doubled, from 1 to `2^24`.
    pub interval: u32,
}

impl Default for LossScaling {
    /// PyTorch's: 65536, and 2000 updates.
    fn default() -> Self {
        Self { init: 65536.0, interval: 2000 }
    }
}

impl LossScaling {
    /// The largest scale; its inverse, the least one, is a normal number as well.
    pub const LARGEST: f32 = f32::from_bits((127 + 126) << 23);
    /// The least scale.
    pub const LEAST: f32 = f32::from_bits((127 - 126) << 23);

    /// Whether a number may be a scale: a power of two from [`Self::LEAST`] to [`Self::LARGEST`].
    pub const fn allows(scale: f32) -> bool {
        scale >= Self::LEAST && scale <= Self::LARGEST && scale.to_bits() & 0x007f_ffff == 0
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// Names the number and its allowed values.
    pub fn validate(&self) -> Result<(), String> {
        let Self { init, interval } = *self;
        if !Self::allows(init) {
            return Err(format!("the first loss scale must be a power of two from 2^-126 to 2^126, got {init}"));
        }
        if !(1..=1 << 24).contains(&interval) {
            return Err(format!("the loss scale must grow after 1 to 2^24 updates, got {interval}"));
        }
        Ok(())
    }
}

/// The scale of a training's loss: where it enters the graph, and how it changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossScale {
    /// The input, one f32, that is the gradient of the loss ([`backward_scaled`](crate::autodiff::backward_scaled)). It
    /// is not uploaded: a plan places it where the updates store the scale.
    pub node: NodeId,
    /// The rule by which it changes.
    pub scaling: LossScaling,
}

impl LossScale {
    /// Adds the input if tensors of the graph are stored in f16. `None` if they are stored in f32.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn add_for(graph: &mut Graph, precision: Precision, scaling: LossScaling) -> Result<Option<Self>, GraphError> {
        match precision {
            Precision::F32 => Ok(None),
            Precision::F16 => Self::add(graph, scaling).map(Some),
        }
    }

    /// Adds the input to a graph.
    ///
    /// # Errors
    /// As [`Graph::input`]. Adding a second loss scale is no error; its input is named `loss_scale#1`.
    pub fn add(graph: &mut Graph, scaling: LossScaling) -> Result<Self, GraphError> {
        Ok(Self { node: graph.input(NAME, Shape::channels(1), DType::F32)?, scaling })
    }

    pub(super) fn validate(&self, graph: &Graph) -> Result<(), String> {
        let node = graph.node(self.node);
        let scalar = TensorType::image(Shape::channels(1));
        if !matches!(node.op, Op::Input) || node.ty != scalar {
            return Err(format!("the loss scale \"{}\" must be an input of one f32, it is {}", node.name, node.ty));
        }
        self.scaling.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_powers_of_two_scale_exactly() {
        assert_eq!(LossScaling::LEAST * LossScaling::LARGEST, 1.0);
        assert_eq!(LossScaling::default().validate(), Ok(()));
        let error = |init, interval| LossScaling { init, interval }.validate().unwrap_err();
        for bad in [0.0, -2.0, 3.0, f32::NAN, f32::INFINITY, f32::MAX, f32::from_bits(1)] {
            assert!(error(bad, 1).contains("power of two"), "{bad}");
        }
        assert!(error(1.0, 0).contains("got 0"));
        assert!(LossScaling { init: LossScaling::LEAST, interval: 1 << 24 }.validate().is_ok());
    }
}
