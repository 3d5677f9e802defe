//! A case whose filter is cut, held to the reference of the whole.

use atrous_cpu::{Tensor, Tolerance, compare, evaluate};
use atrous_gpu::Device;
use atrous_graph::passes::{PassOptions, optimize};
use atrous_graph::{DType, Graph, NodeId, Op, TensorType};
use atrous_kernels::Target;
use atrous_kernels::plan::plan;

use crate::{Expected, text};

impl Expected {
    /// Cuts the case's filter to the target's limits, runs it and compares. Returns how many pieces the filter has.
    ///
    /// # Panics
    /// As [`Self::check`].
    pub fn check_cut(&self, device: &Device, target: &Target) -> usize {
        self.run_cut(device, target).unwrap_or_else(|e| panic!("{:#?}\nfor {target:?}:\n{e}", self.case))
    }

    fn run_cut(&self, device: &Device, target: &Target) -> Result<usize, String> {
        let whole = optimize(&self.graph, &[self.output], PassOptions::None);
        let cut = whole.cut_filters(target.limits.max_parameter());
        let now = cut.now(&[self.output])[0];
        // A filter that is the result may fit nowhere but in its pieces.
        let outputs = cut.pieces.get(&now).cloned().unwrap_or_else(|| vec![now]);
        let plan = plan(&cut.graph, &outputs, target).map_err(text)?;
        let (_, run) = self.execute_as(device, &cut.graph, plan, &target.limits)?;
        let mut pieces = Vec::new();
        for piece in run.iter() {
            pieces.push(Tensor::from_f32(piece.shape, piece.f32().map_err(text)?));
        }
        let got = evaluate(&Op::Concat, &pieces.iter().collect::<Vec<_>>(), self.want.shape);
        let got: Vec<f32> = got.data.iter().map(|v| *v as f32).collect();
        let tolerance = Tolerance::of(self.graph.node(self.output).ty.dtype);
        let roundings = self.roundings(&cut.graph)?;
        let data = self.magnitude.data.iter().zip(&roundings).map(|(m, r)| m + r / tolerance.rtol).collect();
        let magnitude = Tensor::new(self.magnitude.shape, data);
        compare(&got, &self.want, &magnitude, tolerance).map_err(text)?;
        Ok(cut.pieces.values().map(Vec::len).max().unwrap_or(1))
    }

    /// What storing partial results in f16 may change in each value of the result: `2^-11` of each that something is then done with.
    fn roundings(&self, cut: &Graph) -> Result<Vec<f64>, String> {
        let partial = |id: &NodeId| {
            let node = cut.node(*id);
            node.ty.dtype == DType::F16 && !matches!(node.op, Op::Input | Op::Parameter | Op::Slice(_) | Op::Concat)
        };
        let sums = cut.nodes().iter().filter(|node| matches!(node.op, Op::Binary(_) | Op::Unary(_)));
        let partials: Vec<NodeId> = sums.flat_map(|node| node.inputs.iter().copied()).filter(partial).collect();
        let value = |(i, ty): (usize, &TensorType)| (format!("input{i}"), Tensor::from_f32(ty.shape, &self.values[i]));
        let values = self.case.inputs.iter().enumerate().map(value).collect();
        let mut roundings = vec![0.0; self.want.data.len()];
        for tensor in atrous_cpu::run(cut, &values, &partials).map_err(text)? {
            // What is of some groups only stands for all channels with its largest.
            let largest = tensor.data.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            let whole = tensor.shape == self.want.shape;
            for (i, rounding) in roundings.iter_mut().enumerate() {
                *rounding += (-11_f64).exp2() * if whole { tensor.data[i].abs() } else { largest };
            }
        }
        Ok(roundings)
    }
}
