//! Runs one node's kernel on a device and compares it with the reference.

use std::collections::HashMap;
use std::sync::Arc;

use atrous_cpu::{Tensor, Tolerance, compare, compare_u32, evaluate, magnitude};
use atrous_gpu::{Device, GpuError, InputData, Outputs, Parameters, Session};
use atrous_graph::{DType, Graph, Layout, NodeId, Op, TensorType};
use atrous_kernels::Target;
use atrous_kernels::plan::plan;

use super::error::CheckError;
use super::values;

/// A session of one node, with the expected result.
pub(super) struct Trial {
    pub(super) session: Session,
    pub(super) data: Inputs,
    pub(super) node: String,
    pub(super) storage: DType,
    op: &'static str,
    want: Tensor,
    magnitude: Tensor,
}

impl Trial {
    /// Sessions of a graph's node: one in f32, and one in f16 if the node's tensors may be f16 and the device supports it.
    pub(super) fn all(
        device: &Device,
        graph: &Graph,
        id: NodeId,
        tensors: Vec<Tensor>,
    ) -> Result<Vec<Self>, CheckError> {
        let node = graph.node(id);
        let types: Vec<TensorType> = node.inputs.iter().map(|input| graph.node(*input).ty).collect();
        let half = |(i, ty): (usize, &TensorType)| match ty.dtype {
            DType::F32 if node.op.stores(i) => TensorType { dtype: DType::F16, ..*ty },
            _ => *ty,
        };
        let halves: Vec<TensorType> = types.iter().enumerate().map(half).collect();
        let target = device.target();
        let mut trials = vec![Self::new(device, &node.name, &node.op, &types, &tensors, DType::F32, &target)?];
        if halves != types && target.f16 {
            trials.push(Self::new(device, &node.name, &node.op, &halves, &tensors, DType::F16, &target)?);
        }
        Ok(trials)
    }

    /// An operation on these values, planned for a target.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn of(
        device: &Device,
        op: &Op,
        types: &[TensorType],
        values: &[Vec<f32>],
        target: &Target,
    ) -> Result<Self, CheckError> {
        let tensors = types.iter().zip(values).map(|(ty, values)| Tensor::from_f32(ty.shape, values));
        let tensors: Vec<Tensor> = tensors.collect();
        let half = types.iter().any(|ty| ty.dtype == DType::F16);
        let storage = if half { DType::F16 } else { DType::F32 };
        Self::new(device, "y", op, types, &tensors, storage, target)
    }

    fn new(
        device: &Device,
        node: &str,
        op: &Op,
        types: &[TensorType],
        tensors: &[Tensor],
        storage: DType,
        target: &Target,
    ) -> Result<Self, CheckError> {
        let mut graph = Graph::new();
        let inputs = values::sources(&mut graph, types)?;
        let y = graph.add("y", *op, &inputs)?;
        let tensors: Vec<Tensor> =
            tensors.iter().zip(types).map(|(tensor, ty)| values::stored(tensor, ty.dtype)).collect();
        let data = Inputs::new(types, &tensors);
        let parameters = Arc::new(Parameters::upload(device, &graph, &data.filters)?);
        let plan = plan(&graph, &[y], target).map_err(GpuError::from)?;
        let session = Session::from_plan(device, &graph, plan, parameters)?;
        let references: Vec<&Tensor> = tensors.iter().collect();
        let shape = graph.shape(y);
        Ok(Self {
            session,
            data,
            node: node.to_owned(),
            storage,
            op: op.name(),
            want: evaluate(op, &references, shape),
            magnitude: magnitude(op, &references, shape),
        })
    }

    /// Compares the result of a run with the reference.
    pub(super) fn judge(&self, outputs: &Outputs) -> Result<(), CheckError> {
        let output = outputs.get("y")?;
        let compared = match self.session.outputs().next().map(|(_, ty)| ty.dtype) {
            Some(DType::U32) => compare_u32(output.u32()?, &self.want),
            dtype => compare(output.f32()?, &self.want, &self.magnitude, Tolerance::of(dtype.unwrap_or(DType::F32))),
        };
        compared.map_err(|source| CheckError::Result {
            op: self.op,
            node: self.node.clone(),
            storage: self.storage,
            source: Box::new(source),
        })
    }
}

/// Values of a node's inputs: filters are parameters, all others inputs of each run.
pub(super) struct Inputs {
    filters: HashMap<String, Vec<f32>>,
    floats: Vec<(String, Vec<f32>)>,
    maps: Vec<(String, Vec<u32>)>,
}

impl Inputs {
    fn new(types: &[TensorType], tensors: &[Tensor]) -> Self {
        let mut inputs = Self { filters: HashMap::new(), floats: Vec::new(), maps: Vec::new() };
        for (i, (ty, tensor)) in types.iter().zip(tensors).enumerate() {
            match (ty.layout, ty.dtype) {
                (Layout::Filter, _) => drop(inputs.filters.insert(values::name(i), tensor.to_f32())),
                (_, DType::U32) => inputs.maps.push((values::name(i), tensor.data.iter().map(|v| *v as u32).collect())),
                _ => inputs.floats.push((values::name(i), tensor.to_f32())),
            }
        }
        inputs
    }

    /// The inputs of a run.
    pub(super) fn inputs(&self) -> Vec<(&str, InputData<'_>)> {
        let floats = self.floats.iter().map(|(name, values)| (name.as_str(), InputData::F32(values)));
        floats.chain(self.maps.iter().map(|(name, values)| (name.as_str(), InputData::U32(values)))).collect()
    }
}
