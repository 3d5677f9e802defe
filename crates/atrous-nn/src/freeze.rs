//! Freezing: which parameters training leaves alone.

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
    /// Freezes the parameters under these names (see [`Model::select`]): the optimizer leaves them alone. A batch normalisation under
    /// one of the names uses and keeps its running statistics: in a graph built for training it reads them instead of the
    /// batch's, and they get no new values. Running statistics of other layers get no new values either. The scale or shift of a
    /// batch normalisation named exactly is frozen alone.
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

    /// Freezes everything but what lies under these names, which becomes trainable.
    ///
    /// # Errors
    /// [`ModelError::UnknownName`]; nothing is changed then.
    pub fn freeze_all_but(&mut self, names: &[&str]) -> Result<(), ModelError> {
        let selected = select(&self.name, &self.parameters, names)?;
        self.set_frozen(|i| !selected[i])
    }

    /// Makes everything trainable from the first parameter under `name` on, in the order of [`Model::parameters`], and freezes
    /// what comes before.
    ///
    /// # Errors
    /// [`ModelError::UnknownName`]; nothing is changed then.
    pub fn unfreeze_from(&mut self, name: &str) -> Result<(), ModelError> {
        let selected = select(&self.name, &self.parameters, &[name])?;
        let first = selected.iter().position(|selected| *selected).unwrap_or(0);
        self.set_frozen(|i| i < first)
    }

    /// Which parameters are frozen; running statistics are when they get no new values.
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
        // Those of layers other than batch normalisation.
        own.retain(|parameter, _| !nodes.contains(parameter));
        running.extend(own.into_iter().map(|(parameter, value)| RunningUpdate { parameter, value }));
        self.running = running;
        Ok(())
    }

    /// The graph's running statistics, by their parameter and by the batch's statistic. They stay in the graph when they are not
    /// used.
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
