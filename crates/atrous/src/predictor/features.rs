//! Intermediate activations by name.

use atrous_gpu::{InputData, Outputs, Session};
use atrous_graph::{Graph, GraphError, NodeId};
use atrous_nn::Model;
use atrous_vision::ImageTensor;

use super::Predictor;
use super::feature_sessions::FeatureSessions;
use crate::Result;

impl Predictor {
    /// The activations that the network's modules of these names compute, such as `layer3.5` of a ResNet, as dense
    /// `N×H×W×C` tensors, all from one run. `atrous summary MODEL` lists the names.
    ///
    /// A call with other names than the last call's uploads the weights that they need, in addition to those of [`Self::run`].
    ///
    /// # Errors
    /// [`Error::Graph`](crate::Error::Graph) for an unknown name, with similar ones; those of [`Self::new`] and [`Self::run`].
    pub async fn features(&mut self, images: &ImageTensor, names: &[&str]) -> Result<Outputs> {
        loop {
            let ended = self.features_once(images, names).await;
            if !self.revives(&ended).await? {
                return ended;
            }
        }
    }

    async fn features_once(&mut self, images: &ImageTensor, names: &[&str]) -> Result<Outputs> {
        let (session, input) = self.feature_session(images, names)?;
        Ok(session.run(&[(input, InputData::F32(&images.data))]).await?)
    }

    /// [`Self::features`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::features`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn features_blocking(&mut self, images: &ImageTensor, names: &[&str]) -> Result<Outputs> {
        self.surviving(|this| {
            let (session, input) = this.feature_session(images, names)?;
            Ok(session.run_blocking(&[(input, InputData::F32(&images.data))])?)
        })
    }

    fn feature_session(&mut self, images: &ImageTensor, names: &[&str]) -> Result<(&mut Session, &str)> {
        let shape = self.shape(images)?;
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let features = match self.features.take().filter(|features| features.names == names) {
            Some(same) => same,
            None => {
                let wanted = names.clone();
                let find = move |model: &mut Model| nodes(&model.graph, &wanted);
                let sessions = self.recipe.sessions(&self.device, &self.weights, shape, find)?;
                FeatureSessions { names, sessions }
            }
        };
        Ok((self.features.insert(features).sessions.session(shape)?, &self.input))
    }
}

/// The nodes of these names or labels, without repetitions.
fn nodes(graph: &Graph, names: &[String]) -> Result<Vec<NodeId>, GraphError> {
    let mut nodes = Vec::with_capacity(names.len());
    for name in names {
        let node = graph.find(name)?;
        if !nodes.contains(&node) {
            nodes.push(node);
        }
    }
    Ok(nodes)
}
