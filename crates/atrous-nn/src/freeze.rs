//! Freezing: parameters that training does not change.

use std::collections::{BTreeMap, HashMap, HashSet};

use atrous_graph::{NodeId, Op};

use crate::select::select;
use crate::{Model, ModelError, RunningUpdate};

/// A running statistic of a training graph: its parameter, the batch's statistic, and its new value.
#[derive(Clone, Copy, Debug)]
struct Statistic {
    running: NodeId,
    batch: NodeId,
    value: NodeId,
}

impl Model {
    /// Freezes the parameters under these names (see [`Model::select`]): the optimizer does not change them. A batch normalisation
    /// under one of the names uses its running statistics and keeps them: in a graph built for training it reads them instead of the
    /// batch's statistics, and they get no new values. Running statistics of other layers under the names get no new values either. If
    /// the full name of a batch normalisation's scale or shift is given, this parameter alone is frozen.
    ///
    /// # Errors
    /// [`ModelError::UnknownName`]; nothing is changed then.
    pub fn freeze(&mut self, names: &[&str]) -> Result<(), ModelError> {
        let selected = select(&self.name, &self.parameters, names)?;
        let before = self.frozen();
        self.set_frozen(|i| before[i] || selected[i])
    }

    /// Undoes [`Model::freeze`] for the parameters under these names.
    ///
    /// # Errors
    /// [`ModelError::UnknownName`]; nothing is changed then.
    pub fn unfreeze(&mut self, names: &[&str]) -> Result<(), ModelError> {
        let selected = select(&self.name, &self.parameters, names)?;
        let before = self.frozen();
        self.set_frozen(|i| before[i] && !selected[i])
    }

    /// Makes the parameters under these names trainable and freezes all others.
    ///
    /// # Errors
    /// [`ModelError::UnknownName`]; nothing is changed then.
    pub fn freeze_all_but(&mut self, names: &[&str]) -> Result<(), ModelError> {
        let selected = select(&self.name, &self.parameters, names)?;
        self.set_frozen(|i| !selected[i])
    }

    /// Makes the first parameter under `name` and all after it trainable, in the order of [`Model::parameters`], and freezes those before
    /// it.
    ///
    /// # Errors
    /// [`ModelError::UnknownName`]; nothing is changed then.
    pub fn unfreeze_from(&mut self, name: &str) -> Result<(), ModelError> {
        let selected = select(&self.name, &self.parameters, &[name])?;
        let first = selected.iter().position(|selected| *selected).unwrap_or(0);
        self.set_frozen(|i| i < first)
    }

    /// For each parameter, whether it is frozen. A running statistic is frozen if it gets no new values.
    fn frozen(&self) -> Vec<bool> {
        let updated: HashSet<NodeId> = self.running.iter().map(|update| update.parameter).collect();
        let frozen =
            |p: &crate::ParameterSpec| if p.kind.is_trainable() { !p.trainable } else { !updated.contains(&p.node) };
        self.parameters.iter().map(frozen).collect()
    }

    fn set_frozen(&mut self, frozen: impl Fn(usize) -> bool) -> Result<(), ModelError> {
        let mut nodes = HashSet::new();
        for (i, p) in self.parameters.iter_mut().enumerate() {
            p.trainable = p.kind.is_trainable() && !frozen(i);
            if frozen(i) {
                nodes.insert(p.node);
            }
        }
        let statistics = self.statistics();
        let mut running = Vec::new();
        let mut own = statistics.values().map(|s| (s.running, s.value)).collect::<BTreeMap<_, _>>();
        let norms: Vec<NodeId> = self.graph.iter().filter(|(_, n)| is_norm(&n.op)).map(|(id, _)| id).collect();
        for id in norms {
            let node = self.graph.node(id);
            let Op::BatchNorm(op) = node.op else { continue };
            let of = |input: NodeId| statistics.get(&input).copied();
            let (Some(mean), Some(var)) = (of(node.inputs[1]), of(node.inputs[2])) else { continue };
            own.remove(&mean.running);
            own.remove(&var.running);
            let mut inputs = node.inputs.clone();
            let batch = !(nodes.contains(&mean.running) && nodes.contains(&var.running));
            for (input, statistic) in inputs[1..].iter_mut().zip([mean, var]) {
                *input = if batch { statistic.batch } else { statistic.running };
                if batch {
                    running.push(RunningUpdate { parameter: statistic.running, value: statistic.value });
                }
            }
            self.graph.replace(id, Op::BatchNorm(atrous_graph::op::BatchNorm { batch, ..op }), &inputs)?;
        }
        // What is left are running statistics of layers other than batch normalisation.
        own.retain(|parameter, _| !nodes.contains(parameter));
        running.extend(own.into_iter().map(|(parameter, value)| RunningUpdate { parameter, value }));
        self.running = running;
        Ok(())
    }

    /// The running statistics of the graph, each twice: by its parameter and by the batch's statistic. Frozen ones are among them, since
    /// their nodes stay in the graph.
    fn statistics(&self) -> HashMap<NodeId, Statistic> {
        let all = self.graph.iter().filter(|(_, node)| matches!(node.op, Op::RunningStat(_)));
        all.flat_map(|(value, node)| {
            let statistic = Statistic { running: node.inputs[0], batch: node.inputs[1], value };
            [(statistic.running, statistic), (statistic.batch, statistic)]
        })
        .collect()
    }
}

const fn is_norm(op: &Op) -> bool {
    matches!(op, Op::BatchNorm(_))
}
