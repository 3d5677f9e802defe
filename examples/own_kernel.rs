//! Two operations that atrous does not have, with kernels and gradients: Mish, an activation, and a blur.

use atrous::Device;
use atrous::check::check_blocking;
use atrous::graph::autodiff::Backward;
use atrous::graph::op::{CustomKernel, CustomOp, Values};
use atrous::graph::{GraphError, NodeId, Op, Shape, TensorType};

/// `x * tanh(ln(1 + exp(x)))` (Misra 2019, <https://arxiv.org/abs/1908.08681>), or its derivative times a second input.
#[derive(Debug)]
struct Mish {
    gradient: bool,
}

impl CustomOp for Mish {
    fn name(&self) -> &'static str {
        if self.gradient { "mish_grad" } else { "mish" }
    }

    fn inputs(&self) -> usize {
        if self.gradient { 2 } else { 1 }
    }

    fn reference(&self, inputs: &[Values<'_>], result: &mut [f64]) {
        for (i, y) in result.iter_mut().enumerate() {
            let x = inputs[0].data[i];
            let gate = x.exp().ln_1p().tanh();
            let slope = gate + x * (1.0 - gate * gate) / (1.0 + (-x).exp());
            *y = if self.gradient { inputs[1].data[i] * slope } else { x * gate };
        }
    }

    fn kernel(&self, _: &[TensorType], output: TensorType) -> Result<CustomKernel, String> {
        // The hyperbolic tangent by the exponential alone; 20 is far beyond where it is 1.
        let gate = "
            fn gate(x: vec4<f32>) -> vec4<f32> {
                let e = exp(min(x, vec4(20.0)));
                return e * (e + 2.0) / (e * (e + 2.0) + 2.0);
            }
            fn slope(x: vec4<f32>) -> vec4<f32> {
                return gate(x) + x * (1.0 - gate(x) * gate(x)) / (1.0 + exp(-x));
            }";
        let value = match self.gradient {
            true => "fn value(i: u32) -> vec4<f32> { return load1(i) * slope(load0(i)); }",
            false => "fn value(i: u32) -> vec4<f32> { return load0(i) * gate(load0(i)); }",
        };
        Ok(CustomKernel::for_each(&[gate, value].join("\n"), output))
    }

    fn gradient(&self, backward: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        if self.gradient {
            return Err(backward.unsupported());
        }
        let (x, dy) = (backward.input(0)?, backward.dy());
        Ok(vec![Some(backward.add("grad", Op::custom(Self { gradient: true }), &[x, dy])?)])
    }
}

/// Each pixel becomes the mean of 3×3, weighted 1 2 1 both ways; there are zeros around the image. It is its own gradient.
#[derive(Debug)]
struct Blur;

impl CustomOp for Blur {
    fn name(&self) -> &'static str {
        "blur"
    }

    fn reference(&self, inputs: &[Values<'_>], result: &mut [f64]) {
        let (x, Shape { h, w, c, .. }) = (inputs[0], inputs[0].shape);
        for (i, y) in result.iter_mut().enumerate() {
            let (n, row, column) = (i / (h * w * c), i / (w * c) % h, i / c % w);
            let rows = row.saturating_sub(1)..(row + 2).min(h);
            let weight = |a: usize, b: usize| if a == b { 0.5 } else { 0.25 };
            let taps = rows.flat_map(|r| (column.saturating_sub(1)..(column + 2).min(w)).map(move |q| (r, q)));
            *y = taps.map(|(r, q)| weight(r, row) * weight(q, column) * x.at(n, r, q, i % c)).sum();
        }
    }

    fn kernel(&self, _: &[TensorType], output: TensorType) -> Result<CustomKernel, String> {
        let value = "
            fn value(i: u32) -> vec4<f32> {
                let at = position(i);
                var sum = vec4<f32>();
                for (var y = max(at.y, 1u) - 1u; y < min(at.y + 2u, X0_H); y++) {
                    for (var x = max(at.z, 1u) - 1u; x < min(at.z + 2u, X0_W); x++) {
                        let weight = select(0.25, 0.5, y == at.y) * select(0.25, 0.5, x == at.z);
                        sum += weight * load0(index0(at.x, y, x, at.w));
                    }
                }
                return sum;
            }";
        Ok(CustomKernel::for_each(value, output))
    }

    fn gradient(&self, backward: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        let dy = backward.dy();
        Ok(vec![Some(backward.add("grad", Op::custom(Self), &[dy])?)])
    }
}

/// Runs both and their gradients on the device, and holds them to their references.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::from_env_blocking()?;
    let image = TensorType::image(Shape::new(2, 9, 7, 6));
    for op in [Op::custom(Mish { gradient: false }), Op::custom(Blur)] {
        println!("{}: {}", op.name(), check_blocking(&device, &op, &[image])?);
    }
    Ok(())
}
