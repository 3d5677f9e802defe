//! What a device does with numbers for which WGSL leaves it the choice.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use atrous_gpu::{Device, GpuError, Outputs, Parameters, Session};
use atrous_graph::op::{Binary, CustomKernel, CustomOp, Unary, Values};
use atrous_graph::{DType, Graph, GraphError, NodeId, Op, Shape, TensorType};

/// What a device keeps of numbers, and of the order of operations, that WGSL lets it change
/// (<https://www.w3.org/TR/WGSL/#floating-point-evaluation>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// Whether a sum with NaN, and a rectified NaN, are NaN.
    pub nan: bool,
    /// Whether `x != x` is true for NaN.
    pub nan_differs: bool,
    /// Whether `max(x, 1)` of NaN is NaN; if not, it is 1.
    pub nan_largest: bool,
    /// Whether a product beyond single precision is infinite.
    pub infinity: bool,
    /// Whether a subnormal number that is read stays what it is.
    pub subnormal_input: bool,
    /// Whether a product that is subnormal is not zero.
    pub subnormal_result: bool,
    /// Whether the product of -1 and 0 is -0.
    pub negative_zero: bool,
    /// Whether `a * b + c` is rounded once, as a fused multiply-add.
    pub contracted: bool,
    /// Whether `(a + b) - a` is computed as another formula, which is equal for real numbers.
    pub reordered: bool,
    /// Whether quotients are the nearest numbers.
    pub nearest_quotients: bool,
    /// Whether `pack2x16float` keeps an infinity, and the value beside it.
    pub packed_infinity: bool,
}

/// Values of the three inputs.
struct Inputs {
    a: Vec<f32>,
    b: Vec<f32>,
    c: Vec<f32>,
}

// Elements with the numbers that are asked about. Those from `QUOTIENTS` on are divided.
const NAN: usize = 0;
const INFINITE: usize = 1;
const SUBNORMAL: usize = 2;
const SMALL: usize = 3;
const ZERO: usize = 4;
const CONTRACTED: usize = 5;
const ORDER: usize = 6;
/// Infinity, and 1 beside it in a word of two f16.
const HALVES: usize = 8;
const QUOTIENTS: usize = 10;
const LEN: usize = 64;

impl Inputs {
    fn new() -> Self {
        let once = 1.0 + 1.0 / 4096.0;
        let mut rows = vec![
            [f32::NAN, 1.0, 0.0],
            [1e30, 1e30, 0.0],
            [1e-40, 1.0, 0.0],
            [1e-30, 1e-10, 0.0],
            [-1.0, 0.0, 0.0],
            // once² = 1 + 2^-11 + 2^-24, of which the last term is lost where the product is rounded.
            [once, once, -(1.0 + 1.0 / 2048.0)],
            // 2^25 + 1 is rounded to 2^25.
            [33_554_432.0, 1.0, 0.0],
            [0.0, 0.0, 0.0],
            [f32::INFINITY, 0.0, 0.0],
            [1.0, 0.0, 0.0],
        ];
        rows.extend((QUOTIENTS..LEN).map(|i| [1.0 + i as f32, 3.0 + (i * i % 41) as f32, 0.0]));
        let column = |i: usize| rows.iter().map(|row| row[i]).collect();
        Self { a: column(0), b: column(1), c: column(2) }
    }

    fn is_nearest_quotient(&self, i: usize, quotient: f32) -> bool {
        quotient == self.a[i] / self.b[i]
    }
}

impl Numbers {
    /// What is asked, in the order of [`Self::answers`].
    pub const QUESTIONS: [&'static str; 11] = [
        "NaN",
        "NaN != NaN",
        "max(NaN, 1)",
        "infinity",
        "subnormal inputs",
        "subnormal results",
        "negative zero",
        "a * b + c",
        "(a + b) - a",
        "infinity in pack2x16float",
        "a / b",
    ];

    /// Computes with such numbers on the device.
    pub(super) fn of(device: &Device) -> Result<Self, GpuError> {
        let inputs = Inputs::new();
        let outputs = run(device, &inputs)?;
        let value = |name: &str, i: usize| outputs.f32(name).map(|values| values[i]);
        let quotients = outputs.f32(QUOTIENT.name)?;
        Ok(Self {
            nan: value("sum", NAN)?.is_nan() && value("relu", NAN)?.is_nan() && value("product", NAN)?.is_nan(),
            nan_differs: value(DIFFERS.name, NAN)? == 1.0,
            nan_largest: value(LARGEST.name, NAN)?.is_nan(),
            infinity: value("product", INFINITE)? == f32::INFINITY,
            subnormal_input: value("product", SUBNORMAL)? != 0.0,
            subnormal_result: value("product", SMALL)? != 0.0,
            negative_zero: value("product", ZERO)?.is_sign_negative(),
            contracted: value(FUSED.name, CONTRACTED)? != 0.0,
            reordered: value(ORDERED.name, ORDER)? != 0.0,
            packed_infinity: value(PACKED.name, HALVES)? == f32::INFINITY && value(PACKED.name, HALVES + 1)? == 1.0,
            nearest_quotients: (QUOTIENTS..LEN).all(|i| inputs.is_nearest_quotient(i, quotients[i])),
        })
    }

    /// Each question and its answer.
    pub fn answers(&self) -> [(&'static str, &'static str); 11] {
        let kept = |kept: bool| if kept { "kept" } else { "changed" };
        let flushed = |kept: bool| if kept { "kept" } else { "taken for zero" };
        let either = |yes: bool, [this, that]: [&'static str; 2]| if yes { this } else { that };
        let answers = [
            kept(self.nan),
            either(self.nan_differs, ["true", "false"]),
            either(self.nan_largest, ["NaN", "1"]),
            kept(self.infinity),
            flushed(self.subnormal_input),
            flushed(self.subnormal_result),
            kept(self.negative_zero),
            either(self.contracted, ["rounded once", "rounded twice"]),
            either(self.reordered, ["reordered", "as written"]),
            kept(self.packed_infinity),
            either(self.nearest_quotients, ["the nearest number", "not always the nearest number"]),
        ];
        std::array::from_fn(|i| (Self::QUESTIONS[i], answers[i]))
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answers = self.answers().map(|(question, answer)| format!("{question}: {answer}"));
        f.write_str(&answers.join(", "))
    }
}

/// A formula of three inputs as a kernel of its own, without the care of atrous's kernels for such numbers.
#[derive(Debug)]
struct Formula {
    name: &'static str,
    wgsl: &'static str,
    reference: fn(f64, f64, f64) -> f64,
}

const DIFFERS: Formula = Formula {
    name: "differs",
    wgsl: "select(vec4<f32>(), vec4(1.0), a != a)",
    reference: |a, _, _| if a.is_nan() { 1.0 } else { 0.0 },
};
const LARGEST: Formula = Formula { name: "largest", wgsl: "max(a, b)", reference: |a, b, _| a.max(b) };
const FUSED: Formula = Formula { name: "fused", wgsl: "a * b + c", reference: |a, b, c| a * b + c };
const ORDERED: Formula = Formula { name: "ordered", wgsl: "(a + b) - a", reference: |_, b, _| b };
const QUOTIENT: Formula = Formula { name: "quotient", wgsl: "a / b", reference: |a, b, _| a / b };
const PACKED: Formula = Formula {
    name: "packed",
    wgsl: "vec4(unpack2x16float(pack2x16float(a.xy)), unpack2x16float(pack2x16float(a.zw)))",
    reference: |a, _, _| a,
};

impl CustomOp for Formula {
    fn name(&self) -> &'static str {
        self.name
    }

    fn inputs(&self) -> usize {
        3
    }

    fn reference(&self, inputs: &[Values<'_>], result: &mut [f64]) {
        for (i, y) in result.iter_mut().enumerate() {
            *y = (self.reference)(inputs[0].data[i], inputs[1].data[i], inputs[2].data[i]);
        }
    }

    fn kernel(&self, _: &[TensorType], output: TensorType) -> Result<CustomKernel, String> {
        let arguments = "let a = load0(i); let b = load1(i); let c = load2(i);";
        let value = format!("fn value(i: u32) -> vec4<f32> {{ {arguments} return {}; }}", self.wgsl);
        Ok(CustomKernel::for_each(&value, output))
    }
}

/// Runs atrous's products, sums and ReLU, and the formulas.
fn run(device: &Device, inputs: &Inputs) -> Result<Outputs, GpuError> {
    let mut graph = Graph::new();
    let wanted = nodes(&mut graph)?;
    let parameters = Arc::new(Parameters::upload(device, &graph, &HashMap::new())?);
    let mut session = Session::new(device, &graph, &wanted, parameters)?;
    session.run_blocking(&[("a", (&inputs.a).into()), ("b", (&inputs.b).into()), ("c", (&inputs.c).into())])
}

fn nodes(graph: &mut Graph) -> Result<Vec<NodeId>, GraphError> {
    let [a, b, c] = ["a", "b", "c"].map(|name| graph.input(name, Shape::channels(LEN), DType::F32));
    let (a, b, c) = (a?, b?, c?);
    let product = graph.add("product", Op::Binary(Binary::Mul), &[a, b])?;
    let sum = graph.add("sum", Op::Binary(Binary::Add), &[a, b])?;
    let relu = graph.add("relu", Op::Unary(Unary::Relu), &[sum])?;
    let mut wanted = vec![product, sum, relu];
    for formula in [DIFFERS, LARGEST, FUSED, ORDERED, QUOTIENT, PACKED] {
        wanted.push(graph.add(formula.name, Op::custom(formula), &[a, b, c])?);
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(formula: &Formula) -> Vec<f64> {
        let Inputs { a, b, c } = Inputs::new();
        let value = |i: usize| (formula.reference)(a[i].into(), b[i].into(), c[i].into());
        (0..LEN).map(value).collect()
    }

    /// The inputs tell one way of computing from the other: the exact result, and that with every operation rounded to f32.
    #[test]
    fn inputs_tell_the_ways_apart() {
        let inputs = Inputs::new();
        let [a, b, c] = [&inputs.a, &inputs.b, &inputs.c];
        assert!(of(&DIFFERS)[NAN] == 1.0 && a[INFINITE].is_normal() && b[INFINITE].is_normal());
        assert!(!a[SUBNORMAL].is_normal() && a[SUBNORMAL] != 0.0, "a subnormal number");
        assert!(a[SMALL].is_normal() && b[SMALL].is_normal() && !(a[SMALL] * b[SMALL]).is_normal());
        assert_eq!((a[ZERO] * b[ZERO]).to_bits(), (-0.0f32).to_bits());
        let rounded = a[CONTRACTED] * b[CONTRACTED];
        assert_eq!((rounded + c[CONTRACTED], of(&FUSED)[CONTRACTED]), (0.0, (-24f64).exp2()));
        assert_eq!(((a[ORDER] + b[ORDER]) - a[ORDER], of(&ORDERED)[ORDER]), (0.0, 1.0));
    }

    /// A quotient that is a product with a rounded reciprocal, as fast division computes it, is off for some of the inputs.
    #[test]
    fn a_product_with_the_reciprocal_is_not_the_nearest_quotient() {
        let inputs = Inputs::new();
        let fast = |i: usize| inputs.a[i] * (1.0 / inputs.b[i]);
        let exact = of(&QUOTIENT);
        let wrong = (QUOTIENTS..LEN).filter(|i| !inputs.is_nearest_quotient(*i, fast(*i))).count();
        assert!(wrong > 5, "{wrong}");
        assert!((QUOTIENTS..LEN).all(|i| inputs.is_nearest_quotient(i, exact[i] as f32)));
    }

    #[test]
    fn each_answer_is_printed() {
        let all = Numbers {
            nan: true,
            nan_differs: true,
            nan_largest: false,
            infinity: true,
            subnormal_input: false,
            subnormal_result: true,
            negative_zero: true,
            contracted: false,
            reordered: false,
            nearest_quotients: true,
            packed_infinity: false,
        };
        let text = all.to_string();
        assert!(text.starts_with(
            "NaN: kept, NaN != NaN: true, max(NaN, 1): 1, infinity: kept, subnormal inputs: taken for zero"
        ));
        assert!(
            text.ends_with("(a + b) - a: as written, infinity in pack2x16float: changed, a / b: the nearest number"),
            "{text}"
        );
    }
}
