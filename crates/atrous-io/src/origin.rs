//! Where a network's weights come from.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use atrous_graph::ParameterSource;
use atrous_nn::{Init, Model};

use crate::{NamedTensor, WeightFile, WeightsError, tensors_to_bytes};

/// Where a network's weights come from. All but [`Weights::Init`] must hold exactly the network's tensors, with the
/// names, shapes and layouts of the framework that the network comes from.
///
/// ```
/// use atrous_io::Weights;
///
/// let file = Weights::from("resnet50.safetensors");
/// let part_of_the_program = Weights::bytes(&b"..."[..]);
/// let of_a_training = Weights::Run("runs/cells".into());
/// let untrained = Weights::Init(42);
/// # let _ = (file, part_of_the_program, of_a_training, untrained);
/// ```
#[derive(Clone)]
pub enum Weights {
    /// A safetensors file.
    File(PathBuf),
    /// The content of such a file, see [`Weights::bytes`].
    Bytes(Arc<dyn AsRef<[u8]> + Send + Sync>),
    /// Tensors in memory.
    Tensors(Arc<[NamedTensor]>),
    /// The folder of a training: its best parameters, or if no validation has chosen any, its last ones.
    Run(PathBuf),
    /// What the network's framework would begin a training with, drawn from this seed, see [`Init`].
    Init(u64),
}

impl Weights {
    /// The content of a safetensors file: downloaded, or part of the program by `include_bytes!`.
    pub fn bytes(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        Self::Bytes(Arc::new(bytes))
    }

    /// Tensors with their names, in the framework's shapes and order of elements.
    pub fn tensors(tensors: impl IntoIterator<Item = NamedTensor>) -> Self {
        Self::Tensors(tensors.into_iter().collect())
    }

    /// Gives `use_them` the values of all parameters of `model`.
    ///
    /// # Errors
    /// [`WeightsError`] if a file cannot be read or is damaged, if tensors are missing, unexpected or of another shape, or if a tensor
    /// in memory has another number of values than its shape says.
    pub fn with<R>(&self, model: &Model, use_them: impl FnOnce(&dyn ParameterSource) -> R) -> Result<R, WeightsError> {
        let file = match self {
            Self::Init(seed) => return Ok(use_them(&Init::new(model, *seed))),
            Self::File(path) => WeightFile::open(path)?,
            Self::Bytes(bytes) => WeightFile::from_bytes(Shared(bytes.clone()))?,
            Self::Tensors(tensors) => WeightFile::from_bytes(tensors_to_bytes(tensors)?)?,
            Self::Run(folder) => run(folder)?,
        };
        Ok(use_them(&file.bind(model)?))
    }
}

/// The parameters that a training has left in its folder.
fn run(folder: &Path) -> Result<WeightFile, WeightsError> {
    let [best, last] = ["best.safetensors", "last.checkpoint"].map(|name| folder.join(name));
    if best.exists() {
        return WeightFile::open(best);
    }
    if last.exists() {
        return Ok(WeightFile::open(last)?.under("parameters/"));
    }
    let reason = "no training has left best.safetensors or last.checkpoint there";
    Err(WeightsError::Io { path: folder.to_owned(), source: io::Error::new(io::ErrorKind::NotFound, reason) })
}

/// Bytes that others hold, too.
struct Shared(Arc<dyn AsRef<[u8]> + Send + Sync>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

impl From<&Path> for Weights {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<PathBuf> for Weights {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<&str> for Weights {
    fn from(path: &str) -> Self {
        Self::File(path.into())
    }
}

impl fmt::Debug for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Bytes(bytes) => write!(f, "Bytes({})", (**bytes).as_ref().len()),
            Self::Tensors(tensors) => write!(f, "Tensors({})", tensors.len()),
            Self::Run(folder) => f.debug_tuple("Run").field(folder).finish(),
            Self::Init(seed) => f.debug_tuple("Init").field(seed).finish(),
        }
    }
}
