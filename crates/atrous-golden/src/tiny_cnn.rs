//! A classifier of a few thousand parameters with every kind of convolution and smooth activations only, for quick checks.

use std::sync::Arc;

use atrous_graph::op::Unary;
use atrous_graph::{GraphError, NodeId};
use atrous_nn::layers::{Conv, Norm, Pool};
use atrous_nn::{Builder, Built, Info, Network};

/// Plain, strided depthwise, pointwise, squeeze-excite and grouped atrous convolutions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TinyCnn {
    /// Classes of the linear layer.
    pub classes: usize,
}

impl Default for TinyCnn {
    fn default() -> Self {
        Self { classes: 10 }
    }
}

impl Network for TinyCnn {
    fn info(&self) -> Info {
        Info { size: [32, 32], shorter_side: None, ..Info::classification(self.classes) }
    }

    fn with_classes(&self, classes: usize) -> Result<Arc<dyn Network>, GraphError> {
        Ok(Arc::new(Self { classes }))
    }

    fn build_into(&self, b: &mut Builder, x: NodeId) -> Result<Built, GraphError> {
        let y = b.conv2d("conv1", x, Conv::new(12, 3).padding(1))?;
        let y = norm_silu(b, 1, y)?;
        let y = b.depthwise("depthwise", y, 2, Conv::depthwise(3).stride(2).padding(1))?;
        let y = norm_silu(b, 2, y)?;
        let y = b.avg_pool("pool", y, Pool::new(2, 2))?;
        let y = b.conv2d("pointwise", y, Conv::new(30, 1))?;
        let y = norm_silu(b, 3, y)?;
        let s = b.global_avg_pool("squeeze_mean", y)?;
        let s = b.conv2d("squeeze", s, Conv::new(6, 1).bias())?;
        let s = b.activation("squeeze_silu", s, Unary::Silu)?;
        let s = b.conv2d("excite", s, Conv::new(30, 1).bias())?;
        let s = b.activation("gate", s, Unary::Sigmoid)?;
        let y = b.product("gated", y, s)?;
        let z = b.conv2d("atrous", y, Conv::new(30, 3).padding(2).dilation(2).groups(3).bias())?;
        let z = b.activation("tanh", z, Unary::Tanh)?;
        let y = b.sum("add", y, z)?;
        let logits = b.head(y, |b, y| {
            let y = b.global_avg_pool("mean", y)?;
            b.linear("fc", y, self.classes, true)
        })?;
        Ok(logits.into())
    }
}

fn norm_silu(b: &mut Builder, number: usize, x: NodeId) -> Result<NodeId, GraphError> {
    let y = b.batch_norm(&format!("bn{number}"), x, Norm::TORCH)?;
    b.activation(&format!("silu{number}"), y, Unary::Silu)
}
