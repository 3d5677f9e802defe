//! What a network is: something that adds itself to a builder, and knows how its images are made.

mod info;
mod into;

use std::collections::HashSet;
use std::sync::Arc;

use atrous_graph::{GraphError, NodeId, Shape};

use crate::{Builder, Mode, Model, Naming, Output};

pub use info::{Info, Task};
pub use into::IntoNetwork;

/// A network: those of [`crate::zoo`], and everyone's own.
///
/// Two methods are required: what it is for, and what it adds to a [`Builder`].
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

    /// What the network is called in messages, checkpoints and run folders. By default the name of the type; networks of the zoo
    /// that were asked for by name have that one.
    fn name(&self) -> String {
        let full = std::any::type_name::<Self>();
        let path = full.split('<').next().unwrap_or(full);
        path.rsplit("::").next().unwrap_or(path).to_owned()
    }

    /// Whose names and layouts of weights its layers have. By default PyTorch's.
    fn naming(&self) -> Naming {
        Naming::Torch
    }

    /// The same network for another number of classes.
    ///
    /// # Errors
    /// By default [`GraphError::Unsupported`]: without a method of its own a network has the classes it was made with.
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

/// What a network has added to a builder.
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
    /// Feature maps, finest first; none of networks that do not tell. Where dilations take the place of strides, several have one stride,
    /// the last of which is the deepest.
    pub features: Vec<Feature>,
}

/// A map of features that heads can be put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Feature {
    /// Pixels of the image per pixel of the map, in each direction. Layers without padding lose some at the border.
    pub stride: usize,
    /// The node that makes it.
    pub node: NodeId,
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

    /// The same with feature maps, finest first.
    pub fn with_features(self, features: Vec<Feature>) -> Self {
        Self { features, ..self }
    }

    /// The same with one more result.
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

/// The error of a network that is built by itself, whose name its builder does not know: with that name and the image's shape.
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
