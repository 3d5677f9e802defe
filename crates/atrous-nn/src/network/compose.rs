//! Networks within networks.

use atrous_graph::{GraphError, NodeId};

use super::{Built, Network};
use crate::Builder;

impl Builder {
    /// Adds a whole network that reads `image`. All its names get `prefix` and a dot in front; `""` adds nothing. The network keeps the
    /// names and first values of its own framework.
    ///
    /// ```
    /// use atrous_graph::Shape;
    /// use atrous_nn::zoo::{ResNet, ResNetEncoder};
    /// use atrous_nn::{Builder, Mode, Naming};
    ///
    /// let mut b = Builder::new(Naming::Torch, Mode::Training);
    /// let x = b.input("input", Shape::new(2, 64, 64, 3))?;
    /// let teacher = ResNet::new(ResNetEncoder::RESNET34);
    /// let teacher = b.frozen(|b| b.network("teacher", &teacher, x))?;
    /// let student = b.network("student", &ResNet::new(ResNetEncoder::RESNET18), x)?;
    /// let outputs = [("out", student.outputs[0].node), ("teacher", teacher.outputs[0].node)];
    /// let model = b.finish("distillation", x, &outputs);
    /// assert!(model.parameters.iter().all(|p| p.trainable == (p.name.starts_with("student.") && p.kind.is_trainable())));
    /// # Ok::<(), atrous_graph::GraphError>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Network::build_into`]; [`GraphError::Invalid`] if a parameter's name is taken, or if the network has no results or two
    /// of one name.
    pub fn network<N: Network + ?Sized>(
        &mut self,
        prefix: &str,
        network: &N,
        image: NodeId,
    ) -> Result<Built, GraphError> {
        let built = self.named_as(network.naming(), |b| b.scope(prefix, |b| network.build_into(b, image)))?;
        built.check().map_err(|reason| self.invalid("network", prefix, reason))?;
        Ok(built)
    }
}
