mod grad_weight;

use atrous_graph::op::{Conv2d, Conv2dGradInput, Conv2dGradWeight, Gradient, Padding};
use atrous_graph::{DType, Op, Shape, TensorType};

use crate::{Cooperative, Limits, NodePlan, PlanError, Slot, Target, plan_node};
use grad_weight::plan_weight;

const GPU: Target = Target::new(Limits::WEBGPU, false);
const SOFTWARE: Target = Target::new(Limits::WEBGPU, true);

fn try_plan(op: Op, x: Shape, filter: Shape, bias: bool, target: &Target) -> Result<NodePlan, PlanError> {
    let mut inputs = vec![TensorType::image(x), TensorType::filter(filter)];
    if bias {
        let channels = match op {
            Op::Conv2dGradInput(g) => filter.w * g.conv.groups,
            _ => filter.c,
        };
        inputs.push(TensorType::image(Shape::channels(channels)));
    }
    plan_node(&op, &inputs, op.infer(&inputs).expect("a valid case"), target)
}

fn plan(op: Op, x: Shape, filter: Shape, bias: bool, target: &Target) -> NodePlan {
    try_plan(op, x, filter, bias, target).expect("a plan")
}

fn conv(groups: usize, padding: usize) -> Conv2d {
    Conv2d { groups, padding: Padding::symmetric(padding, padding), ..Conv2d::default() }
}

fn value(dispatch: &crate::Dispatch, name: &str) -> usize {
    dispatch.overrides.iter().find(|(n, _)| *n == name).expect("an override").1 as usize
}

/// The variants that serve on a GPU and on a software adapter.
fn served(conv: Conv2d, x: Shape, filter: Shape) -> [&'static str; 2] {
    [GPU, SOFTWARE].map(|target| plan(Op::Conv2d(conv), x, filter, false, &target).variant)
}

#[test]
fn shapes_and_adapter_pick_the_kernel() {
    let x = Shape::new(1, 56, 56, 64);
    let both = |name| [name, name];
    assert_eq!(served(conv(1, 0), x, Shape::new(1, 1, 64, 256)), ["gemm_tiled", "gemm_registers"]);
    let implicit = ["implicit_gemm_tiled", "implicit_gemm_registers"];
    assert_eq!(served(conv(1, 1), x, Shape::new(3, 3, 64, 64)), implicit);
    assert_eq!(served(Conv2d { stride: [2, 2], ..conv(1, 0) }, x, Shape::new(1, 1, 64, 64)), implicit);
    assert_eq!(served(conv(4, 1), x, Shape::new(3, 3, 16, 64)), implicit);
    assert_eq!(served(conv(16, 1), x, Shape::new(3, 3, 4, 64)), both("implicit_gemm_registers"));
    assert_eq!(served(conv(32, 1), x, Shape::new(3, 3, 2, 64)), both("direct"));
    assert_eq!(served(conv(64, 1), x, Shape::new(3, 3, 1, 64)), both("depthwise"));
    assert_eq!(served(conv(64, 1), x, Shape::new(5, 5, 1, 192)), both("depthwise_multiplier"));
    let [grey, colour] = [1, 3].map(|c| Shape::new(1, 28, 28, c));
    assert_eq!(served(conv(1, 1), grey, Shape::new(3, 3, 1, 64)), both("stem"));
    assert_eq!(served(Conv2d { stride: [2, 2], ..conv(1, 3) }, colour, Shape::new(7, 7, 3, 64)), both("stem"));
    assert_eq!(served(conv(1, 1), Shape { c: 5, ..colour }, Shape::new(3, 3, 5, 64)), implicit);
    assert_eq!(served(conv(1, 1), colour, Shape::new(3, 3, 3, 4)), implicit);
}

#[test]
fn every_variant_serves_when_asked_for_where_it_is_legal() {
    let asked = |conv: Conv2d, c: usize, filter: Shape, variant: &'static str| {
        let target = Target { variant: Some(variant), ..GPU };
        let plan = plan(Op::Conv2d(conv), Shape::new(1, 9, 9, c), filter, true, &target);
        assert_eq!(plan.variant, variant);
        for dispatch in &plan.dispatches {
            let declared = &dispatch.shader.overrides;
            let set: Vec<_> = dispatch.overrides.iter().map(|(name, _)| *name).collect();
            assert!(declared.iter().all(|name| set.contains(name)), "{}: {declared:?}, {set:?}", dispatch.shader.name);
            assert_eq!(dispatch.bindings.len(), dispatch.shader.bindings.len());
        }
    };
    for name in ["gemm_tiled", "gemm_registers", "implicit_gemm_tiled", "implicit_gemm_registers", "im2col", "direct"] {
        asked(conv(1, 0), 8, Shape::new(1, 1, 8, 12), name);
    }
    for name in ["depthwise", "depthwise_multiplier", "implicit_gemm_tiled", "direct"] {
        asked(conv(1, 1), 1, Shape::new(3, 3, 1, 1), name);
    }
    // A variant that is asked for where it is not legal does not serve.
    let target = Target { variant: Some("gemm_tiled"), ..GPU };
    let strided = Conv2d { stride: [2, 2], ..conv(1, 0) };
    let plan = plan(Op::Conv2d(strided), Shape::new(1, 9, 9, 8), Shape::new(1, 1, 8, 8), false, &target);
    assert_eq!(plan.variant, "implicit_gemm_tiled");
    assert!(plan.declined.iter().any(|d| d.variant == "gemm_tiled" && d.reason == "the stride is not 1"));
}

#[test]
fn long_sums_over_few_pixels_are_cut_on_a_gpu() {
    let small = Shape::new(1, 7, 7, 512);
    let whole = ["implicit_gemm_tiled", "implicit_gemm_registers"];
    assert_eq!(served(conv(1, 1), small, Shape::new(3, 3, 512, 512)), ["implicit_gemm_split", whole[1]]);
    // A batch has enough tiles. A short sum is not worth a second stage.
    assert_eq!(served(conv(1, 1), Shape { n: 16, ..small }, Shape::new(3, 3, 512, 512)), whole);
    assert_eq!(served(conv(1, 1), Shape { c: 64, ..small }, Shape::new(3, 3, 64, 64)), whole);
    let dense = (Shape::new(1, 1, 1, 2048), Shape::new(1, 1, 2048, 1000));
    assert_eq!(served(conv(1, 0), dense.0, dense.1), ["gemm_split", "gemm_registers"]);

    let plan = plan(Op::Conv2d(conv(1, 0)), dense.0, dense.1, true, &GPU);
    let of = |name: &str| value(&plan.dispatches[0], name);
    // 128 steps of 16 terms; 32 tiles of 32 channels in 8 slabs of 16 steps.
    assert_eq!((plan.dispatches[0].grid, of("PER_SLAB")), ([32, 1, 8], 16));
    assert_eq!((value(&plan.dispatches[1], "SLABS"), plan.scratch.as_slice()), (8, &[8 * 1000 * 4][..]));
    for (asked, k) in [(Limits { max_binding: 7999, ..Limits::WEBGPU }, 2048), (Limits::WEBGPU, 16)] {
        let target = Target { variant: Some("gemm_split"), ..Target::new(asked, false) };
        let plan = try_plan(Op::Conv2d(conv(1, 0)), Shape::new(1, 1, 1, k), Shape::new(1, 1, k, 1000), false, &target);
        assert!(plan.is_err() || plan.is_ok_and(|plan| plan.variant == "gemm_tiled"), "{k}");
    }
}

/// The plan of a convolution of `dtype` tensors on a GPU with these cooperative matrices.
fn cooperative(dtype: DType, conv: Conv2d, filter: Shape, have: Option<Cooperative>, limits: Limits) -> NodePlan {
    let x = Shape::new(2, 9, 7, filter.w * conv.groups);
    let inputs = [TensorType { dtype, ..TensorType::image(x) }, TensorType { dtype, ..TensorType::filter(filter) }];
    let op = Op::Conv2d(conv);
    let target = Target { f16: true, cooperative: have, ..Target::new(limits, false) };
    plan_node(&op, &inputs, op.infer(&inputs).expect("a valid case"), &target).expect("a plan")
}

#[test]
fn cooperative_matrices_serve_what_they_multiply() {
    let nvidia = Cooperative { lanes: 32, f16: Some(16), f32: None };
    let apple = Cooperative { f16: Some(8), f32: Some(8), ..nvidia };
    let dense = Shape::new(3, 3, 21, 70);
    for (dtype, have, text, grid) in [
        // 126 pixels in 2 or 4 tiles, 72 channels in 2 or 3.
        (DType::F16, nvidia, "half,SIZE=16", [4, 1, 1]),
        (DType::F16, apple, "half,SIZE=8", [12, 1, 1]),
        (DType::F32, apple, "SIZE=8", [12, 1, 1]),
    ] {
        let plan = cooperative(dtype, conv(1, 1), dense, Some(have), Limits::WEBGPU);
        let dispatch = &plan.dispatches[0];
        assert_eq!((plan.variant, dispatch.shader.variant, dispatch.grid), ("cooperative", text, grid));
        assert_eq!(value(dispatch, "LANES"), 32);
    }
    let grouped = cooperative(DType::F16, conv(4, 1), Shape::new(3, 3, 4, 64), Some(nvidia), Limits::WEBGPU);
    assert_eq!((grouped.variant, grouped.dispatches[0].grid), ("cooperative", [2, 1, 4]));
}

#[test]
fn cooperative_matrices_decline_with_a_reason() {
    let nvidia = Cooperative { lanes: 32, f16: Some(16), f32: None };
    let single = Cooperative { f16: None, f32: Some(8), ..nvidia };
    let dense = Shape::new(1, 1, 21, 70);
    let small = Limits { workgroup_memory: 8 << 10, ..Limits::WEBGPU };
    let declined = |dtype, conv, filter, have, limits| {
        let plan = cooperative(dtype, conv, filter, have, limits);
        plan.declined.iter().find(|d| d.variant == "cooperative").map(|d| d.reason)
    };
    let of = |dtype, have, limits| declined(dtype, conv(1, 0), dense, Some(have), limits);
    let none = declined(DType::F16, conv(1, 0), dense, None, Limits::WEBGPU);
    assert_eq!(none, Some("the device was not opened for cooperative matrices"));
    let (no_f32, no_f16) = (of(DType::F32, nvidia, Limits::WEBGPU), of(DType::F16, single, Limits::WEBGPU));
    assert_eq!(no_f32, Some("the adapter has no cooperative matrices of f32"));
    assert_eq!(no_f16, Some("the adapter has no cooperative matrices of f16 summed in f32"));
    let wide = of(DType::F16, Cooperative { lanes: 128, ..nvidia }, Limits::WEBGPU);
    assert_eq!(wide, Some("four subgroups pass the invocations of a workgroup"));
    assert_eq!(of(DType::F16, nvidia, small), Some("the tile passes the workgroup memory"));
    assert_eq!(of(DType::F16, Cooperative { f16: Some(8), ..nvidia }, small), None);
    let of = |groups, filter| declined(DType::F16, conv(groups, 1), filter, Some(nvidia), Limits::WEBGPU);
    assert_eq!(of(3, Shape::new(3, 3, 2, 9)), Some("a group is not a multiple of 4 channels"));
    assert_eq!(of(4, Shape::new(3, 3, 4, 16)), Some("a group has too few output channels to fill a tile"));
    assert_eq!(of(8, Shape::new(3, 3, 1, 8)), None, "depthwise comes first");
}

#[test]
fn the_shape_sizes_the_tiles() {
    let axes = |h: usize, cout: usize, target: &Target| {
        let plan = plan(Op::Conv2d(conv(1, 0)), Shape::new(1, h, h, 64), Shape::new(1, 1, 64, cout), true, target);
        plan.dispatches[0].shader.variant
    };
    assert_eq!(axes(128, 64, &GPU), "bias,TILE_M=64,TILE_N=64");
    assert_eq!(axes(128, 21, &GPU), "bias,TILE_M=64,TILE_N=32");
    assert_eq!(axes(56, 128, &GPU), "bias,TILE_M=32,TILE_N=64");
    assert_eq!(axes(1, 1000, &GPU), "bias,TILE_M=32,TILE_N=32");
    assert_eq!(axes(56, 64, &SOFTWARE), "bias,sized,TILE_M=16,TILE_N=16");
    assert_eq!(axes(7, 512, &SOFTWARE), "bias,sized,TILE_M=16,TILE_N=16");
    assert_eq!(axes(8, 64, &SOFTWARE), "bias,sized,TILE_M=8,TILE_N=16");
    assert_eq!(axes(1, 1000, &SOFTWARE), "bias,sized,TILE_M=4,TILE_N=16");
    assert_eq!(axes(56, 3, &SOFTWARE), "bias,sized,TILE_M=16,TILE_N=4");
}

/// A software adapter whose subgroups have this many invocations.
fn with_subgroups(invocations: u32) -> Target {
    Target { subgroup: Some(invocations), ..SOFTWARE }
}

#[test]
fn subgroups_share_what_they_load_where_columns_fill_a_workgroup() {
    let of = |subgroup: u32, conv: Conv2d, x: Shape, filter: Shape| {
        let plan = plan(Op::Conv2d(conv), x, filter, true, &with_subgroups(subgroup));
        let dispatch = &plan.dispatches[0];
        (plan.variant, dispatch.shader.variant, dispatch.grid)
    };
    let image = |h: usize| Shape::new(1, h, h, 64);
    let dense = Shape::new(1, 1, 64, 72);
    // 3136 pixels in 98 tiles; 18 vec4s of channels in 3 workgroups.
    let gemm = |m: &'static str, grid| ("gemm_subgroup", m, grid);
    assert_eq!(of(8, conv(1, 0), image(56), dense), gemm("bias,sized,TILE_M=32,TILE_N=4", [294, 1, 1]));
    // 64 pixels keep the adapter busy in tiles of 16 rows only if there are enough channels; a single pixel fills no tile.
    assert_eq!(of(8, conv(1, 0), image(8), dense), gemm("bias,sized,TILE_M=8,TILE_N=4", [24, 1, 1]));
    let wide = Shape { c: 128, ..dense };
    assert_eq!(of(8, conv(1, 0), image(8), wide), gemm("bias,sized,TILE_M=16,TILE_N=4", [16, 1, 1]));
    assert_eq!(of(8, conv(1, 0), image(1), dense), gemm("bias,sized,TILE_M=8,TILE_N=4", [3, 1, 1]));
    let grouped = of(8, conv(2, 1), image(56), Shape::new(3, 3, 32, 72));
    assert_eq!(grouped, ("implicit_gemm_subgroup", "bias,sized,TILE_M=32,TILE_N=4", [196, 1, 2]));
    // Sixteen channels are four of a workgroup's eight columns.
    assert_eq!(of(8, conv(1, 0), image(56), Shape { c: 16, ..dense }).0, "gemm_registers");
    assert_eq!(of(16, conv(1, 0), image(56), dense).0, "gemm_registers");
    assert_eq!(of(4, conv(1, 1), image(56), Shape::new(3, 3, 64, 72)).0, "implicit_gemm_registers");

    let transposed = Op::Conv2dGradInput(Conv2dGradInput { conv: conv(1, 1), h: 56, w: 56 });
    let transposed = plan(transposed, image(56), Shape::new(3, 3, 64, 64), false, &with_subgroups(8));
    assert_eq!((transposed.variant, transposed.dispatches[0].grid), ("transposed_subgroup", [196, 1, 1]));
    // The twelve channels of an image fill a tile of sixteen well enough, eight do not.
    let gradient = |c| plan_weight(conv(1, 1), Shape::new(2, 56, 56, c), Shape::new(3, 3, c, 64), &with_subgroups(8));
    let [shared, alone] = ["grad_weight_subgroup", "grad_weight_registers"];
    assert_eq!([64, 12, 8].map(|c| gradient(c).variant), [shared, shared, alone]);
    assert_eq!([64, 12].map(|c| gradient(c).tile.map(|tile| tile.m)), [Some(32), Some(16)]);

    let reason = |target: &Target| {
        let plan = plan(Op::Conv2d(conv(1, 0)), image(56), Shape { c: 16, ..dense }, true, target);
        plan.declined.iter().find(|d| d.variant == "gemm_subgroup").expect("it declined").reason
    };
    assert_eq!(reason(&SOFTWARE), "the device was not opened for subgroups");
    assert_eq!(reason(&with_subgroups(4)), "subgroups of fewer than 8 invocations");
    assert_eq!(reason(&with_subgroups(8)), "too few output channels to fill a workgroup");
    assert_eq!(reason(&with_subgroups(16)), "subgroups are larger than a workgroup");
}

/// On software adapters one pipeline of a kernel with sums in registers serves all shapes. On a GPU sizes are
/// constants.
#[test]
fn sizes_are_read_from_a_table_where_compiling_takes_long() {
    let of = |variant: &'static str, h: usize, c: usize, target: &Target| {
        let target = Target { variant: Some(variant), tile: Some(crate::Tile { m: 8, n: 8 }), ..target.clone() };
        let (x, filter) = (Shape::new(1, h, h, c), Shape::new(1, 1, c, 24));
        let gradient = Op::Gradient(Gradient::Conv2dWeight(Conv2dGradWeight { conv: conv(1, 0), kernel: [1, 1] }));
        let plan = match variant {
            "transposed_phase" | "transposed_subgroup" => {
                let op = Conv2dGradInput::transposed(conv(1, 0), [h, h], [1, 1], [0, 0]).expect("a valid case");
                plan(Op::Conv2dGradInput(op), Shape { c: 24, ..x }, filter, false, &target)
            }
            "grad_weight_registers" | "grad_weight_subgroup" => {
                let inputs = [x, Shape { c: 24, ..x }].map(TensorType::image);
                plan_node(&gradient, &inputs, TensorType::filter(filter), &target).expect("a plan")
            }
            _ => plan(Op::Conv2d(conv(1, 0)), x, filter, true, &target),
        };
        assert_eq!(plan.variant, variant);
        plan.dispatches[0].clone()
    };
    let registers = [
        "gemm_registers",
        "implicit_gemm_registers",
        "gemm_subgroup",
        "implicit_gemm_subgroup",
        "stem",
        "transposed_phase",
        "transposed_subgroup",
        "grad_weight_registers",
        "grad_weight_subgroup",
    ];
    for variant in registers {
        let c = if variant == "stem" { 3 } else { 40 };
        let [small, large] = [29, 30].map(|h| of(variant, h, c, &with_subgroups(8)));
        assert_eq!(
            (small.shader.variant, small.pipeline_constants()),
            (large.shader.variant, large.pipeline_constants())
        );
        let table = small.table().expect("a table");
        assert_eq!((table.len() % 4, small.bindings.len() + 1), (0, small.shader.bindings.len()), "{variant}");
        assert_ne!(small.table(), large.table());
        for (i, (name, default)) in small.shader.sizes.iter().enumerate() {
            let set = small.overrides.iter().find(|(other, _)| other == name).map(|(_, value)| *value as u32);
            assert_eq!(table[i], set.unwrap_or(*default), "{name} of {variant}");
        }
        let on_gpu = of(variant, 29, c, &Target { subgroup: Some(8), ..GPU });
        assert_eq!((on_gpu.table(), on_gpu.pipeline_constants()), (None, on_gpu.overrides.clone()));
        assert_eq!(on_gpu.overrides, small.overrides, "{variant}");
    }
}

#[test]
fn groups_and_phases_are_layers_of_the_grid() {
    let grouped = plan(Op::Conv2d(conv(4, 1)), Shape::new(2, 5, 5, 16), Shape::new(3, 3, 4, 32), false, &SOFTWARE);
    // 50 pixels in 7 tiles, 8 channels a group in 1: 7 invocations.
    assert_eq!(grouped.dispatches[0].grid, [1, 1, 4]);

    let forward = Conv2d { stride: [2, 3], ..conv(2, 0) };
    let op = Conv2dGradInput::transposed(forward, [5, 5], [2, 3], [0, 0]).expect("a valid case");
    let plan = plan(Op::Conv2dGradInput(op), Shape::new(1, 5, 5, 8), Shape::new(2, 3, 8, 8), true, &GPU);
    assert_eq!((plan.variant, plan.dispatches[0].grid[2]), ("transposed_phase", 12));
}

#[test]
fn transposed_groups_that_share_a_vec4_are_summed_directly() {
    let op = Conv2dGradInput::transposed(conv(3, 0), [5, 5], [2, 2], [0, 0]).expect("a valid case");
    let plan = plan(Op::Conv2dGradInput(op), Shape::new(1, 5, 5, 6), Shape::new(2, 2, 3, 6), false, &GPU);
    assert_eq!(plan.variant, "transposed_direct");
    assert!(plan.declined.iter().any(|d| d.reason == "a group is not a multiple of 4 channels"));
}

#[test]
fn im2col_comes_in_pieces_that_fit() {
    let target = Target { variant: Some("im2col"), ..SOFTWARE };
    let plan = plan(Op::Conv2d(conv(1, 1)), Shape::new(1, 256, 256, 32), Shape::new(3, 3, 32, 8), false, &target);
    // A row of columns takes 9 * 32 * 4 bytes; 65,536 rows take 75.5 MB, 32 MiB at a time.
    assert_eq!((plan.dispatches.len(), plan.scratch.len()), (6, 1));
    assert!(plan.scratch[0] <= 32 << 20);
    let rows = plan.dispatches.iter().filter(|d| d.shader.name == "conv/im2col");
    let rows = rows.map(|d| d.overrides.iter().find(|(n, _)| *n == "M").expect("rows").1);
    assert_eq!(rows.sum::<f64>(), 65_536.0);
    assert_eq!(plan.dispatches[1].bindings[0].slot, Slot::Scratch(0));
}

#[test]
fn depthwise_outputs_share_inputs_where_the_dilation_fits_the_row() {
    let plan = |x: Shape, dilation: usize, padding: usize| {
        let conv = Conv2d { dilation: [dilation; 2], ..conv(64, padding) };
        plan(Op::Conv2d(conv), x, Shape::new(3, 3, 1, 64), false, &GPU)
    };
    let x = Shape::new(1, 33, 33, 64);
    assert_eq!(plan(x, 12, 12).dispatches[0].shader.name, "conv/depthwise_strip");
    let wide = plan(x, 36, 36);
    assert_eq!(wide.dispatches[0].shader.name, "conv/depthwise");
    // 33 rows of 9 runs of 16 vec4s in groups of 64.
    assert_eq!(wide.dispatches[0].grid, [75, 1, 1]);
    // A software adapter is busy with fewer and longer strips: 3 rows of 12 phases, 12 columns of strips.
    let conv12 = Conv2d { dilation: [12; 2], ..conv(64, 12) };
    let software = self::plan(Op::Conv2d(conv12), x, Shape::new(3, 3, 1, 64), false, &SOFTWARE);
    assert_eq!((value(&software.dispatches[0], "ROWS"), software.dispatches[0].grid), (3, [36, 1, 1]));
    // Taps a million columns apart take no more invocations than a row of one column.
    let far = plan(Shape::new(1, 1, 1, 64), 1 << 20, 1 << 20);
    assert_eq!((far.variant, far.dispatches[0].grid), ("depthwise", [1, 1, 1]));
}

#[test]
fn a_transposed_filter_beyond_32_bit_coordinates_is_refused() {
    let forward = Conv2d { dilation: [1 << 20, 1], ..Conv2d::default() };
    let op = Op::Conv2dGradInput(Conv2dGradInput { conv: forward, h: 5, w: 5 });
    let refused = try_plan(op, Shape::new(1, 5, 5, 4), Shape::new(4096, 1, 4, 4), false, &GPU);
    let error = refused.map(|plan| plan.variant).expect_err("rows 2^32 apart");
    assert_eq!(error.to_string(), "needs 4294967296 pixels under the filter, the adapter allows 2147483648");
}

#[test]
fn transposed_convolutions_fill_tiles_or_registers() {
    let served = |groups: usize, filter: Shape| {
        let op = Conv2dGradInput { conv: conv(groups, 1), h: 56, w: 56 };
        let x = Shape::new(1, 56, 56, filter.c);
        [GPU, SOFTWARE].map(|target| plan(Op::Conv2dGradInput(op), x, filter, false, &target).variant)
    };
    let both = |name| [name, name];
    assert_eq!(served(1, Shape::new(3, 3, 64, 64)), ["transposed_tiled", "transposed_phase"]);
    assert_eq!(served(1, Shape::new(3, 3, 3, 64)), both("transposed_phase"));
    assert_eq!(served(64, Shape::new(3, 3, 1, 64)), both("transposed_depthwise"));
    assert_eq!(served(64, Shape::new(3, 3, 2, 64)), both("transposed_direct"));
}
