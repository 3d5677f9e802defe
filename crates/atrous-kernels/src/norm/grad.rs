//! The gradient of batch normalisation, with or without a function behind it.

use atrous_graph::Shape;
use atrous_graph::op::{BatchNormGrad, FusedBatchNormGrad, Unary};

use super::statistics::{bind_mean, bind_variance};
use super::strided::strided;
use crate::dispatch::{Binding, NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::Kernel;
use crate::pointwise::activation;
use crate::problem::Problem;
use crate::reduce::{Pixels, combine, plan_pixels};

/// Plans both sums of a batch normalisation's gradient, in two stages where there are many pixels. With a function behind it,
/// inputs 4 and 5 are scale and shift.
///
/// # Errors
/// [`PlanError::Limit`] if a pixel of the input does not fit the adapter.
pub fn plan_grad_sums(eps: f64, function: Option<Unary>, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let slabs = |_: &Pixels, x: Binding, base: usize| {
        let kernel =
            Kernel::storing(problem.inputs[0].ty, "norm/grad_slabs", if function.is_some() { "masked" } else { "" })
                .sizes([("X_BASE", base), ("DY_BASE", base)])
                .set("EPS", eps)
                .window(x)
                .window(Binding { slot: Slot::Input(1), ..x });
        let kernel = bind_variance(bind_mean(kernel, 2, problem), 3, problem);
        match function {
            Some(f) => bind_affine(set_function(kernel, f), problem),
            None => kernel,
        }
    };
    plan_pixels(problem, 2, &slabs, &|p| combine(p.stages, p.all_slabs(), false, 1, problem))
}

/// Plans the gradient of a batch normalisation with respect to its input.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_grad(op: &BatchNormGrad, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let variant = match (op.scale, op.batch) {
        (false, false) => "",
        (true, false) => "scale",
        (false, true) => "batch",
        (true, true) => "scale,batch",
    };
    let mut kernel = start(variant, op.eps, problem);
    if op.batch {
        kernel = bind_mean(kernel.bind("X_BASE", Slot::Input(0), &problem.inputs[0]), 2, problem);
        kernel = bind_sums(kernel, problem);
    }
    if op.scale {
        kernel = kernel.bind("SCALE_BASE", Slot::Input(4), &problem.inputs[4]);
    }
    finish("batch_norm_grad", kernel, problem)
}

/// Plans the gradient with respect to the input of a batch normalisation that a function follows.
///
/// # Errors
/// [`PlanError::Limit`] if the part does not fit the adapter.
pub fn plan_fused_grad(op: &FusedBatchNormGrad, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let kernel = set_function(start(if op.batch { "batch,masked" } else { "masked" }, op.eps, problem), op.activation);
    let kernel = bind_mean(kernel.bind("X_BASE", Slot::Input(0), &problem.inputs[0]), 2, problem);
    let kernel = if op.batch { bind_sums(kernel, problem) } else { kernel };
    finish("fused_batch_norm_grad", bind_affine(kernel, problem), problem)
}

fn start(variant: &str, eps: f64, problem: &Problem<'_>) -> Kernel {
    let flags = [variant, if problem.inputs[1].dies { "in_place" } else { "" }];
    let variant: Vec<&str> = flags.into_iter().filter(|flag| !flag.is_empty()).collect();
    let kernel = Kernel::storing(problem.output.ty, "norm/batch_norm_grad", &variant.join(",")).set("EPS", eps);
    bind_variance(kernel, 3, problem).bind("DX_BASE", Slot::Output, &problem.output)
}

/// Binds the gradient of the result, unless what is computed takes its place.
fn finish(name: &'static str, kernel: Kernel, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let dy = &problem.inputs[1];
    let in_place = dy.dies.then_some(1);
    let kernel = if in_place.is_some() { kernel } else { kernel.bind("DY_BASE", Slot::Input(1), dy) };
    Ok(NodePlan { in_place, ..strided(name, kernel, problem)? })
}

/// Binds the sums, which are the last input.
fn bind_sums(kernel: Kernel, problem: &Problem<'_>) -> Kernel {
    let Shape { n, h, w, .. } = problem.output.full.shape;
    let last = problem.inputs.len() - 1;
    kernel.sizes([("TOTAL", n * h * w)]).bind("SUMS_BASE", Slot::Input(last), &problem.inputs[last])
}

fn set_function(kernel: Kernel, function: Unary) -> Kernel {
    let (code, p, _) = activation(&function);
    kernel.set("CODE", f64::from(code)).set("P", f64::from(p))
}

/// Binds scale and shift.
fn bind_affine(kernel: Kernel, problem: &Problem<'_>) -> Kernel {
    let [scale, shift] = [&problem.inputs[4], &problem.inputs[5]];
    kernel.bind("SCALE_BASE", Slot::Input(4), scale).bind("SHIFT_BASE", Slot::Input(5), shift)
}
