//! Resampling from tables: interpolation, pooling over bins, and the gradients of all that weighs rows and columns on their own.

mod adaptive;
mod grad;
mod interpolate;
mod loss;
pub(crate) mod tables;
mod taps;

pub(crate) use adaptive::adaptive_input_rows;
pub use adaptive::plan_adaptive;
pub(crate) use grad::{adaptive_grad_rows, avg_grad_rows, pad_grad_rows, resize_grad_rows};
pub use grad::{plan_adaptive_grad, plan_avg_grad, plan_pad_grad, plan_resize_grad};
pub(crate) use interpolate::input_rows;
pub use interpolate::{plan_argmax, plan_resize};
pub use loss::{plan_cross_entropy, plan_cross_entropy_grad};

#[cfg(test)]
mod tests {
    use atrous_graph::op::{AdaptiveAvgPool, Coordinates, Interpolation, Resize};
    use atrous_graph::{Op, Shape, TensorType};

    use super::*;
    use crate::{Limits, NodePlan, Target, plan_node};

    fn plan(op: Op, x: Shape) -> NodePlan {
        let target = Target::new(Limits::WEBGPU, true);
        let x = TensorType::image(x);
        plan_node(&op, &[x], op.infer(&[x]).expect("a valid case"), &target).expect("a plan")
    }

    #[test]
    fn the_longest_tap_list_picks_the_kernel() {
        let x = Shape::new(1, 8, 8, 4);
        let variant = |op| plan(op, x).variant;
        assert_eq!(variant(Op::Resize(Resize::nearest(3, 20))), "nearest");
        assert_eq!(variant(Op::Resize(Resize::bilinear(3, 20, Coordinates::HalfPixel))), "two_taps");
        let antialias = |h, w| Op::Resize(Resize { h, w, interpolation: Interpolation::BilinearAntialias, step: None });
        assert_eq!(variant(antialias(16, 16)), "two_taps");
        assert_eq!(variant(antialias(3, 16)), "taps");
        assert_eq!(variant(Op::AdaptiveAvgPool(AdaptiveAvgPool { h: 3, w: 3 })), "taps");
        assert_eq!(variant(Op::AdaptiveAvgPool(AdaptiveAvgPool { h: 1, w: 1 })), "single_stage");
    }

    #[test]
    fn the_general_table_points_at_its_taps() {
        let plan = plan(Op::AdaptiveAvgPool(AdaptiveAvgPool { h: 2, w: 1 }), Shape::new(1, 6, 5, 4));
        let table = &plan.constants[0];
        // Two rows and one column, then 3 + 3 + 5 taps.
        assert_eq!(table[..12], [3, 3, 0, 0, 6, 3, 0, 0, 9, 5, 0, 0]);
        assert_eq!(table.len(), 4 * (3 + 3 + 3 + 5));
        assert_eq!(table[6 * 4..][..4], [3, (1.0_f32 / 3.0).to_bits(), 0, 0]);
        assert_eq!(table[13 * 4..], [4, 0.2_f32.to_bits(), 0, 0]);
    }

    #[test]
    fn rows_read_by_rows_of_the_result() {
        let op = Resize::bilinear(16, 16, Coordinates::HalfPixel);
        assert_eq!(input_rows(&op, Shape::new(1, 8, 8, 4), 4..8), 1..5);
        assert_eq!(adaptive_input_rows(3, 7, 1..2), 2..5);
    }
}
