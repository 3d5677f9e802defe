//! Constructor calls that cannot be used.

use atrous_graph::GraphError;

/// Why a constructor call gives no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConstructorError {
    /// The text is not a call.
    #[error("\"{text}\" is not a constructor call: {reason}")]
    Syntax {
        /// The text.
        text: String,
        /// What was expected where.
        reason: String,
    },
    /// The constructor or one of its arguments is not known here.
    #[error("\"{constructor}\": {reason}")]
    Unsupported {
        /// The function called.
        constructor: String,
        /// Why it cannot be used.
        reason: String,
    },
    /// The network cannot be built with these arguments.
    #[error(transparent)]
    Graph(#[from] GraphError),
}
