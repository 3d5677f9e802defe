//! Errors of requests to a model.

use atrous_graph::GraphError;

/// A request that does not fit the model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A name that selects no parameter, see [`crate::Model::select`].
    #[error("no parameter of {model} is called {name:?} or lies under it; similar names: {similar}")]
    UnknownName {
        /// The model's name.
        model: String,
        /// The name asked for.
        name: String,
        /// Similar names.
        similar: String,
    },
    /// The graph cannot be changed.
    #[error(transparent)]
    Graph(#[from] GraphError),
}
