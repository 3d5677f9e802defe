//! Compares all stored intermediate activations, requested by name.

use std::{collections::HashMap, sync::Arc};

use atrous_gpu::{Data, InputData, Parameters};
use atrous_graph::{Graph, NodeId};

use super::super::{
    CaseError,
    array::{Array, image_shape, statistics, to_nchw},
    compare::number,
    folder::stored,
};
use super::{
    entry::{PHOTOS, Tap},
    images::Photographs,
    network::{Network, build},
};

/// Bytes of activations that one run returns at most; an activation larger than that has a run of its own.
const BYTES_PER_RUN: u64 = 512 << 20;

/// Allowed deviation of an activation, relative to its largest magnitude: the rule by which the tolerances of outputs were chosen.
const RTOL: f64 = 1e-4;

/// Number of stored values per activation: mean, standard deviation, minimum, maximum and the samples.
const COLUMNS: usize = 12;

/// Runs a network on the photographs and compares the statistics and samples of every stored activation.
pub(super) fn check(
    network: &Network<'_>,
    parameters: Arc<Parameters>,
    photographs: &Photographs,
) -> Result<(), CaseError> {
    let eval = &network.entry.eval[PHOTOS];
    let shape = eval.input.shape().ok_or_else(|| CaseError::Unsupported("an input that is no image".to_owned()))?;
    let model = build(network.entry, shape)?;
    let taps = &network.detail.taps;
    let rows = stored(&network.stored, &format!("{}/taps", network.entry.name))?;
    if rows.shape != [taps.len(), COLUMNS] {
        return Err(CaseError::Failed(format!("{} activations, stored {:?}", taps.len(), rows.shape)));
    }
    let by_node = by_node(&model.graph, taps)?;
    let input = photographs.input(&eval.input)?;
    let name = &model.graph.node(model.input).name;

    let mut problems = Vec::new();
    let limit = BYTES_PER_RUN.min(network.executor.max_buffer() / 2);
    for group in groups(&model.graph, by_node.keys().copied(), limit) {
        let outputs =
            network.executor.run(&model.graph, parameters.clone(), &[(name, InputData::F32(&input))], &group)?;
        for (node, data) in group.iter().zip(outputs) {
            let Data::F32(values) = data else {
                return Err(CaseError::Failed(format!("{} is not f32", model.graph.node(*node).name)));
            };
            for tap in &by_node[node] {
                let row = &rows.values[tap * COLUMNS..][..COLUMNS];
                let values = to_nchw(model.graph.shape(*node), &values);
                let array = Array { shape: taps[*tap].shape.clone(), values };
                if let Err(CaseError::Failed(why) | CaseError::Unsupported(why)) = compare(&array, row) {
                    problems.push((*tap, format!("{}: {why}", taps[*tap].name)));
                }
            }
        }
    }
    problems.sort();
    match problems.first() {
        None => Ok(()),
        // Only the first problems are shown: later ones mostly follow from them.
        Some((_, first)) => {
            Err(CaseError::Failed(format!("{first} ({} of {} activations off)", problems.len(), taps.len())))
        }
    }
}

/// The indices of the stored activations that each node computes. All names must be known and all shapes equal.
fn by_node(graph: &Graph, taps: &[Tap]) -> Result<HashMap<NodeId, Vec<usize>>, CaseError> {
    let mut by_node: HashMap<NodeId, Vec<usize>> = HashMap::new();
    for (i, tap) in taps.iter().enumerate() {
        let node = graph.find(&tap.name)?;
        if graph.shape(node) != image_shape(&tap.shape)? {
            let (got, name) = (graph.shape(node), &tap.name);
            return Err(CaseError::Failed(format!("{name} is {got}, expected {:?} (channels second)", tap.shape)));
        }
        by_node.entry(node).or_default().push(i);
    }
    Ok(by_node)
}

/// The nodes in the order of the graph, in groups of at most `limit` bytes.
fn groups(graph: &Graph, nodes: impl Iterator<Item = NodeId>, limit: u64) -> Vec<Vec<NodeId>> {
    let mut nodes: Vec<NodeId> = nodes.collect();
    nodes.sort_unstable();
    let mut groups: Vec<Vec<NodeId>> = Vec::new();
    let mut filled = limit;
    for node in nodes {
        let bytes = graph.node(node).ty.bytes();
        match groups.last_mut() {
            Some(group) if filled + bytes <= limit => group.push(node),
            _ => {
                groups.push(vec![node]);
                filled = 0;
            }
        }
        filled += bytes;
    }
    groups
}

/// Compares an activation with its stored row.
fn compare(array: &Array, row: &[f32]) -> Result<(), CaseError> {
    let row: Vec<f64> = row.iter().map(|v| f64::from(*v)).collect();
    let (statistics_row, samples) = row.split_at(4);
    let atol = RTOL * statistics_row[2].abs().max(statistics_row[3].abs());
    for ((what, got), want) in ["mean", "std", "min", "max"].iter().zip(statistics(&array.values)).zip(statistics_row) {
        number(what, got, *want, atol)?;
    }
    let last = array.values.len() - 1;
    for (j, want) in samples.iter().enumerate() {
        let index = j * last / (samples.len() - 1);
        number(&format!("element {index}"), f64::from(array.values[index]), *want, atol)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use atrous_graph::{DType, Op, Shape, op::Unary};

    use super::*;

    #[test]
    fn groups_keep_the_order_and_the_limit() {
        let mut graph = Graph::new();
        let x = graph.input("x", Shape::channels(4), DType::F32).unwrap();
        let ids: Vec<NodeId> = (0..5).map(|_| graph.add("y", Op::Unary(Unary::Relu), &[x]).unwrap()).collect();
        let groups = groups(&graph, ids.iter().rev().copied(), 32);
        assert_eq!(groups, [&ids[..2], &ids[2..4], &ids[4..]]);
        assert_eq!(super::groups(&graph, ids[..2].iter().copied(), 1), [&ids[..1], &ids[1..2]]);
    }

    #[test]
    fn a_perturbed_sample_or_statistic_fails() {
        let array = Array { shape: vec![1, 8], values: vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0] };
        let [mean, std, min, max] = statistics(&array.values).map(|v| v as f32);
        let row = [vec![mean, std, min, max], array.values.clone()].concat();
        assert!(compare(&array, &row).is_ok());
        for column in 0..COLUMNS {
            let mut wrong = row.clone();
            wrong[column] += if column == 3 { -0.002 } else { 0.002 };
            assert!(compare(&array, &wrong).is_err(), "column {column}");
        }
    }
}
