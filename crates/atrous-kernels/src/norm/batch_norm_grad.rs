//! The gradient of batch normalisation.

use atrous_graph::Shape;
use atrous_graph::op::{BatchNormGrad, BatchNormGradSums, Unary};
use atrous_shaders::norm::{batch_norm_grad, grad_slabs};

use super::operands::variance;
use super::strided;
use crate::cut::{Cut, Section};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::{Bound, is_half};
use crate::kernels::Kernels;
use crate::pointwise::unary::activation;
use crate::problem::Problem;
use crate::reduce::combine::combine;
use crate::reduce::pixels::{Pixels, Window, plan_pixels};
use crate::reduce::stages;
use crate::variant::Entry;

impl Kernels for BatchNormGradSums {
    fn variants(&self) -> Vec<&'static Entry> {
        stages::VARIANTS.entries()
    }

    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        plan_sums(self.eps, None, problem)
    }

    fn sums(&self) -> bool {
        true
    }
}

impl Kernels for BatchNormGrad {
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let Self { eps, scale, batch } = *self;
        plan("batch_norm_grad", Terms { eps, batch, scale, function: None }, problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.alike(2))
    }
}

/// Plans both sums of a batch normalisation's gradient, in two stages if there are many pixels. If a `function` follows
/// the normalisation, inputs 4 and 5 are scale and shift.
///
/// # Errors
/// [`PlanError::Limit`] if a pixel of the input exceeds a binding.
pub(super) fn plan_sums(eps: f64, function: Option<Unary>, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let masked = function.map(|f| {
        let (code, p, q) = activation(&f);
        grad_slabs::Masked { code, p: p.into(), q: q.into() }
    });
    let slabs = |_: &Pixels, window: &Window| {
        grad_slabs::call(
            grad_slabs::Axes { masked, half: is_half(problem.inputs[0].ty) },
            grad_slabs::Constants { pixels: window.sizes, eps },
            grad_slabs::Bindings {
                x: window.input(0),
                dy: window.input(1),
                mean: Bound::input(problem, 2),
                variance: variance(problem, 3),
                scale: masked.map(|_| Bound::input(problem, 4)),
                shift: masked.map(|_| Bound::input(problem, 5)),
                p: window.result,
            },
        )
    };
    plan_pixels(problem, 2, &slabs, &|p| combine(p.stages, p.all_slabs(), false, 1, problem))
}

/// The terms of the gradient of a batch normalisation.
pub(super) struct Terms {
    pub(super) eps: f64,
    /// Whether mean and variance are those of the batch. Their gradients are then subtracted, computed from both sums,
    /// the last input.
    pub(super) batch: bool,
    /// Whether there is a scale; it is input 4.
    pub(super) scale: bool,
    /// The function after the normalisation, if any. Inputs 4 and 5 are then scale and shift.
    pub(super) function: Option<Unary>,
}

/// Plans a gradient. It is written over the result's gradient, input 1, if nothing else reads that.
///
/// # Errors
/// [`PlanError::Limit`] if the part exceeds the adapter's limits.
pub(super) fn plan(name: &'static str, terms: Terms, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let Terms { eps, batch, scale, function } = terms;
    let sizes = strided::sizes(problem);
    let in_place = problem.inputs[1].dies;
    let Shape { n, h, w, .. } = problem.output.full.shape;
    let masked = function.map(|f| {
        let (code, p, q) = activation(&f);
        batch_norm_grad::Masked { code, p: p.into(), q: q.into() }
    });
    let input = |needed: bool, i: usize| needed.then(|| Bound::input(problem, i));
    let call = batch_norm_grad::call(
        batch_norm_grad::Axes {
            scale,
            batch: batch.then_some(batch_norm_grad::Batch { total: (n * h * w) as f64 }),
            masked,
            in_place,
            half: is_half(problem.output.ty),
        },
        batch_norm_grad::Constants { strided: sizes, eps },
        batch_norm_grad::Bindings {
            variance: variance(problem, 3),
            dx: Bound::output(problem),
            x: input(batch || masked.is_some(), 0),
            mean: input(batch || masked.is_some(), 2),
            sums: input(batch, problem.inputs.len() - 1),
            scale: input(scale || masked.is_some(), 4),
            shift: input(masked.is_some(), 5),
            dy: input(!in_place, 1),
        },
    );
    Ok(NodePlan { in_place: in_place.then_some(1), ..strided::plan(name, call, sizes, problem)? })
}
