//! What the suites share: one op with random inputs, run by every variant that admits it and judged by the reference.

mod cut;
mod poison;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use atrous_cpu::{Tensor, Tolerance, check_range, compare, compare_u32, evaluate, magnitude};
use atrous_gpu::{AdapterChoice, Device, DeviceOptions, InputData, Outputs, Parameters, Session};
use atrous_graph::op::Flip;
use atrous_graph::{DType, Graph, Layout, NodeId, Op, Shape, TensorType};
use atrous_kernels::conv::{CONV2D_VARIANTS, GRAD_INPUT_VARIANTS};
use atrous_kernels::plan::{Plan, plan};
use atrous_kernels::{Choice, Limits, Operation, Target};

/// The device that the environment asks for.
///
/// # Panics
/// If there is none: a suite that needs an adapter fails without one.
pub fn device() -> Device {
    Device::from_env_blocking().unwrap_or_else(|e| panic!("the suite needs an adapter: {e}"))
}

/// The same with all checks: what nothing wrote is NaN, and dirty padding fails a run.
///
/// # Panics
/// As [`device`].
pub fn checked() -> Device {
    let options = DeviceOptions { checks: true, ..DeviceOptions::from_env().expect("a legal environment") };
    Device::open_blocking(&AdapterChoice::from_env(), options).expect("the suite needs an adapter")
}

/// Whether the suites must reach a variant for this target: all but that of cooperative matrices, whose suite says what the adapter lacks,
/// and, if subgroups have fewer than eight invocations, those whose subgroups share loads.
pub fn is_reachable(variant: &str, target: &Target) -> bool {
    let subgroups = target.subgroup.is_some_and(|invocations| invocations >= 8);
    variant != "cooperative" && (subgroups || !variant.ends_with("_subgroup"))
}

/// The variants of convolutions and transposed ones that the suites must reach.
pub fn conv_variants(target: &Target) -> impl Iterator<Item = &'static str> {
    CONV2D_VARIANTS.iter().chain(GRAD_INPUT_VARIANTS).copied().filter(|name| is_reachable(name, target))
}

/// One op on inputs of given types. Printed in full when it fails.
#[derive(Clone, Debug)]
pub struct Case {
    /// The op.
    pub op: Op,
    /// Types of its inputs.
    pub inputs: Vec<TensorType>,
}

/// The cases, then those whose op stores something in f16 with that, if the target does.
pub fn stored(cases: impl IntoIterator<Item = Case>, target: &Target) -> Vec<Case> {
    let mut all: Vec<Case> = cases.into_iter().collect();
    let half = |case: &Case| Some(case.half()).filter(|half| target.f16 && half.inputs != case.inputs);
    let halves: Vec<Case> = all.iter().filter_map(half).collect();
    all.extend(halves);
    all
}

/// What surrounds the op when a case runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Inputs come from the host, and the result goes there.
    Alone,
    /// Images are computed on the device and read by nobody else, and so is the result: it may be written over one of them.
    Dying,
    /// As [`Self::Dying`]; and the result is one of three inputs of a concatenation, the others of eight channels each.
    Concatenated,
}

/// A case with its values and what the reference makes of them.
pub struct Expected {
    case: Case,
    graph: Graph,
    output: NodeId,
    values: Vec<Vec<f32>>,
    want: Tensor,
    magnitude: Tensor,
    /// The same with a value of one input that is NaN.
    poisoned: OnceLock<Option<Box<Expected>>>,
}

impl Case {
    /// A case whose inputs are all activations.
    pub fn images(op: Op, shapes: &[Shape]) -> Self {
        Self { op, inputs: shapes.iter().map(|s| TensorType::image(*s)).collect() }
    }

    /// The same with everything in f16 that can be.
    pub fn half(&self) -> Self {
        let half = |(i, ty): (usize, &TensorType)| match ty.dtype {
            DType::F32 if self.op.stores(i) => TensorType { dtype: DType::F16, ..*ty },
            _ => *ty,
        };
        Self { op: self.op, inputs: self.inputs.iter().enumerate().map(half).collect() }
    }

    /// Fills the inputs and evaluates the reference.
    ///
    /// # Panics
    /// If the case is not a legal op.
    pub fn expect(&self) -> Expected {
        self.expect_in(Setting::Alone)
    }

    /// [`Self::expect`] with something around the op.
    ///
    /// # Panics
    /// As [`Self::expect`].
    pub fn expect_in(&self, setting: Setting) -> Expected {
        self.build((0..self.inputs.len()).map(|i| self.values(i)).collect(), setting)
    }

    /// Evaluates the reference for given inputs, dense and row-major; u32 maps as f32, which holds multiples of 256 exactly.
    ///
    /// # Panics
    /// If the case is not a legal op, or the values are not as many as its inputs have.
    pub fn expect_with(&self, values: Vec<Vec<f32>>) -> Expected {
        self.build(values, Setting::Alone)
    }

    fn build(&self, values: Vec<Vec<f32>>, setting: Setting) -> Expected {
        let mut graph = Graph::new();
        let mut ids: Vec<NodeId> = self.inputs.iter().enumerate().map(|(i, ty)| source(&mut graph, i, *ty)).collect();
        if setting != Setting::Alone {
            for (id, _) in ids.iter_mut().zip(&self.inputs).filter(|(_, ty)| ty.layout == Layout::Image) {
                *id = copy(&mut graph, *id);
            }
        }
        let output = graph.add("case", self.op, &ids).unwrap_or_else(|e| panic!("{self:?}: {e}"));
        let tensors: Vec<Tensor> =
            self.inputs.iter().zip(&values).map(|(ty, v)| Tensor::from_f32(ty.shape, v)).collect();
        let tensors: Vec<&Tensor> = tensors.iter().collect();
        let shape = graph.shape(output);
        let want = evaluate(&self.op, &tensors, shape);
        let magnitude = magnitude(&self.op, &tensors, shape);
        let mut alone =
            Expected { case: self.clone(), graph, output, values, want, magnitude, poisoned: OnceLock::new() };
        match setting {
            Setting::Alone => alone,
            Setting::Dying => {
                alone.output = copy(&mut alone.graph, output);
                alone
            }
            Setting::Concatenated => alone.concatenated(),
        }
    }

    /// Values that suit the op, see [`atrous::check::suited`].
    pub fn values(&self, input: usize) -> Vec<f32> {
        atrous::check::suited(&self.op, &self.inputs, input)
    }
}

fn source(graph: &mut Graph, i: usize, ty: TensorType) -> NodeId {
    let name = format!("input{i}");
    let made = match ty.layout {
        Layout::Filter => graph.parameter_of(&name, ty),
        Layout::Image => graph.input(&name, ty.shape, ty.dtype),
    };
    made.unwrap_or_else(|e| panic!("{ty}: {e}"))
}

/// A copy made on the device, with the padding as it is: a flip of no axis moves whole vec4s.
fn copy(graph: &mut Graph, id: NodeId) -> NodeId {
    let flip = Flip { vertical: false, horizontal: false };
    graph.add(&format!("copy{}", id.0), Op::Flip(flip), &[id]).expect("an image")
}

impl Expected {
    /// The result between eight channels before it and, if its own are whole vec4s, eight behind it.
    fn concatenated(mut self) -> Self {
        let shape = Shape { c: 8, ..self.want.shape };
        let beside = TensorType { dtype: self.graph.node(self.output).ty.dtype, ..TensorType::image(shape) };
        let values: Vec<f32> = (0..shape.len()).map(|i| i as f32 / shape.len() as f32).collect();
        let id = source(&mut self.graph, self.values.len(), beside);
        let behind = self.want.shape.c.is_multiple_of(4);
        let inputs = [vec![copy(&mut self.graph, id), self.output], vec![id; usize::from(behind)]].concat();
        self.output = self.graph.add("whole", Op::Concat, &inputs).expect("channels one after the other");
        let after = self.graph.shape(self.output);
        let around = Tensor::from_f32(shape, &values);
        let join = |middle: &Tensor| {
            let parts = [vec![&around, middle], vec![&around; usize::from(behind)]].concat();
            evaluate(&Op::Concat, &parts, after)
        };
        (self.want, self.magnitude) = (join(&self.want), join(&self.magnitude));
        self.case.inputs.push(beside);
        self.values.push(values);
        self.output = copy(&mut self.graph, self.output);
        self.graph.set_outputs(vec![self.output]);
        self
    }

    /// Plans the case for `target`, runs it and compares. Returns the variant that served.
    ///
    /// # Panics
    /// If the plan is refused, the run fails or a value is off; the text holds the whole case.
    pub fn check(&self, device: &Device, target: &Target) -> &'static str {
        self.run(device, target).unwrap_or_else(|e| panic!("{:#?}\nfor {target:?}:\n{e}", self.case))
    }

    /// Whether the case can be planned for `target`: limits may be too tight for a single row.
    pub fn fits(&self, target: &Target) -> bool {
        plan(&self.graph, &[self.output], target).is_ok()
    }

    /// Runs every variant of the op's family that admits the case, and returns their names.
    ///
    /// # Panics
    /// As [`Self::check`].
    pub fn check_variants(&self, device: &Device, target: &Target) -> Vec<&'static str> {
        let mut served = vec![self.check(device, target)];
        for variant in atrous_kernels::variants(&self.case.op) {
            let by = self.check(device, &Target { variant: Some(variant), ..target.clone() });
            if !served.contains(&by) {
                served.push(by);
            }
        }
        served
    }

    /// Runs every variant that admits the case in each of its tiles, and returns what served.
    ///
    /// # Panics
    /// As [`Self::check`], and if something else serves than was asked for.
    pub fn check_ways(&self, device: &Device, target: &Target) -> Vec<Choice> {
        let Case { op, inputs } = &self.case;
        let operation = Operation { op: *op, inputs: inputs.clone(), output: self.graph.node(self.output).ty };
        let ways = operation.ways(target);
        for way in &ways {
            let target = target.with(*way);
            assert_eq!(operation.plan(&target).map(|plan| plan.choice()), Ok(*way));
            self.run(device, &target).unwrap_or_else(|e| panic!("{:#?}\nby {way}:\n{e}", self.case));
        }
        ways
    }

    /// The plan for `target`.
    ///
    /// # Panics
    /// If it is refused.
    pub fn plan(&self, target: &Target) -> Plan {
        plan(&self.graph, &[self.output], target).unwrap_or_else(|e| panic!("{:#?}\nfor {target:?}:\n{e}", self.case))
    }

    /// What the reference says.
    pub fn want(&self) -> &Tensor {
        &self.want
    }

    /// The f32 result of a run, dense and row-major, unjudged.
    ///
    /// # Panics
    /// If the plan is refused, the run fails or the result is a map.
    pub fn result(&self, device: &Device, target: &Target) -> Vec<f32> {
        let run = self
            .execute(device, self.plan(target))
            .and_then(|(_, run)| run.f32("case").map(<[f32]>::to_vec).map_err(text));
        run.unwrap_or_else(|e| panic!("{:#?}\nfor {target:?}:\n{e}", self.case))
    }

    fn run(&self, device: &Device, target: &Target) -> Result<&'static str, String> {
        let plan = plan(&self.graph, &[self.output], target).map_err(text)?;
        let variant = self.check_plan(device, plan.clone())?;
        self.check_poisoned(device, plan)?;
        Ok(variant)
    }

    /// Runs a plan of the case, which may have been changed, and compares. Returns the variant that served.
    ///
    /// # Errors
    /// That the run fails, or which value is off.
    pub fn check_plan(&self, device: &Device, plan: Plan) -> Result<&'static str, String> {
        let (variant, outputs) = self.execute(device, plan)?;
        let output = self.graph.node(self.output);
        let compared = match output.ty.dtype {
            dtype @ (DType::F32 | DType::F16) => {
                let got = outputs.f32(&output.name).map_err(text)?;
                if output.name == "case" && dtype == DType::F32 {
                    check_range(&self.case.op, got, self.want.shape).map_err(|e| format!("variant {variant}: {e}"))?;
                }
                compare(got, &self.want, &self.magnitude, Tolerance::of(dtype))
            }
            DType::U32 => compare_u32(outputs.u32(&output.name).map_err(text)?, &self.want),
        };
        compared.map(|()| variant).map_err(|e| format!("variant {variant}: {e}"))
    }

    /// Runs a plan: the variant that served, and the result.
    fn execute(&self, device: &Device, plan: Plan) -> Result<(&'static str, Outputs), String> {
        self.execute_as(device, &self.graph, plan, &device.target().limits)
    }

    /// [`Self::execute`] for the case's graph after passes, planned with these limits.
    fn execute_as(
        &self,
        device: &Device,
        graph: &Graph,
        plan: Plan,
        limits: &Limits,
    ) -> Result<(&'static str, Outputs), String> {
        let variant = plan.steps.iter().find(|s| s.name == "case").map_or("alias", |s| s.variant);
        let named = |i: usize| format!("input{i}");
        let of = |layout| (0..self.values.len()).filter(move |i| self.case.inputs[*i].layout == layout);
        let filters: HashMap<String, Vec<f32>> =
            of(Layout::Filter).map(|i| (named(i), self.values[i].clone())).collect();
        let parameters = Parameters::upload_for(device, graph, &filters, limits).map_err(text)?;
        let mut session = Session::from_plan(device, graph, plan, Arc::new(parameters)).map_err(text)?;

        let names: Vec<String> = of(Layout::Image).map(named).collect();
        let maps: Vec<Vec<u32>> =
            of(Layout::Image).map(|i| self.values[i].iter().map(|v| *v as u32).collect()).collect();
        let data = of(Layout::Image).zip(&maps).map(|(i, map)| match self.case.inputs[i].dtype {
            DType::F32 | DType::F16 => InputData::F32(&self.values[i]),
            DType::U32 => InputData::U32(map),
        });
        let inputs: Vec<(&str, InputData<'_>)> = names.iter().map(String::as_str).zip(data).collect();
        session.run_blocking(&inputs).map(|outputs| (variant, outputs)).map_err(text)
    }
}

fn text(e: impl std::fmt::Display) -> String {
    e.to_string()
}
