//! Operations defined by a program: their text, and the interface that is appended to it.

mod interface;

use std::borrow::Cow;

use atrous_graph::op::{Custom, CustomCut, Grid};
use atrous_graph::{Layout, TensorType};
use atrous_shaders::{Access, Shader};

use crate::cut::{Cut, Section};
use crate::dispatch::{Binding, Dispatch, NodePlan, Slot, linear_grid};
use crate::error::PlanError;
use crate::kernel::{check_bindings, within};
use crate::kernels::Kernels;
use crate::limits::Limits;
use crate::problem::Problem;
use crate::window::Window;

impl Kernels for Custom {
    /// Plans the operation by its kernel.
    ///
    /// # Errors
    /// [`PlanError::Custom`] if the operation gives no valid kernel, [`PlanError::Limit`] if the adapter's grid or
    /// bindings are too small.
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let limits = &problem.target.limits;
        let types: Vec<TensorType> = problem.inputs.iter().map(|part| part.ty).collect();
        let kernel = self.kernel(&types, problem.output.ty).map_err(PlanError::Custom)?;
        if let Some((name, value)) = kernel.constants.iter().find(|(_, value)| !value.is_finite()) {
            return Err(PlanError::Custom(format!("its constant {name} is {value}")));
        }
        let slots = (0..types.len()).map(Slot::Input).chain([Slot::Output]);
        let parts = problem.inputs.iter().chain([&problem.output]);
        let bindings: Vec<Binding> =
            slots.zip(parts).map(|(slot, part)| Binding { slot, offset: 0, size: part.bytes() }).collect();
        check_bindings(&bindings, bindings.len(), limits)?;
        let mut access = vec![Access::Read; types.len()];
        access.push(Access::ReadWrite);
        let shader = Shader {
            name: self.name(),
            variant: "custom",
            source: format!("{}\n\n{}", kernel.wgsl, interface::text(problem.inputs, &problem.output)).into(),
            bindings: access.into(),
            overrides: kernel.constants.iter().map(|(name, _)| *name).collect(),
            sizes: &[],
        };
        let grid = grid(kernel.grid, limits)?;
        let dispatch = Dispatch { shader: Cow::Owned(shader), overrides: kernel.constants, bindings, grid };
        Ok(NodePlan::single("custom", dispatch))
    }

    /// Cuts an operation that allows it. Inputs with as many samples, or rows, as the result are cut to the same range.
    /// All other inputs are whole.
    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        let (ways, output, rows_whole) = ((**self).cut(), section.output, section.has_all_rows());
        if ways == CustomCut::Whole || (ways == CustomCut::Samples && !rows_whole) || output.layout == Layout::Filter {
            return None;
        }
        let window = |ty: &TensorType| {
            let mut window = Window::whole(*ty);
            if ty.layout == Layout::Image && ty.shape.n == output.shape.n {
                window.n = section.window.n.clone();
            }
            if ty.layout == Layout::Image && ty.shape.h == output.shape.h && !rows_whole && window.n.len() == 1 {
                window.rows = section.rows();
            }
            window
        };
        Some(Cut { op: *section.op, inputs: section.inputs.iter().map(window).collect() })
    }
}

fn grid(grid: Grid, limits: &Limits) -> Result<[u32; 3], PlanError> {
    match grid {
        Grid::Linear(groups) => linear_grid(groups, limits.max_workgroups),
        Grid::Exact(groups) if groups.contains(&0) => {
            Err(PlanError::Custom(format!("its grid of {groups:?} workgroups is empty")))
        }
        Grid::Exact(groups) => {
            for count in groups {
                within("workgroups in one dimension", count.into(), limits.max_workgroups.into())?;
            }
            Ok(groups)
        }
    }
}

#[cfg(test)]
mod tests;
