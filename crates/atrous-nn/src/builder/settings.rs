//! Settings that hold for what a closure adds.

use atrous_graph::{GraphError, NodeId};

use super::Builder;
use crate::init::LayerInit;
use crate::{Mode, Naming};

impl Builder {
    /// Runs `f` with the names, layouts of weights and first values of another framework.
    pub fn named_as<T>(&mut self, naming: Naming, f: impl FnOnce(&mut Self) -> T) -> T {
        if naming == self.naming {
            return f(self);
        }
        let outer = std::mem::replace(&mut self.naming, naming);
        let result = self.initialized(LayerInit::of(naming), f);
        self.naming = outer;
        result
    }

    /// Runs `f` such that the layers it adds are not trained: their parameters are frozen, batch normalisations use their running
    /// statistics and dropout does nothing, as at inference. [`Model::unfreeze`](crate::Model::unfreeze) makes the weights trainable, but
    /// does not change the normalisations and dropouts.
    pub fn frozen<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        let outer = (self.mode, self.trainable);
        (self.mode, self.trainable) = (Mode::Inference, false);
        let result = f(self);
        (self.mode, self.trainable) = outer;
        result
    }

    /// Runs `f` such that networks are added without their heads, as by Keras' `include_top=False`: their results are what the heads
    /// would have read, and the heads' parameters are noted as unused, so that files of the whole network still fit.
    ///
    /// ```
    /// use atrous_graph::Shape;
    /// use atrous_nn::zoo::KerasXception;
    /// use atrous_nn::{Builder, Mode, Naming};
    ///
    /// let mut b = Builder::new(Naming::Torch, Mode::Inference);
    /// let x = b.input("input", Shape::new(1, 299, 299, 3))?;
    /// let body = b.without_head(|b| b.network("body", &KerasXception::default(), x))?;
    /// assert_eq!(b.shape(body.outputs[0].node), Shape::new(1, 10, 10, 2048));
    /// let y = b.global_avg_pool("pool", body.outputs[0].node)?;
    /// let [breed, age] = [b.linear("breed", y, 120, true)?, b.linear("age", y, 1, true)?];
    /// let model = b.finish("dogs", x, &[("breed", breed), ("age", age)]);
    /// assert_eq!(model.unused.last().map(|u| u.name.as_str()), Some("body.predictions/bias"));
    /// # Ok::<(), atrous_graph::GraphError>(())
    /// ```
    pub fn without_head<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.heads, false);
        let result = f(self);
        self.heads = outer;
        result
    }

    /// The part of a network that follows its features: `f` adds it behind `x`. Under [`Builder::without_head`] the result is `x`
    /// itself.
    ///
    /// # Errors
    /// Those of `f`.
    pub fn head(
        &mut self,
        x: NodeId,
        f: impl FnOnce(&mut Self, NodeId) -> Result<NodeId, GraphError>,
    ) -> Result<NodeId, GraphError> {
        if self.heads {
            return f(self, x);
        }
        self.unused_layers(self.shape(x), f)?;
        Ok(x)
    }
}
