//! Inputs and parameters, which no kernel computes.

use atrous_graph::op::{Input, Parameter};

use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernels::Kernels;
use crate::problem::Problem;

impl Kernels for Input {
    fn plan(&self, _problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        Ok(NodePlan::alias())
    }
}

impl Kernels for Parameter {
    fn plan(&self, _problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        Ok(NodePlan::alias())
    }
}
