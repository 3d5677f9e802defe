//! Reading and writing weights.
//!
//! [`Weights`] says where a network's weights come from: a file, bytes, tensors, the folder of a training, random first values, the
//! fitting part of another network's weights, or a source of the program's own.
//! [`WeightFile`] reads a safetensors file and binds it to a [`atrous_nn::Model`] by the names its framework uses;
//! for fine-tuning, [`WeightFile::bind_partial`] takes the tensors that fit and all others from another source. [`save_parameters`] writes
//! a file. Bound weights are an [`atrous_graph::ParameterSource`]: they copy values directly from the file's bytes into upload memory, and
//! convert them from the framework's order to the graph's.

mod checked;
mod layout;
mod origin;
mod weights;

pub use origin::Weights;
pub use weights::{
    BadValues, BoundWeights, Dtype, FormatError, MAX_HEADER, Mismatch, NamedTensor, PartialWeights, SaveError, Shapes,
    TensorData, TensorView, WeightFile, WeightsError, check_values, save_parameters, save_tensors, save_with_metadata,
    tensors_to_bytes,
};
