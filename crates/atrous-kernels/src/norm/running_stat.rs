//! Running statistics.

use atrous_graph::op::RunningStat;

use super::operands::from_sample;
use crate::dispatch::{NodePlan, Slot};
use crate::error::PlanError;
use crate::kernel::{Kernel, vec4s};
use crate::kernels::Kernels;
use crate::problem::Problem;

impl Kernels for RunningStat {
    /// Plans `keep * running + take * batch`.
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let count = vec4s(problem.output.ty);
        let dispatch = Kernel::new("norm/running_stat", "")
            .sizes([("COUNT", count)])
            .set("KEEP", self.keep)
            .set("TAKE", self.take)
            .bind("RUNNING_BASE", Slot::Input(0), &problem.inputs[0])
            .bind("BATCH_BASE", Slot::Input(1), &from_sample(&problem.inputs[1], self.sample))
            .bind("Y_BASE", Slot::Output, &problem.output)
            .invocations(count, problem.target)?;
        Ok(NodePlan::single("running_stat", dispatch))
    }
}
