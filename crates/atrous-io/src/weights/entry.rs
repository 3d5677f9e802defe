//! The tensors of a file and their positions.

use std::ops::Range;
use std::sync::Arc;

use safetensors::Dtype;

/// The bytes of a file, shared by everything that is bound to it.
pub(crate) type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// One tensor of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    /// Position in the file.
    pub(crate) bytes: Range<usize>,
}
