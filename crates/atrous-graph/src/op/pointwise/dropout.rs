//! Dropout.

use crate::op::definition::Definition;
use crate::{Shape, TensorType};

/// With a seed: `x * mask / (1 - rate)`, where the mask drops each [unit](DropoutUnit) with probability `rate` (Srivastava et al. 2014).
/// The mask is a function of the seed, the stream and the unit's position alone, so that the gradient replays it: a unit is dropped
/// if its word of Philox4x32-10 with key `(seed, stream)` and counter `(i, 0, 0, 0)` is below `rate * 2^32` (Salmon et al. 2011).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// Share of units that training drops, below 1.
    pub rate: f32,
    /// Distinguishes the dropouts of one network, so that each has its own mask.
    pub stream: u32,
    /// Which elements are dropped together.
    pub unit: DropoutUnit,
}

/// Which elements a dropout drops together. The word of Philox' result at counter `i` that decides is given for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DropoutUnit {
    /// Single elements. Word `e` decides about element `e` of vec4 `i` of the tensor in device layout.
    #[default]
    Element,
    /// A channel of a sample: PyTorch's `Dropout2d`, Keras' `SpatialDropout2D` (Tompson et al. 2015). Word `e` decides
    /// about element `e` of vec4 `i` of an `N×1×1×C` tensor.
    Channel,
    /// A sample, such as a residual branch in stochastic depth (Huang et al. 2016): torchvision's `StochasticDepth` of
    /// mode `row`. Word 0 decides about sample `i`.
    Sample,
    /// The whole tensor: torchvision's `StochasticDepth` of mode `batch`. Word 0 of counter 0 decides.
    Batch,
}

impl DropoutUnit {
    /// All units, for tests.
    pub const ALL: [Self; 4] = [Self::Element, Self::Channel, Self::Sample, Self::Batch];

    /// The unit's name in prints.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Element => "element",
            Self::Channel => "channel",
            Self::Sample => "sample",
            Self::Batch => "batch",
        }
    }
}

impl Definition for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn arity(&self) -> (usize, usize) {
        (1, 2)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        if !(0.0..1.0).contains(&self.rate) {
            return Err(format!("the rate must lie in 0..1, got {}", self.rate));
        }
        match inputs.get(1) {
            Some(seed) if seed.shape != Shape::channels(1) => {
                Err(format!("the seed must be 1×1×1×1, got {}", seed.shape))
            }
            _ => Ok(inputs[0]),
        }
    }

    fn attributes(&self) -> String {
        format!("rate {} per {}", self.rate, self.unit.name())
    }

    fn moves(&self, input: usize) -> bool {
        input == 0
    }

    fn takes_map(&self, input: usize) -> bool {
        input == 1
    }

    fn is_free(&self, inputs: usize) -> bool {
        inputs == 1
    }
}
