//! Small graphs: each pass where it serves, and where it must not.

use atrous_graph::autodiff::{Recompute, backward};
use atrous_graph::op::{
    BatchNorm, Binary, Broadcast, Conv2d, Conv2dGradInput, Coordinates, CrossEntropy, Gradient, Reduce, Resize, Unary,
};
use atrous_graph::passes::PassOptions;
use atrous_graph::{DType, Layout, NodeId, Op, Shape};

use crate::net::{IMAGE, NORM, Net, checked, ops, reason};

#[test]
fn a_residual_block_becomes_its_convolutions() {
    let mut net = Net::new();
    let x = net.x;
    let conv = net.conv("conv1", x, 8, 1);
    let norm = net.norm("bn1", conv);
    let relu = net.relu("relu1", norm);
    let conv = net.conv("conv2", relu, 8, 1);
    let norm = net.norm("bn2", conv);
    let short = net.conv("short", x, 8, 1);
    let short = net.norm("short.bn", short);
    let sum = net.sum("sum", norm, short);
    let y = net.relu("relu2", sum);
    net.graph.label("block", y);
    net.graph.set_outputs(vec![y]);

    let all = checked(&net, &[y], PassOptions::Fold);
    assert_eq!(ops(&all), ["fused_conv2d", "conv2d", "fused_conv2d"]);
    assert_eq!(reason(&all, "fuse_epilogue", "bn2"), Some("the sum belongs to the other convolution"));
    assert_eq!(all.graph.find("block").ok(), all.nodes[y.0]);
    assert_eq!(all.graph.outputs(), all.now(&[y]));
    assert_eq!((all.graph.parameters().count(), all.derived.len()), (6, 6));

    // Nothing is folded where parameters must stay, nothing is fused over a normalisation.
    let kept = checked(&net, &[y], PassOptions::Fuse);
    assert_eq!(kept.graph.parameters().count(), net.graph.parameters().count());
    assert_eq!(kept.report.count("fold_batch_norm"), 0);
    let none = checked(&net, &[y], PassOptions::None);
    assert_eq!(none.graph.nodes(), net.graph.nodes());
}

#[test]
fn what_is_asked_for_stays() {
    let mut net = Net::new();
    let x = net.x;
    let conv = net.conv("conv", x, 8, 1);
    let norm = net.norm("bn", conv);
    let y = net.relu("relu", norm);
    let all = checked(&net, &[conv, norm, y], PassOptions::Fold);
    assert_eq!(ops(&all), ["conv2d", "batch_norm", "relu"]);
    assert_eq!(reason(&all, "fold_batch_norm", "bn"), Some("its result is asked for"));
    let all = checked(&net, &[norm, y], PassOptions::Fold);
    assert_eq!(ops(&all), ["conv2d", "relu"]);
    assert_eq!(reason(&all, "fuse_epilogue", "bn"), Some("its result is asked for"));
}

#[test]
fn what_is_read_twice_or_computed_is_not_folded() {
    let mut net = Net::new();
    let x = net.x;
    let conv = net.conv("conv", x, 4, 1);
    let norm = net.norm("bn", conv);
    let y = net.sum("sum", norm, conv);
    let all = checked(&net, &[y], PassOptions::Fold);
    assert_eq!(reason(&all, "fold_batch_norm", "bn"), Some("its result is read more than once"));

    let mut net = Net::new();
    let first = net.norm("first", net.x);
    let mean = net.vector("mean", 4);
    let mean = net.add("twice", Op::Unary(Unary::Affine { scale: 2.0, shift: 0.0 }), &[mean]);
    let var = net.vector("later.var", 4);
    let conv = net.conv("conv", first, 4, 1);
    let y = net.add("bn", Op::BatchNorm(BatchNorm { scale: false, shift: false, ..NORM }), &[conv, mean, var]);
    let all = checked(&net, &[y], PassOptions::Fold);
    assert_eq!(reason(&all, "fold_batch_norm", "first"), Some("it does not follow a convolution"));
    assert_eq!(reason(&all, "fold_batch_norm", "bn"), Some("a vector or filter is computed"));
}

#[test]
fn transposed_convolutions_in_groups_are_folded() {
    for groups in [1, 2, 4] {
        let mut net = Net::new();
        let filter = net.graph.parameter("weight", Shape::new(3, 2, 6, 4), Layout::Filter).expect("a filter");
        let bias = net.vector("bias", 6 * groups);
        let conv = Conv2d { stride: [2, 1], groups, ..Conv2d::default() };
        let op = Conv2dGradInput { conv, h: 13, w: 6 };
        let y = net.add("up", Op::Conv2dGradInput(op), &[net.x, filter, bias]);
        let y = net.norm("bn", y);
        let y = net.relu("relu", y);
        let all = checked(&net, &[y], PassOptions::Fold);
        assert_eq!(ops(&all), ["fused_conv_transpose2d"]);
    }
}

#[test]
fn shared_filters_are_folded_for_each_use() {
    let mut net = Net::new();
    let conv = net.conv("conv", net.x, 4, 1);
    let first = net.norm("bn1", conv);
    let (op, filter) = (net.graph.node(conv).op, net.graph.node(conv).inputs[1]);
    let again = net.add("conv", op, &[first, filter]);
    let y = net.norm("bn2", again);
    let all = checked(&net, &[y], PassOptions::Fold);
    assert_eq!((ops(&all), all.derived.len()), (vec!["conv2d", "conv2d"], 4));
}

#[test]
fn functions_are_computed_while_depthwise_convolutions_load() {
    let mut net = Net::new();
    let relu = net.relu("relu", net.x);
    let deep = net.conv("deep", relu, 4, 4);
    let other = net.conv("other", relu, 8, 4);
    let all = checked(&net, &[deep, other], PassOptions::Fold);
    assert_eq!(ops(&all), ["fused_conv2d", "fused_conv2d"]);

    let dense = net.conv("dense", relu, 4, 1);
    let all = checked(&net, &[deep, dense], PassOptions::Fold);
    assert_eq!(reason(&all, "fuse_prologue", "relu"), Some("others than depthwise convolutions read it"));
    let all = checked(&net, &[deep, relu], PassOptions::Fold);
    assert_eq!(reason(&all, "fuse_prologue", "relu"), Some("its result is asked for"));

    let mut net = Net::new();
    let sigmoid = net.add("sigmoid", Op::Unary(Unary::Sigmoid), &[net.x]);
    let deep = net.conv("deep", sigmoid, 4, 4);
    let all = checked(&net, &[deep], PassOptions::Fold);
    assert_eq!(reason(&all, "fuse_prologue", "sigmoid"), Some("it is not 0 at 0, or too costly or steep"));
}

#[test]
fn class_maps_are_made_while_logits_are_enlarged() {
    let mut net = Net::new();
    let logits = net.conv("logits", net.x, 21, 1);
    let large = net.add("large", Op::Resize(Resize::bilinear(24, 20, Coordinates::HalfPixel)), &[logits]);
    let map = net.add("map", Op::ArgMax, &[large]);
    let all = checked(&net, &[map], PassOptions::Fold);
    assert_eq!(ops(&all), ["conv2d", "resize_argmax"]);
    let all = checked(&net, &[map, large], PassOptions::Fold);
    assert_eq!(reason(&all, "fuse_resize_argmax", "map"), Some("its result is asked for"));
    let small = net.add("small", Op::ArgMax, &[logits]);
    let all = checked(&net, &[small], PassOptions::Fold);
    assert_eq!(reason(&all, "fuse_resize_argmax", "small"), Some("its image is not resized"));
    let mean = net.add("mean", Op::Reduce(Reduce::MEAN_HW), &[large]);
    let all = checked(&net, &[map, mean], PassOptions::Fold);
    assert_eq!(reason(&all, "fuse_resize_argmax", "map"), Some("its result is read more than once"));
}

/// A network that ends in enlarged logits, with a loss of each pixel and the gradient that reaches the image: the logits, the loss,
/// the gradient.
fn segmentation(loss: CrossEntropy, resize: Resize) -> (Net, [NodeId; 3]) {
    let mut net = Net::new();
    let small = net.conv("small", net.x, 6, 1);
    let logits = net.add("logits", Op::Resize(resize), &[small]);
    let labels = Shape { c: 1, ..net.graph.shape(logits) };
    let labels = net.graph.input("labels", labels, DType::U32).expect("an input");
    let weights = net.vector("weights", 6);
    let each = net.add("each", Op::CrossEntropy(loss), &[logits, labels, weights]);
    let mean = net.add("mean", Op::Reduce(Reduce::MEAN_NHW), &[each]);
    let gradients = backward(&mut net.graph, &[(mean, 1.0)], &[net.x], &Recompute::Nothing).expect("gradients");
    let gradient = gradients[0].expect("a gradient");
    (net, [logits, mean, gradient])
}

const LOSS: CrossEntropy = CrossEntropy { ignore: Some(2), smoothing: 0.1 };

#[test]
fn losses_and_their_gradients_enlarge_the_logits_they_read() {
    for coordinates in [Coordinates::HalfPixel, Coordinates::AlignCorners] {
        let (mut net, [logits, mean, gradient]) = segmentation(LOSS, Resize::bilinear(23, 20, coordinates));
        let map = net.add("map", Op::ArgMax, &[logits]);
        for kept in [&[mean][..], &[mean, gradient], &[mean, gradient, map]] {
            let all = checked(&net, kept, PassOptions::Fuse);
            let names = ops(&all);
            let large = all.graph.nodes().iter().filter(|node| node.ty.shape == Shape::new(1, 23, 20, 6)).count();
            assert_eq!(large, 0, "{}", all.graph);
            assert!(names.contains(&"resize_cross_entropy"), "{}", all.graph);
            assert_eq!(names.contains(&"resize_cross_entropy_grad"), kept.contains(&gradient));
            assert_eq!(names.contains(&"resize_argmax"), kept.contains(&map));
        }
    }
}

#[test]
fn logits_that_something_else_needs_are_stored() {
    let half = Resize::bilinear(23, 20, Coordinates::HalfPixel);
    let (mut net, [logits, mean, gradient]) = segmentation(LOSS, half);
    let declined = |net: &Net, kept: &[NodeId]| {
        let all = checked(net, kept, PassOptions::Fuse);
        assert!(ops(&all).contains(&"cross_entropy"), "{}", all.graph);
        reason(&all, "fuse_resize_loss", "logits")
    };
    assert_eq!(declined(&net, &[mean, gradient, logits]), Some("its result is asked for"));
    let back = net
        .graph
        .nodes()
        .iter()
        .position(|node| matches!(node.op, Op::Gradient(Gradient::CrossEntropy(_))))
        .expect("a gradient");
    assert_eq!(declined(&net, &[mean, gradient, NodeId(back)]), Some("its result is asked for"));
    let relu = net.relu("relu", NodeId(back));
    assert_eq!(declined(&net, &[mean, gradient, relu]), Some("its result is read more than once"));
    let (mut net, [logits, mean, gradient]) = segmentation(LOSS, half);
    let other = net.relu("other", logits);
    let reads = Some("something other than a cross-entropy and a class map reads it");
    assert_eq!(declined(&net, &[mean, gradient, other]), reads);
    let (net, [_, mean, gradient]) = segmentation(LOSS, Resize::nearest(23, 20));
    assert_eq!(declined(&net, &[mean, gradient]), Some("it is not bilinear"));
}

#[test]
fn nothing_flows_back_through_a_fused_loss() {
    let (net, [_, mean, _]) = segmentation(LOSS, Resize::bilinear(23, 20, Coordinates::HalfPixel));
    let all = checked(&net, &[mean], PassOptions::Fuse);
    let (loss, x) = (all.now(&[mean])[0], all.now(&[net.x])[0]);
    let error = backward(&mut all.graph.clone(), &[(loss, 1.0)], &[x], &Recompute::Nothing).expect_err("an error");
    assert!(error.to_string().contains("what a pass has fused"), "{error}");
}

/// The image-pooling branch of atrous spatial pyramid pooling, between two others.
fn pyramid(bias: bool) -> (Net, NodeId) {
    let mut net = Net::new();
    let x = net.x;
    let [one, two] = [("one", 6), ("two", 5)].map(|(name, c)| net.conv(name, x, c, 1));
    let pooled = net.add("pool", Op::Reduce(Reduce::MEAN_HW), &[x]);
    let filter = net.graph.parameter("vector.weight", Shape::new(1, 1, 4, 7), Layout::Filter).expect("a filter");
    let vector = net.add("vector", Op::Conv2d(Conv2d::default()), &[pooled, filter]);
    let spread = net.add("spread", Op::Resize(Resize::bilinear(6, 5, Coordinates::HalfPixel)), &[vector]);
    let all = net.add("all", Op::Concat, &[one, spread, two]);
    let filter = net.graph.parameter("project.weight", Shape::new(1, 1, 18, 9), Layout::Filter).expect("a filter");
    let inputs = if bias { vec![all, filter, net.vector("project.bias", 9)] } else { vec![all, filter] };
    let project = net.add("project", Op::Conv2d(Conv2d::default()), &inputs);
    (net, project)
}

#[test]
fn a_pooled_vector_becomes_a_bias_of_each_sample() {
    for bias in [true, false] {
        let (mut net, project) = pyramid(bias);
        let norm = net.norm("bn", project);
        let y = net.relu("relu", norm);
        let all = checked(&net, &[y], PassOptions::Fold);
        let want = ["conv2d", "conv2d", "reduce", "conv2d", "conv2d", "concat", "fused_conv2d"];
        assert_eq!(ops(&all), want, "{}", all.graph);
        // The filter is cut in two, out of one into which the normalisation was folded.
        let names: Vec<&str> = all.graph.parameters().map(|(_, node)| node.name.as_str()).collect();
        assert!(names.iter().any(|name| name.ends_with("pooled_filter")), "{names:?}");
        assert!(!names.contains(&"project.weight") && all.report.count("pooled_bias") == 1);
    }
    let (net, project) = pyramid(false);
    let all = checked(&net, &[project], PassOptions::Fold);
    assert_eq!(reason(&all, "pooled_bias", "all"), Some("the convolution that follows has no bias"));
    let (mut net, project) = pyramid(true);
    let spread = net.graph.find("spread").expect("a node");
    let all = checked(&net, &[project, spread], PassOptions::Fold);
    assert_eq!(reason(&all, "pooled_bias", "all"), Some("its result is asked for"));
    let concat = net.graph.find("all").expect("a node");
    let wide = net.conv("wide", concat, 3, 1);
    let all = checked(&net, &[wide], PassOptions::Fold);
    assert_eq!(all.report.count("pooled_bias"), 0, "{}", all.report);
    let kept = checked(&net, &[project], PassOptions::Fuse);
    assert!(ops(&kept).contains(&"resize"));
}

#[test]
fn functions_of_elements_that_follow_each_other_are_one_pass() {
    let mut net = Net::new();
    let other = net.graph.input("other", IMAGE, DType::F32).expect("an input");
    let affine = net.add("affine", Op::Unary(Unary::Affine { scale: -0.5, shift: 0.3 }), &[net.x]);
    let sum = net.sum("sum", other, affine);
    let relu = net.relu("relu", sum);
    let product = net.add("product", Op::Binary(Binary::Mul), &[relu, other]);
    let fifth = net.relu("fifth", product);
    let all = checked(&net, &[fifth], PassOptions::Fuse);
    assert_eq!(ops(&all), ["chain", "relu"], "{}", all.graph);
    let all = checked(&net, &[relu, fifth], PassOptions::Fuse);
    assert_eq!(ops(&all), ["chain", "chain"], "{}", all.graph);
    let all = checked(&net, &[affine, relu, product, fifth], PassOptions::Fuse);
    assert_eq!(ops(&all), ["affine", "chain", "mul", "relu"], "{}", all.graph);
}

#[test]
fn gradients_are_summed_where_the_activation_masks_them() {
    let mut net = Net::new();
    let x = net.conv("conv", net.x, 4, 1);
    let relu = net.relu("relu", x);
    let [a, b] = ["a", "b"].map(|name| net.conv(name, relu, 4, 1));
    let sum = net.sum("sum", a, b);
    let gradients = backward(&mut net.graph, &[(sum, 1.0)], &[net.x], &Recompute::Nothing).expect("gradients");
    let all = checked(&net, &[gradients[0].expect("a gradient")], PassOptions::Fuse);
    assert_eq!(all.report.count("fuse_chain"), 1, "{}", all.report);
    assert!(ops(&all).contains(&"chain") && !ops(&all).contains(&"unary_grad"), "{}", all.graph);
}

#[test]
fn chains_end_where_memory_or_the_function_asks_for_it() {
    let declined = |net: &Net, node| {
        let all = checked(net, net.graph.outputs(), PassOptions::Fuse);
        assert!(!ops(&all).contains(&"chain"), "{}", all.graph);
        reason(&all, "fuse_chain", node)
    };
    let mut net = Net::new();
    let pool = net.add("pool", Op::Reduce(Reduce::MEAN_HW), &[net.x]);
    let relu = net.relu("relu", net.x);
    let gate = net.add("gate", Op::Binary(Binary::Mul), &[relu, pool]);
    net.graph.set_outputs(vec![gate]);
    assert_eq!(declined(&net, "relu"), Some("it broadcasts"));
    let mut net = Net::new();
    let relu = net.relu("relu", net.x);
    let exp = net.add("exp", Op::Unary(Unary::Exp), &[relu]);
    net.graph.set_outputs(vec![exp]);
    assert_eq!(declined(&net, "relu"), Some("its function is no step of a chain"));
    let mut net = Net::new();
    let relu = net.relu("relu", net.x);
    let pool = net.add("pool", Op::Reduce(Reduce::MEAN_NHW), &[net.x]);
    let wide = net.add("wide", Op::Broadcast(Broadcast { shape: IMAGE }), &[pool]);
    let sum = net.sum("sum", relu, wide);
    net.graph.set_outputs(vec![sum]);
    assert_eq!(declined(&net, "relu"), Some("other work lies between it and what follows"));
    let mut net = Net::new();
    let relu = net.relu("relu", net.x);
    let square = net.add("square", Op::Binary(Binary::Mul), &[relu, relu]);
    net.graph.set_outputs(vec![square]);
    let all = checked(&net, &[square], PassOptions::Fuse);
    assert_eq!(ops(&all), ["relu", "mul"]);
}
