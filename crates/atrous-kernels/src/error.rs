//! Why an operation or a graph cannot be planned.

use atrous_graph::NodeId;

/// Why an operation cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A size exceeds the adapter's limit, however the operation is split.
    #[error("needs {needs} {what}, the adapter allows {limit}")]
    Limit {
        /// What exceeds the limit, with its unit.
        what: &'static str,
        /// How much is needed.
        needs: u64,
        /// How much the adapter allows.
        limit: u64,
    },
    /// A filter that cannot be cut into pieces small enough: four of its output channels exceed a binding.
    #[error("has {bytes} bytes, and any four output channels {needs} in one binding, the adapter allows {limit}")]
    Uncut {
        /// Bytes of the whole filter.
        bytes: u64,
        /// Bytes of four output channels, the fewest that a piece has.
        needs: u64,
        /// Bytes that the adapter allows in one binding.
        limit: u64,
    },
    /// One of the other errors, at a node of a graph.
    #[error("{op} \"{node}\": {source}")]
    Node {
        /// The operation's name.
        op: &'static str,
        /// The node's name.
        node: String,
        /// The error of its operation.
        source: Box<PlanError>,
    },
    /// A custom operation gives no kernel for these tensors.
    #[error("it gives no kernel: {0}")]
    Custom(String),
    /// No family of kernels has a variant of the requested name.
    #[error("no kernel variant is named {name:?}; similar names: {similar}")]
    UnknownVariant {
        /// The name asked for.
        name: String,
        /// The names that come closest.
        similar: String,
    },
    /// No kernel supports the operation.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// A node that is named as an output, a total or a loss is not in the graph.
    #[error("{what} %{} is not a node of the graph, which has {nodes}", node.0)]
    UnknownNode {
        /// The role of the node, such as `output` or `total`.
        what: &'static str,
        /// The node asked for.
        node: NodeId,
        /// Number of nodes.
        nodes: usize,
    },
    /// A node that cannot be summed over several runs.
    #[error("{0}")]
    Totals(String),
    /// A training step that does not fit its graph.
    #[error("training: {0}")]
    Training(String),
    /// A plan that breaks its own rules: a bug of atrous.
    #[error("the plan is inconsistent (a bug of atrous): {0}")]
    Inconsistent(String),
}
