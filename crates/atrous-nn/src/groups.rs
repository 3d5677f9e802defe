//! Groups of parameters for optimizers.

use atrous_graph::NodeId;

use crate::select::select;
use crate::{Model, ModelError};

/// Parameters that an optimizer treats alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterGroup {
    /// The part of the network; empty for what belongs to no named part.
    pub part: String,
    /// Whether weight decay applies: to weights of convolutions and linear layers, not to batch normalisations and biases.
    pub decay: bool,
    /// The parameters' nodes, in the model's order.
    pub parameters: Vec<NodeId>,
}

impl Model {
    /// Splits the trainable parameters by part and by whether they decay. A part is a name and what lies under it (see
    /// [`Model::select`]), such as `("head", &["fc"])`; a parameter under several belongs to the first. What is under none
    /// follows last, with an empty name. Groups without parameters are left out.
    ///
    /// # Errors
    /// [`ModelError::UnknownName`].
    pub fn parameter_groups(&self, parts: &[(&str, &[&str])]) -> Result<Vec<ParameterGroup>, ModelError> {
        let mut part_of = vec![parts.len(); self.parameters.len()];
        for (part, (_, names)) in parts.iter().enumerate().rev() {
            for (i, selected) in select(&self.name, &self.parameters, names)?.into_iter().enumerate() {
                if selected {
                    part_of[i] = part;
                }
            }
        }
        let mut groups = Vec::new();
        for part in 0..=parts.len() {
            for decay in [true, false] {
                let belongs = self
                    .parameters
                    .iter()
                    .zip(&part_of)
                    .filter(|(p, of)| p.trainable && p.kind.decays() == decay && **of == part);
                let parameters: Vec<NodeId> = belongs.map(|(p, _)| p.node).collect();
                if !parameters.is_empty() {
                    let part = parts.get(part).map_or("", |(name, _)| name).to_owned();
                    groups.push(ParameterGroup { part, decay, parameters });
                }
            }
        }
        Ok(groups)
    }
}
