//! Running statistics.

use atrous_graph::op::RunningStat;
use atrous_shaders::norm::running_stat;

use super::operands::from_sample;
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, vec4s};
use crate::kernels::Kernels;
use crate::problem::Problem;

impl Kernels for RunningStat {
    /// Plans `keep * running + take * batch`.
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let count = vec4s(problem.output.ty);
        let call = running_stat::call(
            running_stat::Constants { count, keep: self.keep, take: self.take },
            running_stat::Bindings {
                running: Bound::input(problem, 0),
                batch: from_sample(problem, 1, self.sample),
                y: Bound::output(problem),
            },
        );
        Ok(NodePlan::single("running_stat", Kernel::from(call).invocations(count, problem.target)?))
    }
}
