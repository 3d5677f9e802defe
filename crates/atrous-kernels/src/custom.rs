//! Operations that a program brings along: its text, and the interface that is put behind it.

mod interface;

use std::borrow::Cow;

use atrous_graph::TensorType;
use atrous_graph::op::{Custom, Grid};
use atrous_shaders::{Access, Shader};

use crate::kernel::{check_bindings, within};
use crate::{Binding, Dispatch, Limits, NodePlan, PlanError, Problem, Slot, linear_grid};

/// Plans a custom operation by its kernel.
///
/// # Errors
/// [`PlanError::Custom`] if it gives none, [`PlanError::Limit`] if the adapter's grid or bindings are too small.
pub fn plan(op: &Custom, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
    let limits = &problem.target.limits;
    let types: Vec<TensorType> = problem.inputs.iter().map(|part| part.ty).collect();
    let kernel = op.kernel(&types, problem.output.ty).map_err(PlanError::Custom)?;
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
        name: op.name(),
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
