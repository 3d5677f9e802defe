//! Dropout in training.

use atrous_graph::DType;
use atrous_graph::op::{Dropout, DropoutUnit};
use atrous_shaders::pointwise::dropout;

use crate::cut::{Cut, Section};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::{Bound, Kernel, is_half, vec4s};
use crate::kernels::Kernels;
use crate::problem::Problem;

impl Kernels for Dropout {
    /// A part draws the mask that the whole tensor has there.
    ///
    /// # Errors
    /// [`PlanError::Limit`] if the part does not fit the adapter, or the tensor has more vec4s than the generator's counter;
    /// [`PlanError::Unsupported`] for u32 maps.
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        if problem.inputs.len() == 1 {
            return Ok(NodePlan::alias());
        }
        let (y, count) = (&problem.output, vec4s(problem.output.ty));
        if y.ty.dtype == DType::U32 {
            return Err(PlanError::Unsupported(format!("dropout of {}", y.ty)));
        }
        let (needs, limit) = (vec4s(y.full) as u64, u64::from(u32::MAX));
        if needs > limit {
            return Err(PlanError::Limit { what: "random numbers (four elements each)", needs, limit });
        }
        let full = y.full.shape;
        let pixel = y.ty.padded().c / 4;
        let row = full.w * pixel;
        // The counter of the vec4 at position i is i / run * period + i % period.
        let (run, period) = match self.unit {
            DropoutUnit::Element => (pixel, pixel),
            DropoutUnit::Channel => (full.h * row, pixel),
            DropoutUnit::Sample => (full.h * row, 1),
            DropoutUnit::Batch => (full.n * full.h * row, 1),
        };
        let rate = f64::from(self.rate);
        let call = dropout::call(
            dropout::Axes { half: is_half(y.ty) },
            dropout::Constants {
                count,
                first: (y.first_sample * full.h + y.first_row) * row,
                run,
                period,
                each: matches!(self.unit, DropoutUnit::Element | DropoutUnit::Channel),
                stream: self.stream as usize,
                // A whole number is below the rate's share of 2^32 if it is below that rounded up.
                threshold: (rate * 2_f64.powi(32)).ceil() as usize,
                scale: 1.0 / (1.0 - rate),
            },
            dropout::Bindings {
                x: Bound::input(problem, 0),
                seed: Bound::input(problem, 1),
                y: Bound::output(problem),
            },
        );
        Ok(NodePlan::single("dropout", Kernel::from(call).invocations(count, problem.target)?))
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first(section.window.clone()))
    }

    fn is_alias(&self, inputs: usize) -> bool {
        inputs == 1
    }
}

#[cfg(test)]
mod tests {
    use atrous_graph::{Op, Shape, TensorType};

    use super::*;
    use crate::{Limits, Target, plan_node};

    #[test]
    fn a_map_is_refused() {
        let (x, seed) = (TensorType::map(Shape::new(1, 2, 2, 1)), TensorType::map(Shape::channels(1)));
        let op = Op::Dropout(Dropout { rate: 0.25, stream: 0, unit: DropoutUnit::Element });
        let refused = plan_node(&op, &[x, seed], x, &Target::new(Limits::WEBGPU, true)).expect_err("a map");
        assert_eq!(refused, PlanError::Unsupported("dropout of 1×2×2×1 u32".to_owned()));
    }

    #[test]
    fn parts_count_from_their_place_in_the_whole_tensor() {
        let x = TensorType::image(Shape::new(3, 8, 4, 5));
        let seed = TensorType::map(Shape::channels(1));
        let op = Op::Dropout(Dropout { rate: 0.25, stream: u32::MAX, unit: DropoutUnit::Element });
        // A row has 128 bytes, a sample 1024.
        for max_binding in [1024, 512] {
            let target = Target::new(Limits { max_binding, ..Limits::WEBGPU }, true);
            let plan = plan_node(&op, &[x, seed], x, &target).expect("a plan");
            assert_eq!(plan.dispatches.len(), 3 * 1024 / max_binding as usize);
            for (i, dispatch) in plan.dispatches.iter().enumerate() {
                let first = (i as u64 * max_binding / 16) as f64;
                for constant in [
                    ("FIRST", first),
                    ("STREAM", 4_294_967_295.0),
                    ("THRESHOLD", 1_073_741_824.0),
                    ("SCALE", 4.0 / 3.0),
                ] {
                    assert!(dispatch.overrides.contains(&constant), "{constant:?} in {:?}", dispatch.overrides);
                }
            }
        }
    }
}
