//! What can be wrong with a graph.

/// A graph that cannot be built. The text names the node, the operation and both values.
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
        /// What was wanted and what was found.
        reason: String,
    },
    /// The operation is well-formed, but atrous cannot do it.
    #[error("{op} \"{node}\": {reason} is not supported")]
    Unsupported {
        /// The operation's name.
        op: &'static str,
        /// The node that was to be added.
        node: String,
        /// What is not supported.
        reason: String,
    },
    /// A name was asked for that the graph does not have.
    #[error("no node is named \"{name}\"; similar names: {similar}")]
    UnknownName {
        /// The name asked for.
        name: String,
        /// A few names of the graph that come close.
        similar: String,
    },
}
