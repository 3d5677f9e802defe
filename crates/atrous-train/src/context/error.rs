//! What can be wrong with an objective.

use atrous_graph::GraphError;

use crate::OptionError;

/// Why an objective makes no loss of a network and its targets.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectiveError {
    /// Shapes that do not fit each other.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Numbers of the objective that make no sense.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The data have no such target.
    #[error("the objective needs the target \"{name}\"{}, but the data have {has}", kind(.needs.as_deref()))]
    MissingTarget {
        /// The target's name.
        name: String,
        /// What it must be, if that is known.
        needs: Option<String>,
        /// All targets that there are.
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
    /// The network answers another question than the data's labels.
    #[error("{network} gives {output}, but the {target} of the data need {needs}")]
    Fit {
        /// The network's name.
        network: String,
        /// Shape of its result.
        output: String,
        /// The target's name.
        target: String,
        /// Shape that goes with it: its rows and columns, and a channel per class; and what to do about it.
        needs: String,
    },
    /// The network has no such output.
    #[error("{network} has no output \"{name}\"; it has {has}")]
    UnknownOutput {
        /// The network's name.
        network: String,
        /// The output asked for.
        name: String,
        /// Those that there are.
        has: String,
    },
    /// A loss that is not one number.
    #[error("the loss must be one f32, 1×1×1×1, but \"{node}\" is {ty}")]
    NotScalar {
        /// The node that was given as the loss.
        node: String,
        /// Its shape and type.
        ty: String,
    },
    /// A name that the graph has for something else, or another number of values than the shape has.
    #[error("input \"{name}\": {reason}")]
    Input {
        /// The input.
        name: String,
        /// Why the input is refused.
        reason: String,
    },
    /// Whatever an objective of one's own has to say.
    #[error("{0}")]
    Other(String),
}

fn kind(needs: Option<&str>) -> String {
    needs.map_or_else(String::new, |needs| format!(", {needs}"))
}
