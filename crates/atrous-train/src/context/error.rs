//! Errors of objectives.

use atrous_graph::GraphError;

use crate::OptionError;

/// Why an objective cannot make a loss of a network and its targets.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectiveError {
    /// The nodes of the loss cannot be added, such as for shapes that do not fit.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// An option of the objective is out of range.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The data have no such target.
    #[error("the objective needs the target \"{name}\"{}, but the data have {has}", kind(.needs.as_deref()))]
    MissingTarget {
        /// The target's name.
        name: String,
        /// The kind that it must have, if that is known.
        needs: Option<String>,
        /// All targets of the data.
        has: String,
    },
    /// The target is of another kind.
    #[error("the objective needs the target \"{name}\" as {needs}, but in the data it is {has}")]
    TargetKind {
        /// The target's name.
        name: String,
        /// What the objective needs.
        needs: String,
        /// What the data have.
        has: String,
    },
    /// The shape of the network's output does not fit the labels of the data.
    #[error("{network} gives {output}, but the {target} of the data need {needs}")]
    Fit {
        /// The network's name.
        network: String,
        /// Shape of the network's output.
        output: String,
        /// The target's name.
        target: String,
        /// Shape of output that fits the labels, and advice.
        needs: String,
    },
    /// The network has no such output.
    #[error("{network} has no output \"{name}\"; it has {has}")]
    UnknownOutput {
        /// The network's name.
        network: String,
        /// The output asked for.
        name: String,
        /// The network's outputs.
        has: String,
    },
    /// The loss is not a single number.
    #[error("the loss must be one f32, 1×1×1×1, but \"{node}\" is {ty}")]
    NotScalar {
        /// The node that was given as the loss.
        node: String,
        /// Its shape and type.
        ty: String,
    },
    /// The name of an input is taken, or its values do not fit its shape.
    #[error("input \"{name}\": {reason}")]
    Input {
        /// The input.
        name: String,
        /// Why the input is refused.
        reason: String,
    },
    /// Any other error of an objective.
    #[error("{0}")]
    Other(String),
}

fn kind(needs: Option<&str>) -> String {
    needs.map_or_else(String::new, |needs| format!(", {needs}"))
}
