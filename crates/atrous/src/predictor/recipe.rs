//! Building a network again for another size or other outputs.

use std::sync::Arc;

use atrous_gpu::{Device, Parameters, SessionCache};
use atrous_graph::{Graph, GraphError, NodeId, Shape};
use atrous_nn::{Mode, Model, Network};

use crate::{Result, Weights};

/// Sessions kept for different batch and image sizes.
const SESSIONS: usize = 4;

/// A network and its name.
#[derive(Clone)]
pub(super) struct Recipe {
    pub(super) network: Arc<dyn Network>,
    pub(super) name: String,
}

impl Recipe {
    /// Builds the network for images of this shape. The graph's outputs are the nodes that `outputs` returns.
    pub(super) fn model(
        &self,
        shape: Shape,
        outputs: impl Fn(&mut Model) -> Result<Vec<NodeId>, GraphError>,
    ) -> Result<Model, GraphError> {
        let mut model = self.network.build(&self.name, shape, Mode::Inference)?;
        let outputs = outputs(&mut model)?;
        model.graph.set_outputs(outputs);
        Ok(model)
    }

    /// Sessions whose outputs are the nodes that `outputs` returns, with newly uploaded parameters.
    pub(super) fn sessions(
        &self,
        device: &Device,
        weights: &Weights,
        shape: Shape,
        outputs: impl Fn(&mut Model) -> Result<Vec<NodeId>, GraphError> + Send + Sync + 'static,
    ) -> Result<SessionCache> {
        let model = self.model(shape, &outputs)?;
        Ok(self.sessions_over(folded(device, weights, &model)?, outputs))
    }

    /// Like [`Self::sessions`], with parameters that are already on the device.
    pub(super) fn sessions_over(
        &self,
        parameters: Arc<Parameters>,
        outputs: impl Fn(&mut Model) -> Result<Vec<NodeId>, GraphError> + Send + Sync + 'static,
    ) -> SessionCache {
        let recipe = self.clone();
        let build = move |shape| -> Result<Graph, GraphError> { Ok(recipe.model(shape, &outputs)?.graph) };
        SessionCache::new(parameters, Box::new(build), SESSIONS)
    }
}

impl std::fmt::Debug for Recipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Recipe").field(&self.name).finish()
    }
}

/// Uploads a model's parameters for inference of its graph's outputs.
pub(super) fn folded(device: &Device, weights: &Weights, model: &Model) -> Result<Arc<Parameters>> {
    let graph = &model.graph;
    let upload =
        |source: &dyn atrous_graph::ParameterSource| Parameters::upload_folded(device, graph, graph.outputs(), source);
    Ok(Arc::new(weights.with(model, upload)??))
}
