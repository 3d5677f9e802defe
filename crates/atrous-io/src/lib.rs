//! Weights in and out.
//!
//! [`Weights`] says where a network's weights come from: a file, bytes, tensors, a training's folder, first values, what fits of
//! others, a source of one's own.
//! [`WeightFile`] maps a safetensors file and binds it to a [`atrous_nn::Model`] by the names its framework uses;
//! [`WeightFile::bind_partial`] takes what fits and the rest from elsewhere, for fine-tuning; [`save_parameters`] writes
//! one. What is bound is an [`atrous_graph::ParameterSource`]: values go from where they lie straight into upload memory, brought
//! from the framework's order into the graph's on the way.

mod layout;
mod origin;
mod weights;

pub use origin::Weights;
pub use weights::{
    BoundWeights, Dtype, FormatError, MAX_HEADER, Mismatch, NamedTensor, PartialWeights, SaveError, Shapes, TensorData,
    WeightFile, WeightsError, save_parameters, save_tensors, tensors_to_bytes,
};
