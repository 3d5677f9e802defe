//! Networks: descriptions that add themselves to a builder, and know how their images are made.

mod compose;
mod info;

use std::collections::HashSet;
use std::sync::Arc;

use atrous_graph::{GraphError, NodeId, Shape};

use crate::{Builder, Feature, Mode, Model, Naming, Output};

pub use info::{Info, Task};

/// A network, of [`crate::zoo`] or of the program.
///
/// Two methods are required: [`info`](Network::info), and [`build_into`](Network::build_into), which adds the network to a [`Builder`].
///
/// ```
/// use atrous_graph::{GraphError, NodeId, Shape};
/// use atrous_nn::layers::{Conv, Norm};
/// use atrous_nn::{Builder, Built, Info, Mode, Network};
///
/// struct Small {
///     classes: usize,
/// }
///
/// impl Network for Small {
///     fn info(&self) -> Info {
///         Info::classification(self.classes)
///     }
///
///     fn build_into(&self, b: &mut Builder, image: NodeId) -> Result<Built, GraphError> {
///         let y = b.conv2d("conv", image, Conv::new(16, 3).stride(2).padding(1))?;
///         let y = b.batch_norm("bn", y, Norm::TORCH)?;
///         let y = b.relu("relu", y)?;
///         let y = b.global_avg_pool("pool", y)?;
///         Ok(b.linear("fc", y, self.classes, true)?.into())
///     }
/// }
///
/// let model = Small { classes: 5 }.build("small", Shape::new(1, 32, 32, 3), Mode::Inference)?;
/// assert_eq!(model.output_shape(), Shape::new(1, 1, 1, 5));
/// # Ok::<(), GraphError>(())
/// ```
pub trait Network: Send + Sync {
    /// What the network is for and how its images are made.
    fn info(&self) -> Info;

    /// Adds the network, which reads the node `image` of shape `N×H×W×C`. Its names are those of the builder's scope and its own,
    /// so that a network can be part of another ([`Builder::network`]).
    ///
    /// # Errors
    /// For images of impossible size and contradictory attributes.
    fn build_into(&self, b: &mut Builder, image: NodeId) -> Result<Built, GraphError>;

    /// What the network is called in messages, checkpoints and run folders. By default the name of the type; networks that
    /// were looked up in the zoo have their name there.
    fn name(&self) -> String {
        let full = std::any::type_name::<Self>();
        let path = full.split('<').next().unwrap_or(full);
        path.rsplit("::").next().unwrap_or(path).to_owned()
    }

    /// The framework whose names and weight layouts the layers have; PyTorch by default.
    fn naming(&self) -> Naming {
        Naming::Torch
    }

    /// The same network for another number of classes.
    ///
    /// # Errors
    /// [`GraphError::Unsupported`] unless the network implements this method.
    fn with_classes(&self, classes: usize) -> Result<Arc<dyn Network>, GraphError> {
        let reason =
            format!("{classes} classes in place of {}, without a `with_classes` of its own,", self.info().classes);
        Err(GraphError::Unsupported { op: "network", node: self.name(), reason })
    }

    /// Builds the network by itself, for images of shape `N×H×W×C`, and calls it `name`.
    ///
    /// # Errors
    /// Those of [`Builder::network`].
    fn build(&self, name: &str, image: Shape, mode: Mode) -> Result<Model, GraphError> {
        let mut b = Builder::new(self.naming(), mode);
        let x = b.input("input", image)?;
        let built = b.network("", self, x).map_err(|error| named(name, image, error))?;
        let outputs: Vec<(&str, NodeId)> = built.outputs.iter().map(|o| (o.name.as_str(), o.node)).collect();
        Ok(Model { features: built.features, ..b.finish(name, x, &outputs) })
    }
}

/// The results of a network that was added to a builder.
///
/// ```
/// use atrous_graph::{GraphError, NodeId, Shape};
/// use atrous_nn::layers::Conv;
/// use atrous_nn::{Builder, Built, Info, Mode, Network};
///
/// /// Two heads on one body.
/// struct Leaves;
///
/// impl Network for Leaves {
///     fn info(&self) -> Info {
///         Info::classification(12)
///     }
///
///     fn build_into(&self, b: &mut Builder, image: NodeId) -> Result<Built, GraphError> {
///         let y = b.conv2d("conv", image, Conv::new(16, 3).stride(2).padding(1))?;
///         let y = b.global_avg_pool("pool", y)?;
///         let species = b.linear("species", y, 12, true)?;
///         let length = b.linear("length", y, 1, true)?;
///         Ok(Built::default().and("species", species).and("length", length))
///     }
/// }
///
/// let model = Leaves.build("leaves", Shape::new(4, 32, 32, 3), Mode::Inference)?;
/// let heads: Vec<_> = model.outputs.iter().map(|o| (o.name.as_str(), model.graph.shape(o.node))).collect();
/// assert_eq!(heads, [("species", Shape::new(4, 1, 1, 12)), ("length", Shape::new(4, 1, 1, 1))]);
/// # Ok::<(), GraphError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Built {
    /// Results, at least one, the main one first: logits `N×1×1×classes` of a classifier, `N×H×W×classes` of a segmentation network.
    pub outputs: Vec<Output>,
    /// Feature maps, finest first; empty for networks that do not offer any. With dilations instead of strides several maps have the same
    /// stride; the last of them is the deepest.
    pub features: Vec<Feature>,
}

impl Built {
    /// Checks that there are results and that their names differ.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.outputs.is_empty() {
            return Err("it has no results".to_owned());
        }
        let mut names = HashSet::new();
        match self.outputs.iter().find(|output| !names.insert(&output.name)) {
            Some(twice) => Err(format!("two of its results are called \"{}\"", twice.name)),
            None => Ok(()),
        }
    }

    /// Sets the feature maps, finest first.
    pub fn with_features(self, features: Vec<Feature>) -> Self {
        Self { features, ..self }
    }

    /// Adds a result.
    pub fn and(mut self, name: &str, node: NodeId) -> Self {
        self.outputs.push(Output { name: name.to_owned(), node });
        self
    }
}

impl From<NodeId> for Built {
    /// One result, called `out`.
    fn from(node: NodeId) -> Self {
        Self::default().and("out", node)
    }
}

/// Adds the name of a network and its image's shape to an error. For networks that are built alone, since their names have no prefix.
fn named(name: &str, image: Shape, error: GraphError) -> GraphError {
    match error {
        GraphError::Invalid { op, node, reason } if node.is_empty() => {
            GraphError::Invalid { op, node: name.to_owned(), reason }
        }
        GraphError::Invalid { op, node, reason } => {
            GraphError::Invalid { op, node, reason: format!("{reason}, in {name} for images of {image}") }
        }
        other => other,
    }
}
