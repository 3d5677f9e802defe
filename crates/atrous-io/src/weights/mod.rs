//! Weights in safetensors files.
//!
//! A file is a little-endian u64 `n`, a JSON header of `n` bytes that gives each tensor's element type, shape and byte
//! range, and the tensors' bytes, which fill the rest of the file without gaps or overlaps
//! (<https://github.com/huggingface/safetensors>). Files written here have a checksum in the header's `__metadata__`: under the key
//! `atrous.checksum` the CRC-32 of the whole file, in which its own 8 digits count as zeros. Files of other programs have none.

mod bind;
mod checksum;
mod entry;
mod error;
mod file;
mod header;
mod partial;
mod save;
mod tensor_data;
mod values;

pub use bind::BoundWeights;
pub use error::{FormatError, Mismatch, Shapes, WeightsError};
pub use file::WeightFile;
pub(crate) use file::run_files;
pub use header::MAX_HEADER;
pub use partial::PartialWeights;
pub use safetensors::Dtype;
pub use save::{
    NamedTensor, SaveError, TensorView, save_parameters, save_tensors, save_with_metadata, tensors_to_bytes,
};
pub use tensor_data::TensorData;
pub use values::{BadValues, check_values};
