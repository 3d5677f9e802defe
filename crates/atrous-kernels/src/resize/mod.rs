//! Interpolation, and resampling through tables of taps, which also serves pooling over bins and the gradients of
//! operations that weight rows and columns separately.

pub(crate) mod adjoint;
mod argmax;
pub(crate) mod interpolate;
pub(crate) mod tables;
pub(crate) mod taps;

#[cfg(test)]
mod tests {
    use atrous_graph::op::{AdaptiveAvgPool, Coordinates, Interpolation, Resize};
    use atrous_graph::{Op, Shape, TensorType};

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
}
