//! Groups of parameters for optimizers.

use atrous_graph::NodeId;
use atrous_graph::optim::ParameterGroup;

use crate::select::select;
use crate::{Model, ModelError};

impl Model {
    /// The nodes of all trainable parameters, in the model's order.
    pub fn trainable(&self) -> Vec<NodeId> {
        self.parameters.iter().filter(|p| p.trainable).map(|p| p.node).collect()
    }

    /// Groups of the trainable parameters: weights of convolutions and linear layers decay by `weight_decay`; biases and batch
    /// normalisations do not decay. `parts` are names (see [`Model::select`]) with a factor of the learning rate, such as
    /// `(&["backbone"], 0.1)`; a parameter of several parts belongs to the first, and the factor of all others is 1. Groups without
    /// parameters are left out.
    ///
    /// # Errors
    /// [`ModelError::UnknownName`].
    pub fn parameter_groups(
        &self,
        weight_decay: f64,
        parts: &[(&[&str], f64)],
    ) -> Result<Vec<ParameterGroup>, ModelError> {
        let mut part_of = vec![parts.len(); self.parameters.len()];
        for (part, (names, _)) in parts.iter().enumerate().rev() {
            let selected = select(&self.name, &self.parameters, names)?;
            part_of.iter_mut().zip(selected).filter(|(_, selected)| *selected).for_each(|(of, _)| *of = part);
        }
        let mut groups = Vec::new();
        for part in 0..=parts.len() {
            let lr = parts.get(part).map_or(1.0, |(_, lr)| *lr);
            for decays in [true, false] {
                let belongs = |i: usize| {
                    let p = &self.parameters[i];
                    (p.trainable && p.kind.decays() == decays && part_of[i] == part).then_some(p.node)
                };
                let parameters: Vec<NodeId> = (0..self.parameters.len()).filter_map(belongs).collect();
                if !parameters.is_empty() {
                    groups.push(ParameterGroup {
                        parameters,
                        lr,
                        weight_decay: if decays { weight_decay } else { 0.0 },
                    });
                }
            }
        }
        Ok(groups)
    }
}
