//! The mean over a window, and its gradient.

use atrous_graph::op::{AvgPool, AvgPoolGrad};
use atrous_graph::{Op, Shape};
use atrous_shaders::pool::avg::{Axes, Bindings, Constants, call};

use super::window::{self, pool_rows};
use crate::cut::{Cut, Section};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernel::{Bound, is_half};
use crate::kernels::Kernels;
use crate::problem::Problem;
use crate::resize::adjoint::{self, Forward};
use crate::resize::tables;
use crate::resize::taps::Taps;
use crate::variant::Entry;

impl Kernels for AvgPool {
    /// The divisor is PyTorch's: a given one, or the number of positions inside the image, or inside image and padding.
    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        let x = problem.inputs[0].ty.shape;
        let padding = self.window.padding;
        let call = call(
            Axes { half: is_half(problem.output.ty) },
            Constants {
                window: window::sizes(&self.window, problem),
                padded_h: x.h + padding.bottom,
                padded_w: x.w + padding.right,
                count_pad: self.count_include_pad,
                divisor: self.divisor.unwrap_or(0),
            },
            Bindings { x: Bound::input(problem, 0), y: Bound::output(problem) },
        );
        window::plan("avg_pool", call, problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        if section.has_all_rows() {
            return Some(section.first_rows(0..section.height()));
        }
        let (rows, window) = pool_rows(&self.window, &section.rows(), section.height())?;
        Some(Cut { op: Op::AvgPool(Self { window, ..*self }), ..section.first_rows(rows) })
    }
}

impl Kernels for AvgPoolGrad {
    fn variants(&self) -> Vec<&'static Entry> {
        tables::VARIANTS.entries()
    }

    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        adjoint::plan(&forward(self, problem.inputs[0].full.shape), problem)
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        Some(section.first_under(|rows| forward(self, section.inputs[0].shape)[0].results(rows)))
    }
}

/// The pooling along each axis, whose adjoint the gradient is. A given divisor is applied to the rows; any other
/// divisor is a number of rows times a number of columns.
fn forward(op: &AvgPoolGrad, dy: Shape) -> [Forward; 2] {
    let AvgPool { window, count_include_pad, divisor } = op.pool;
    let after = [window.padding.bottom, window.padding.right];
    let sizes = [(op.h, dy.h), (op.w, dy.w)];
    [0, 1].map(|axis| {
        let (n, results) = sizes[axis];
        Forward::new(n, results, |i| {
            let start = window.start(axis, i);
            let end = start + window.kernel[axis] as isize;
            let inside = |at: isize| at.clamp(0, n as isize) as usize;
            let pixels = inside(start)..inside(end);
            let padded = end.min((n + after[axis]) as isize) - start;
            let count = match divisor {
                Some(divisor) if axis == 0 => divisor,
                Some(_) => 1,
                None if count_include_pad => padded as usize,
                None => pixels.len(),
            };
            Taps::equal(pixels, (1.0 / count as f64) as f32)
        })
    })
}

#[cfg(test)]
mod tests {
    use atrous_graph::TensorType;
    use atrous_graph::op::{Padding, Window};

    use super::*;
    use crate::{Limits, Target, plan_node};

    #[test]
    fn the_divisor_is_one_of_three() {
        let window =
            Window { padding: Padding { top: 1, bottom: 2, left: 0, right: 1 }, ..Window::new([3, 3], [2, 2]) };
        let of = |count_include_pad, divisor| {
            let op = Op::AvgPool(AvgPool { window, count_include_pad, divisor });
            let x = TensorType::image(Shape::new(1, 9, 7, 5));
            let y = op.infer(&[x]).expect("a valid case");
            let plan = plan_node(&op, &[x], y, &Target::new(Limits::WEBGPU, true)).expect("a plan");
            let set = &plan.dispatches[0].overrides;
            ["DIVISOR", "COUNT_PAD", "PADDED_H", "PADDED_W"]
                .map(|name| set.iter().find(|(n, _)| *n == name).expect("an override").1 as usize)
        };
        assert_eq!(of(false, None), [0, 0, 11, 8]);
        assert_eq!(of(true, None), [0, 1, 11, 8]);
        assert_eq!(of(true, Some(7)), [7, 1, 11, 8]);
    }

    #[test]
    fn a_divisor_is_split_between_the_axes() {
        let window = Window { padding: Padding::symmetric(1, 1), ..Window::new([3, 3], [2, 2]) };
        let weight = |count_include_pad, divisor| {
            let pool = AvgPool { window, count_include_pad, divisor };
            let [rows, columns] = forward(&AvgPoolGrad { pool, h: 5, w: 5 }, Shape::new(1, 3, 3, 4));
            (rows.taps[0].0[0].1, columns.taps[0].0[0].1)
        };
        assert_eq!(weight(true, None), (1.0 / 3.0, 1.0 / 3.0));
        assert_eq!(weight(false, None), (0.5, 0.5));
        assert_eq!(weight(true, Some(8)), (0.125, 1.0));
    }
}
