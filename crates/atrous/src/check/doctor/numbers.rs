//! What a device does with numbers for which WGSL leaves it the choice.

use std::fmt;
use std::sync::Arc;

use atrous_gpu::{Device, GpuError, Parameters, Session};
use atrous_graph::op::{Binary, Unary};
use atrous_graph::{DType, Graph, Op, Shape};

/// What a device keeps of numbers that WGSL lets it change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// Whether a sum with NaN, and a rectified NaN, are NaN.
    pub nan: bool,
    /// Whether a product beyond single precision is infinite.
    pub infinity: bool,
    /// Whether a subnormal number that is read stays what it is.
    pub subnormal_input: bool,
    /// Whether a product that is subnormal is not zero.
    pub subnormal_result: bool,
}

impl Numbers {
    /// Computes with such numbers on the device.
    pub(super) fn of(device: &Device) -> Result<Self, GpuError> {
        let mut graph = Graph::new();
        let [a, b] = ["a", "b"].map(|name| graph.input(name, Shape::channels(4), DType::F32));
        let (a, b) = (a?, b?);
        let product = graph.add("product", Op::Binary(Binary::Mul), &[a, b])?;
        let sum = graph.add("sum", Op::Binary(Binary::Add), &[a, b])?;
        let relu = graph.add("relu", Op::Unary(Unary::Relu), &[sum])?;
        let parameters = Arc::new(Parameters::upload(device, &graph, &std::collections::HashMap::new())?);
        let mut session = Session::new(device, &graph, &[product, sum, relu], parameters)?;
        let (a, b) = (vec![f32::NAN, 1e30, 1e-40, 1e-30], vec![1.0, 1e30, 1.0, 1e-10]);
        let outputs = session.run_blocking(&[("a", (&a).into()), ("b", (&b).into())])?;
        let [product, sum, relu] = ["product", "sum", "relu"].map(|name| outputs.f32(name));
        let (product, sum, relu) = (product?, sum?, relu?);
        Ok(Self {
            nan: sum[0].is_nan() && relu[0].is_nan() && product[0].is_nan(),
            infinity: product[1] == f32::INFINITY,
            subnormal_input: product[2] != 0.0,
            subnormal_result: product[3] != 0.0,
        })
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = |kept: bool| if kept { "kept" } else { "changed" };
        let flushed = |kept: bool| if kept { "kept" } else { "taken for zero" };
        write!(
            f,
            "NaN {}, infinity {}, subnormal inputs {}, subnormal results {}",
            kept(self.nan),
            kept(self.infinity),
            flushed(self.subnormal_input),
            flushed(self.subnormal_result)
        )
    }
}
