//! The gradient of batch normalisation.

use atrous_graph::Shape;
use atrous_graph::op::{BatchNormGrad, BatchNormGradSums, Unary};

use super::operands::{bind_mean, bind_variance};
use super::strided::strided;
use crate::cut::{Cut, Section};
use crate::dispatch::{Binding, NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::Kernel;
use crate::kernels::Kernels;
use crate::pointwise::unary::activation;
use crate::problem::Problem;
use crate::reduce::combine::combine;
use crate::reduce::pixels::{Pixels, plan_pixels};
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
        let variant = match (self.scale, self.batch) {
            (false, false) => "",
            (true, false) => "scale",
            (false, true) => "batch",
            (true, true) => "scale,batch",
        };
        let mut kernel = start(variant, self.eps, problem);
        if self.batch {
            kernel = bind_mean(kernel.bind("X_BASE", Slot::Input(0), &problem.inputs[0]), 2, problem);
            kernel = bind_sums(kernel, problem);
        }
        if self.scale {
            kernel = kernel.bind("SCALE_BASE", Slot::Input(4), &problem.inputs[4]);
        }
        finish("batch_norm_grad", kernel, problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.alike(2))
    }
}

/// Plans both sums of a batch normalisation's gradient, in two stages where there are many pixels. With a function behind it,
/// inputs 4 and 5 are scale and shift.
///
/// # Errors
/// [`PlanError::Limit`] if a pixel of the input does not fit the adapter.
pub(super) fn plan_sums(eps: f64, function: Option<Unary>, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
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

/// The kernel of the gradient, up to its result.
pub(super) fn start(variant: &str, eps: f64, problem: &Problem<'_>) -> Kernel {
    let flags = [variant, if problem.inputs[1].dies { "in_place" } else { "" }];
    let variant: Vec<&str> = flags.into_iter().filter(|flag| !flag.is_empty()).collect();
    let kernel = Kernel::storing(problem.output.ty, "norm/batch_norm_grad", &variant.join(",")).set("EPS", eps);
    bind_variance(kernel, 3, problem).bind("DX_BASE", Slot::Output, &problem.output)
}

/// Binds the gradient of the result, unless what is computed takes its place.
pub(super) fn finish(name: &'static str, kernel: Kernel, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let dy = &problem.inputs[1];
    let in_place = dy.dies.then_some(1);
    let kernel = if in_place.is_some() { kernel } else { kernel.bind("DY_BASE", Slot::Input(1), dy) };
    Ok(NodePlan { in_place, ..strided(name, kernel, problem)? })
}

/// Binds the sums, which are the last input.
pub(super) fn bind_sums(kernel: Kernel, problem: &Problem<'_>) -> Kernel {
    let Shape { n, h, w, .. } = problem.output.full.shape;
    let last = problem.inputs.len() - 1;
    kernel.sizes([("TOTAL", n * h * w)]).bind("SUMS_BASE", Slot::Input(last), &problem.inputs[last])
}

/// Sets the function whose derivative the gradient is multiplied by.
pub(super) fn set_function(kernel: Kernel, function: Unary) -> Kernel {
    let (code, p, _) = activation(&function);
    kernel.set("CODE", f64::from(code as u32)).set("P", f64::from(p))
}

/// Binds scale and shift.
pub(super) fn bind_affine(kernel: Kernel, problem: &Problem<'_>) -> Kernel {
    let [scale, shift] = [&problem.inputs[4], &problem.inputs[5]];
    kernel.bind("SCALE_BASE", Slot::Input(4), scale).bind("SHIFT_BASE", Slot::Input(5), shift)
}
