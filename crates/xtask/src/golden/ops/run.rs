//! Runs a case both ways and compares.

use atrous_gpu::Data;
use atrous_graph::{DType, NodeId, Shape};
use atrous_io::WeightFile;

use super::super::{CaseError, Executor, array::to_nchw, compare, folder::stored};
use super::{Case, Expected, draft::Draft};

/// Computes the case's results on the adapter and by the reference, and compares both with the stored ones.
pub(super) fn check(case: &Case, draft: &Draft<'_>, file: &WeightFile, executor: &Executor) -> Result<(), CaseError> {
    let wanted: Vec<(&Expected, &str, NodeId)> =
        case.outputs.iter().map(|(name, e)| (e, name.as_str(), draft.outputs[name.as_str()])).collect();
    let mut nodes: Vec<NodeId> = wanted.iter().map(|(_, _, node)| *node).collect();
    nodes.sort_unstable();
    nodes.dedup();

    let reference = atrous_cpu::run(&draft.graph, &draft.tensors(), &nodes).map_err(CaseError::failed)?;
    let reference: Vec<Data> = nodes
        .iter()
        .zip(reference)
        .map(|(node, tensor)| match draft.graph.node(*node).ty.dtype {
            DType::F32 => Data::F32(tensor.to_f32()),
            DType::U32 => Data::U32(tensor.data.iter().map(|v| *v as u32).collect()),
        })
        .collect();
    let device = on_device(draft, &nodes, executor)?;

    for (who, results) in [("reference", reference), ("adapter", device)] {
        for (expected, name, node) in &wanted {
            let result = nodes.iter().zip(&results).find(|(id, _)| *id == node).map(|(_, data)| data);
            let result = result.ok_or_else(|| CaseError::Failed(format!("{name} of the {who} is missing")))?;
            compare_one(&format!("{name} of the {who}"), draft.graph.shape(*node), result, expected, file)?;
        }
    }
    Ok(())
}

fn on_device(draft: &Draft<'_>, nodes: &[NodeId], executor: &Executor) -> Result<Vec<Data>, CaseError> {
    let parameters = executor.upload(&draft.graph, &draft.parameters())?;
    let inputs: Vec<(&str, &[f32])> =
        draft.images.iter().map(|name| (name.as_str(), draft.values[name].1.as_slice())).collect();
    executor.run(&draft.graph, parameters, &inputs, nodes)
}

fn compare_one(what: &str, shape: Shape, got: &Data, want: &Expected, file: &WeightFile) -> Result<(), CaseError> {
    if want.shape.iter().product::<usize>() != shape.len() {
        return Err(CaseError::Failed(format!("{what} is {shape}, expected {:?} (channels second)", want.shape)));
    }
    match got {
        Data::F32(values) => {
            let stored = stored(file, &want.key)?;
            if stored.shape != want.shape {
                return Err(CaseError::Failed(format!("{} is stored as {:?}", want.key, stored.shape)));
            }
            compare::close(what, &want.shape, &to_nchw(shape, values), &stored.values, want.atol)
        }
        Data::U32(values) => {
            let integers = file.tensor(&want.key).and_then(|tensor| tensor.to_i64());
            let stored = integers.ok_or_else(|| CaseError::Failed(format!("no integers named {}", want.key)))?;
            let got: Vec<i64> = to_nchw(shape, values).into_iter().map(i64::from).collect();
            compare::equal(what, &want.shape, &got, &stored)
        }
    }
}
