//! The class map of an image that is interpolated while it is read.

use atrous_graph::op::ResizeArgMax;

use super::interpolate::{input_rows, interpolation};
use super::tables::{self, Kind, resample};
use crate::cut::{Cut, Section};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernels::Kernels;
use crate::problem::Problem;
use crate::variant::Entry;

impl Kernels for ResizeArgMax {
    fn variants(&self) -> Vec<&'static Entry> {
        tables::VARIANTS.entries()
    }

    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let [rows, columns] = interpolation(&self.0, problem);
        resample(Kind::Classes, rows, columns, problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first_under(|rows| input_rows(&self.0, section.inputs[0].shape, rows)))
    }
}
