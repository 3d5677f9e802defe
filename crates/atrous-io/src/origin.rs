//! Where a network's weights come from.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use atrous_graph::ParameterSource;
use atrous_nn::{Init, Model};

use crate::checked::CheckedSource;
use crate::weights::run_files;
use crate::{Mismatch, NamedTensor, WeightFile, WeightsError, tensors_to_bytes};

/// Where a network's weights come from. A file, bytes, tensors and a training's folder must hold exactly the network's tensors, with the
/// names, shapes and layouts of the framework that the network comes from, unless only a [part](Weights::partial) of them is wanted.
///
/// All values must be finite, and those of running variances not negative, since otherwise all results are NaN or meaningless. This is
/// checked here, in [`Weights::with`], wherever they come from, unless [they are wanted](Weights::allow_non_finite).
///
/// ```
/// use atrous_io::Weights;
///
/// let file = Weights::from("resnet50.safetensors");
/// let part_of_the_program = Weights::bytes(&b"..."[..]);
/// let of_a_training = Weights::Run("runs/cells".into());
/// let untrained = Weights::Init(42);
/// let fine_tuned = Weights::from("resnet50.safetensors").partial("", 42);
/// # let _ = (file, part_of_the_program, of_a_training, untrained, fine_tuned);
/// ```
#[derive(Clone)]
pub enum Weights {
    /// A safetensors file.
    File(PathBuf),
    /// The content of a safetensors file, see [`Weights::bytes`].
    Bytes(Arc<dyn AsRef<[u8]> + Send + Sync>),
    /// Tensors in memory.
    Tensors(Arc<[NamedTensor]>),
    /// The folder of a training: its best parameters, or its last ones if no epoch has ended yet.
    Run(PathBuf),
    /// Random first values by the rules of the network's framework, drawn from this seed, see [`Init`].
    Init(u64),
    /// The tensors that fit, and random first values for all others, see [`Weights::partial`].
    Partial {
        /// A file, bytes, tensors or a training's folder.
        weights: Arc<Weights>,
        /// The prefix of the network's names that the tensors' names lack.
        prefix: String,
        /// Seed of the random values.
        seed: u64,
    },
    /// A source of the program's own, see [`Weights::source`].
    Source(Arc<dyn ParameterSource + Send + Sync>),
    /// Weights whose values are not checked, see [`Weights::allow_non_finite`].
    Unchecked(Arc<Weights>),
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

    /// Weights for fine-tuning: the tensors that fit, found by the network's names without `prefix` (`""` for a whole network,
    /// `"encoder."` for the backbone of another), and random first values from the seed for all others, such as a head for other classes.
    /// [`Self::mismatch`] lists these.
    pub fn partial(self, prefix: impl Into<String>, seed: u64) -> Self {
        Self::Partial { weights: Arc::new(self), prefix: prefix.into(), seed }
    }

    /// A source of the program's own, such as values in memory by the parameters' names, in the order of the graph's shapes, or parts of
    /// several files ([`WeightFile::bind_part`]).
    pub fn source(source: impl ParameterSource + Send + Sync + 'static) -> Self {
        Self::Source(Arc::new(source))
    }

    /// The same weights, whose values may be NaN or infinite, and whose running variances may be negative: to look at a training that
    /// diverged.
    #[must_use]
    pub fn allow_non_finite(self) -> Self {
        Self::Unchecked(Arc::new(self))
    }

    /// Calls `use_them` with a source of all parameters of `model`.
    ///
    /// # Errors
    /// [`WeightsError`] if a file cannot be read or is damaged, if tensors are missing, unexpected or of another shape, if no
    /// tensor of [partial](Self::partial) weights fits, or if a tensor in memory has another number of values than its shape says.
    /// [`WeightsError::Values`] for values that are not finite or a negative running variance; if they are those of a
    /// [source](Self::source), `use_them` was called and failed.
    pub fn with<R>(&self, model: &Model, use_them: impl FnOnce(&dyn ParameterSource) -> R) -> Result<R, WeightsError> {
        Ok(match self.checked() {
            (Self::Init(seed), _) => use_them(&Init::new(model, *seed)),
            (Self::Source(source), true) => CheckedSource::new(model, &**source).with(use_them)?,
            (Self::Source(source), false) => use_them(&**source),
            (Self::Partial { weights, prefix, seed }, checked) => {
                use_them(&weights.file(checked)?.bind_partial(model, prefix, Init::new(model, *seed))?)
            }
            (whole, checked) => use_them(&whole.file(checked)?.bind(model)?),
        })
    }

    /// The weights within, and whether their values are checked.
    fn checked(&self) -> (&Self, bool) {
        match self {
            Self::Unchecked(weights) => (weights.checked().0, false),
            _ => (self, true),
        }
    }

    /// The differences between these weights and a model's parameters. For [partial](Self::partial) weights, missing parameters and those
    /// of another shape get random first values, and unexpected tensors are not used; for all other weights any difference is an error
    /// when they are loaded.
    ///
    /// ```
    /// use atrous_graph::Shape;
    /// use atrous_io::Weights;
    /// use atrous_nn::zoo::SmallResNet;
    /// use atrous_nn::{Init, Mode, Network};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("ten.safetensors");
    /// let build = |classes| SmallResNet { classes, ..SmallResNet::default() }.build("net", Shape::new(1, 32, 32, 3), Mode::Training);
    /// let (ten, three) = (build(10)?, build(3)?);
    /// atrous_io::save_parameters(&path, &ten, &Init::new(&ten, 1))?;
    /// let drawn = Weights::from(path).partial("", 1).mismatch(&three)?;
    /// assert_eq!(drawn.shapes.iter().map(|shapes| &shapes.name[..]).collect::<Vec<_>>(), ["fc.weight", "fc.bias"]);
    /// assert!(drawn.missing.is_empty() && drawn.unexpected.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`WeightsError`] if a file cannot be read or is damaged; [`WeightsError::NoTensors`] for weights without tensors of their own, such
    /// as [`Weights::Init`].
    pub fn mismatch(&self, model: &Model) -> Result<Mismatch, WeightsError> {
        let (weights, prefix) = match self.checked().0 {
            Self::Partial { weights, prefix, .. } => (&**weights, prefix.as_str()),
            whole => (whole, ""),
        };
        Ok(weights.file(false)?.compare(model, prefix).1)
    }

    /// The tensors by name.
    fn file(&self, checked: bool) -> Result<WeightFile, WeightsError> {
        let file = match self {
            Self::File(path) => WeightFile::open(path),
            Self::Bytes(bytes) => WeightFile::from_shared(bytes.clone()),
            Self::Tensors(tensors) => WeightFile::from_bytes(tensors_to_bytes(tensors)?),
            Self::Run(folder) => run(folder),
            Self::Unchecked(weights) => return weights.file(false),
            Self::Init(_) | Self::Partial { .. } | Self::Source(_) => {
                Err(WeightsError::NoTensors { weights: format!("{self:?}") })
            }
        }?;
        Ok(if checked { file } else { file.allow_non_finite() })
    }
}

/// The parameters that a training has left in its folder.
fn run(folder: &Path) -> Result<WeightFile, WeightsError> {
    let [best, last] = run_files(folder);
    if best.exists() {
        return WeightFile::open(best);
    }
    if last.exists() {
        return Ok(WeightFile::open(last)?.under("parameters/"));
    }
    let (kind, reason) = match () {
        () if folder.is_dir() => {
            (io::ErrorKind::NotFound, "no training has left best.safetensors or last.checkpoint there")
        }
        () if folder.exists() => (io::ErrorKind::NotADirectory, "it is a file, not the folder of a training"),
        () => (io::ErrorKind::NotFound, "there is no such folder"),
    };
    Err(WeightsError::Io { path: folder.to_owned(), source: io::Error::new(kind, reason) })
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
            Self::Partial { weights, prefix, seed } => {
                let mut out = f.debug_struct("Partial");
                out.field("weights", weights).field("prefix", prefix).field("seed", seed).finish()
            }
            Self::Source(_) => f.write_str("Source"),
            Self::Unchecked(weights) => f.debug_tuple("Unchecked").field(weights).finish(),
        }
    }
}
