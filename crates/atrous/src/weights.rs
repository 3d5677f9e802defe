//! Where a predictor's weights come from.

use std::path::PathBuf;

use atrous_gpu::{Device, Parameters};
use atrous_graph::ParameterSource;
use atrous_io::{FillSource, WeightFile};
use atrous_nn::Model;

use crate::Result;

/// Where a network's weights come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Weights {
    /// A safetensors file with the names, shapes and layouts of the framework the network comes from. It must hold exactly
    /// the network's tensors.
    File(PathBuf),
    /// Deterministic numbers made from the parameters' names, see [`atrous_io::fill`]. They make a network whose results
    /// can be compared with other programs', and mean nothing.
    Fill {
        /// Put in front of the parameters' names.
        prefix: String,
        /// Variance of a weight times its fan-in.
        wvar: f64,
    },
}

impl Weights {
    /// Uploads the parameters of `model` for inference of its graph's outputs.
    pub(crate) fn upload(&self, device: &Device, model: &Model) -> Result<Parameters> {
        let graph = &model.graph;
        let upload = |source: &dyn ParameterSource| Parameters::upload_folded(device, graph, graph.outputs(), source);
        Ok(match self {
            Self::File(path) => upload(&WeightFile::open(path)?.bind(model)?)?,
            Self::Fill { prefix, wvar } => upload(&FillSource::new(model, prefix, *wvar))?,
        })
    }
}
