//! Runs a case on the adapter and by the CPU reference, and compares.

use atrous_gpu::{Data, InputData};
use atrous_graph::{DType, NodeId};
use atrous_io::WeightFile;

use super::super::{CaseError, Executor, compare, folder::stored};
use super::{
    case::{Case, Expected},
    draft::Draft,
};

/// Computes the case's results on the adapter and by the reference, and compares both with the stored ones.
pub(super) fn check(case: &Case, draft: &Draft<'_>, file: &WeightFile, executor: &Executor) -> Result<(), CaseError> {
    let grads = case.grads.iter().map(|(name, e)| (e, format!("grad {name}")));
    let outputs = case.outputs.iter().map(|(name, e)| (e, name.clone()));
    let wanted: Vec<(&Expected, String, NodeId)> = outputs
        .chain(grads)
        .map(|(e, name)| {
            let node = draft.outputs[&name];
            (e, name, node)
        })
        .collect();
    let mut nodes: Vec<NodeId> = wanted.iter().map(|(_, _, node)| *node).collect();
    nodes.sort_unstable();
    nodes.dedup();

    let reference = atrous_cpu::run(&draft.graph, &draft.tensors(), &nodes).map_err(CaseError::failed)?;
    let reference: Vec<Data> = nodes
        .iter()
        .zip(reference)
        .map(|(node, tensor)| match draft.graph.node(*node).ty.dtype {
            DType::F32 | DType::F16 => Data::F32(tensor.to_f32()),
            DType::U32 => Data::U32(tensor.data.iter().map(|v| *v as u32).collect()),
        })
        .collect();
    let device = on_device(draft, &nodes, executor)?;

    for (who, results) in [("reference", reference), ("adapter", device)] {
        for (expected, name, node) in &wanted {
            let result = nodes.iter().zip(&results).find(|(id, _)| *id == node).map(|(_, data)| data);
            let result = result.ok_or_else(|| CaseError::Failed(format!("{name} of the {who} is missing")))?;
            compare_one(draft, name, who, *node, result, expected, file)?;
        }
    }
    Ok(())
}

fn on_device(draft: &Draft<'_>, nodes: &[NodeId], executor: &Executor) -> Result<Vec<Data>, CaseError> {
    let parameters = executor.upload(&draft.graph, &draft.parameters())?;
    let whole: Vec<Vec<u32>> =
        draft.images.iter().map(|name| draft.values[name].1.iter().map(|v| *v as u32).collect()).collect();
    let mut inputs = Vec::with_capacity(whole.len());
    for (name, labels) in draft.images.iter().zip(&whole) {
        let data = match draft.graph.node(draft.graph.find(name)?).ty.dtype {
            DType::F32 | DType::F16 => InputData::F32(&draft.values[name].1),
            DType::U32 => InputData::U32(labels),
        };
        inputs.push((name.as_str(), data));
    }
    executor.run(&draft.graph, parameters, &inputs, nodes)
}

fn compare_one(
    draft: &Draft<'_>,
    name: &str,
    who: &str,
    node: NodeId,
    got: &Data,
    want: &Expected,
    file: &WeightFile,
) -> Result<(), CaseError> {
    let (what, shape) = (&format!("{name} of the {who}"), draft.graph.shape(node));
    if want.shape.iter().product::<usize>() != shape.len() {
        return Err(CaseError::Failed(format!("{what} is {shape}, expected {:?} (channels second)", want.shape)));
    }
    match got {
        Data::F32(values) => {
            let stored = stored(file, &want.key)?;
            if stored.shape != want.shape {
                return Err(CaseError::Failed(format!("{} is stored as {:?}", want.key, stored.shape)));
            }
            compare::close(what, &want.shape, &draft.in_file_order(name, shape, values), &stored.values, want.atol)
        }
        Data::U32(values) => {
            let integers = file.tensor(&want.key).and_then(|tensor| tensor.to_i64());
            let stored = integers.ok_or_else(|| CaseError::Failed(format!("no integers named {}", want.key)))?;
            let got: Vec<i64> = draft.in_file_order(name, shape, values).into_iter().map(i64::from).collect();
            compare::equal(what, &want.shape, &got, &stored)
        }
    }
}
