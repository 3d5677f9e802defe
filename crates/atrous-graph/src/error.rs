//! Errors of building and searching a graph.

/// An error of a graph. The message names the node, the operation, and the expected and actual values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// The operation contradicts its inputs or its own attributes.
    #[error("{op} \"{node}\": {reason}")]
    Invalid {
        /// The operation's name, such as `conv2d`.
        op: &'static str,
        /// The node that was to be added.
        node: String,
        /// What was expected and what was found.
        reason: String,
    },
    /// The operation is well-formed, but not implemented.
    #[error("{op} \"{node}\": {reason} is not supported")]
    Unsupported {
        /// The operation's name.
        op: &'static str,
        /// The node that was to be added.
        node: String,
        /// What is not supported.
        reason: String,
    },
    /// No node or label has this name.
    #[error("no node is named \"{name}\"; similar names: {similar}")]
    UnknownName {
        /// The name asked for.
        name: String,
        /// The most similar names of the graph.
        similar: String,
    },
}
