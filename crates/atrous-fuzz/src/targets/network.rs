//! A small network, whose weights files are short.

use atrous_graph::{GraphError, NodeId, Shape};
use atrous_nn::layers::{Conv, Norm};
use atrous_nn::{Builder, Built, Info, Mode, Model, Network};

/// A convolution, a normalisation and a dense layer.
struct Small;

impl Network for Small {
    fn info(&self) -> Info {
        Info { size: [4, 4], ..Info::classification(3) }
    }

    fn build_into(&self, b: &mut Builder, image: NodeId) -> Result<Built, GraphError> {
        let x = b.conv2d("conv", image, Conv::new(4, 3).padding(1))?;
        let x = b.batch_norm("bn", x, Norm::TORCH)?;
        let x = b.global_avg_pool("pool", x)?;
        Ok(b.linear("fc", x, 3, true)?.into())
    }
}

/// The network for one picture of 4×4 pixels.
pub(super) fn model() -> Model {
    Small.build("small", Shape::new(1, 4, 4, 3), Mode::Training).expect("the network can be built")
}
