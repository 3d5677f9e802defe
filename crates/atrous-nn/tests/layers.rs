//! Layers by themselves: what they name, how they store, what they refuse.

use atrous_graph::op::{Dropout, DropoutUnit, Padding, Unary};
use atrous_graph::{NodeId, Op, Shape};
use atrous_nn::layers::{Conv, ConvTranspose, Norm, Pool};
use atrous_nn::zoo::{self, BuildOptions, ResNetEncoder};
use atrous_nn::{Builder, Dilation, DilationRule, Encoder, Mode, Model, Naming, ParameterKind, StoredLayout};

/// A model of one layer on a 2×9×8×6 image.
fn layer(
    naming: Naming,
    mode: Mode,
    f: impl FnOnce(&mut Builder, NodeId) -> Result<NodeId, atrous_graph::GraphError>,
) -> Result<Model, String> {
    let mut b = Builder::new(naming, mode);
    let x = b.input("input", Shape::new(2, 9, 8, 6)).map_err(|e| e.to_string())?;
    let y = f(&mut b, x).map_err(|e| e.to_string())?;
    Ok(b.finish("layer", x, &[("out", y)]))
}

/// Name, stored shape and layout of a model's parameters.
fn stored(model: &Model) -> Vec<(&str, &[usize], StoredLayout)> {
    model.parameters.iter().map(|p| (p.name.as_str(), p.shape.as_slice(), p.stored)).collect()
}

#[test]
fn weights_are_stored_as_the_frameworks_do() {
    let conv = Conv::new(4, 3).padding(1).groups(2).bias();
    let torch = layer(Naming::Torch, Mode::Inference, |b, x| b.conv2d("c", x, conv)).unwrap();
    assert_eq!(
        stored(&torch),
        [("c.weight", &[4, 3, 3, 3][..], StoredLayout::Oihw), ("c.bias", &[4], StoredLayout::Vector)]
    );
    assert_eq!(torch.parameters[0].kind, ParameterKind::Weight { fan_in: 27 });
    let keras = layer(Naming::Keras, Mode::Inference, |b, x| b.conv2d("c", x, conv)).unwrap();
    assert_eq!(stored(&keras)[0], ("c/kernel", &[3, 3, 3, 4][..], StoredLayout::Hwio));
    let same = Conv::depthwise(3).stride(2).same();
    let keras = layer(Naming::Keras, Mode::Inference, |b, x| b.depthwise("d", x, 2, same)).unwrap();
    assert_eq!(stored(&keras), [("d/kernel", &[3, 3, 6, 2][..], StoredLayout::Hwim)]);
    assert_eq!(keras.parameters[0].kind, ParameterKind::Weight { fan_in: 9 });
    assert_eq!(keras.output_shape(), Shape::new(2, 5, 4, 12));
    let dense = layer(Naming::Keras, Mode::Inference, |b, x| b.linear("f", x, 5, true)).unwrap();
    assert_eq!(stored(&dense)[0], ("f/kernel", &[432, 5][..], StoredLayout::Io));
    assert_eq!(dense.macs(), 2 * 432 * 5);
}

#[test]
fn transposed_convolutions_have_the_frameworks_sizes() {
    let plain = ConvTranspose::new(5, 3, 2);
    let padded = plain.padding(1).output_padding(1);
    let model = layer(Naming::Torch, Mode::Inference, |b, x| b.conv_transpose2d("t", x, padded)).unwrap();
    assert_eq!(model.output_shape(), Shape::new(2, 18, 16, 5));
    assert_eq!(stored(&model)[0], ("t.weight", &[6, 5, 3, 3][..], StoredLayout::Iohw));
    assert_eq!(model.parameters[0].kind, ParameterKind::Weight { fan_in: 45 });
    let same = plain.same().without_bias();
    let model = layer(Naming::Keras, Mode::Inference, |b, x| b.conv_transpose2d("t", x, same)).unwrap();
    assert_eq!(model.output_shape(), Shape::new(2, 18, 16, 5));
    assert_eq!(stored(&model), [("t/kernel", &[3, 3, 5, 6][..], StoredLayout::Hwoi)]);
}

#[test]
fn whole_map_layers_count_inputs_in_the_frameworks_order() {
    let torch = layer(Naming::Torch, Mode::Inference, |b, x| b.linear("f", x, 2, false)).unwrap();
    let weight = &torch.parameters[0];
    let shape = torch.graph.shape(weight.node);
    assert_eq!((shape, weight.shape.as_slice()), (Shape::new(9, 8, 6, 2), &[2, 432][..]));
    let values: Vec<usize> = (0..864).collect();
    let graph = weight.to_graph_order(shape, &values).unwrap();
    // Output 1, channel 4, row 2, column 3 of [out, c, h, w].
    assert_eq!(graph[shape.index(2, 3, 4, 1)], ((6 + 4) * 9 + 2) * 8 + 3);
}

#[test]
fn training_uses_the_statistics_of_the_batch() {
    let norm = |naming, norm| layer(naming, Mode::Training, |b, x| b.batch_norm("bn", x, norm)).unwrap();
    let rules = |model: &Model| -> Vec<(String, f64, f64)> {
        let rule = |op: &Op| if let Op::RunningStat(r) = op { (r.keep, r.take) } else { panic!("{op:?}") };
        let updates = model.running.iter().map(|u| model.graph.node(u.value));
        updates.map(|n| (n.name.clone(), rule(&n.op).0, rule(&n.op).1)).collect()
    };
    let torch = norm(Naming::Torch, Norm::TORCH);
    let unbiased = 0.1 * 144.0 / 143.0;
    let wanted = [("bn.running_mean.new", 0.9, 0.1), ("bn.running_var.new", 0.9, unbiased)];
    assert_eq!(rules(&torch), wanted.map(|(n, keep, take)| (n.to_owned(), keep, take)));
    assert_eq!(torch.unused[0].name, "bn.num_batches_tracked");
    let keras = norm(Naming::Keras, Norm::keras(1e-3, 0.99));
    let rules = rules(&keras);
    assert_eq!(rules[1].0, "bn/moving_variance.new");
    assert!((rules[1].2 - 0.01).abs() < 1e-15 && rules[1].2 == rules[0].2, "{rules:?}");
    assert!(keras.unused.is_empty());
}

#[test]
fn one_value_per_channel_cannot_be_trained_on() {
    let options = BuildOptions { mode: Mode::Training, ..BuildOptions::default() };
    let error = zoo::build("deeplabv3plus_xception65", &options).unwrap_err().to_string();
    let wanted = "batch_norm \"image_pooling.bn\": training needs more than one value per channel, got 1×1×1×256, in \
                  deeplabv3plus_xception65 for images of 1×513×513×3";
    assert_eq!(error, wanted);
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let torch = |f: fn(&mut Builder, NodeId) -> Result<NodeId, atrous_graph::GraphError>| {
        let scoped = |b: &mut Builder, x| b.module("block", |b| f(b, x));
        layer(Naming::Torch, Mode::Inference, scoped).unwrap_err()
    };
    assert_eq!(
        torch(|b, x| b.conv2d("c", x, Conv::new(8, 1).groups(4))),
        "conv2d \"block.c\": 6 input channels cannot be split into 4 groups"
    );
    assert!(torch(|b, x| b.conv2d("c", x, Conv::new(8, 3).dilation(0))).contains("must lie in 1..=1048576"));
    assert!(
        torch(|b, x| b.conv2d("c", x, Conv::new(8, 3).padding(usize::MAX))).contains("the padding must lie in 0..=")
    );
    assert!(torch(|b, x| b.conv2d("c", x, Conv::new(8, 11))).contains("reaches over 11 rows, the padded image has 9"));
    assert!(torch(|b, x| b.max_pool("p", x, Pool::new(2, 0))).contains("max_pool2d \"block.p\""));
    assert!(torch(|b, x| b.center_crop("s", x, 10, 4)).contains("10 rows from 0 lie outside of the 9 there are"));
    assert!(torch(|b, x| b.permute("p", x, [0, 1, 2, 2])).contains("permute \"block.p\": the axes must be 0 to 3"));
    let error = torch(|b, x| b.activation("a", x, Unary::Clip { low: f32::NAN, high: 6.0 }));
    assert!(error.contains("clip \"block.a\": limits must be"));
    let twice = torch(|b, x| {
        b.linear("f", x, 2, false)?;
        b.linear("f", x, 2, false)
    });
    assert_eq!(twice, "parameter \"block.f.weight\": the name is taken");
}

#[test]
fn dilated_stages_follow_their_rule() {
    let dilations = |encoder: ResNetEncoder, dilation: Option<(usize, DilationRule)>| {
        let mut b = Builder::new(Naming::Torch, Mode::Inference);
        let x = b.input("input", Shape::new(1, 64, 64, 3)).unwrap();
        let dilation = dilation.map(|(output_stride, rule)| Dilation { output_stride, rule });
        let features = encoder.features(&mut b, x, dilation).map_err(|e| e.to_string())?;
        let names = ["layer3.0.conv2", "layer3.1.conv2", "layer4.0.conv2", "layer4.1.conv2"];
        let dilation = |name: &str| match b.graph().node(b.graph().find(name).unwrap()).op {
            Op::Conv2d(conv) => conv.dilation[0],
            _ => panic!("{name} is no convolution"),
        };
        Ok::<_, String>((names.map(dilation), b.shape(features[4].node).h))
    };
    let (plain, keeps, whole) = (ResNetEncoder::RESNET50, DilationRule::FirstBlockKeeps, DilationRule::WholeStage);
    assert_eq!(dilations(plain, None), Ok(([1, 1, 1, 1], 2)));
    assert_eq!(dilations(plain, Some((8, keeps))), Ok(([1, 2, 2, 4], 8)));
    assert_eq!(dilations(plain, Some((8, whole))), Ok(([2, 2, 4, 4], 8)));
    assert_eq!(dilations(plain, Some((16, whole))), Ok(([1, 1, 2, 2], 4)));
    let odd = dilations(plain, Some((4, whole))).unwrap_err();
    assert!(odd.ends_with("the output stride must be 8, 16 or 32, got 4"), "{odd}");
    let basic = dilations(ResNetEncoder::RESNET18, Some((8, keeps))).unwrap_err();
    assert!(basic.ends_with("output stride 8 with torchvision's basic blocks is not supported"), "{basic}");
    assert!(dilations(ResNetEncoder::RESNET18, Some((8, whole))).is_ok());
}

#[test]
fn windows_may_differ_in_rows_and_columns() {
    let of = |naming, f: fn(&mut Builder, NodeId) -> Result<NodeId, atrous_graph::GraphError>| {
        layer(naming, Mode::Inference, f).unwrap()
    };
    let (torch, keras) = (Naming::Torch, Naming::Keras);
    let conv =
        |b: &mut Builder, x| b.conv2d("c", x, Conv::new(4, [1, 5]).stride([2, 1]).padding([0, 4]).dilation([1, 2]));
    let model = of(torch, conv);
    assert_eq!(model.output_shape(), Shape::new(2, 5, 8, 4));
    assert_eq!(stored(&model), [("c.weight", &[4, 6, 1, 5][..], StoredLayout::Oihw)]);
    assert_eq!(model.parameters[0].kind, ParameterKind::Weight { fan_in: 30 });
    let Op::Conv2d(op) = model.graph.node(model.output()).op else { panic!("no convolution") };
    assert_eq!((op.stride, op.dilation, op.padding), ([2, 1], [1, 2], Padding::symmetric(0, 4)));

    let model = of(keras, |b, x| b.conv2d("c", x, Conv::new(4, [5, 1]).stride([1, 3]).same()));
    assert_eq!(model.output_shape(), Shape::new(2, 9, 3, 4));
    assert_eq!(stored(&model), [("c/kernel", &[5, 1, 6, 4][..], StoredLayout::Hwio)]);
    let one_sided = Padding { top: 2, bottom: 0, left: 0, right: 1 };
    let model =
        layer(torch, Mode::Inference, |b, x| b.conv2d("c", x, Conv::new(4, [3, 2]).padding(one_sided))).unwrap();
    assert_eq!(model.output_shape(), Shape::new(2, 9, 8, 4));

    let model = of(torch, |b, x| b.depthwise("d", x, 2, Conv::depthwise([3, 1]).stride([3, 2])));
    assert_eq!(
        (model.output_shape(), model.parameters[0].shape.as_slice()),
        (Shape::new(2, 3, 4, 12), &[12, 1, 3, 1][..])
    );
    let model = of(keras, |b, x| b.depthwise("d", x, 2, Conv::depthwise([3, 1]).stride([3, 2])));
    assert_eq!(
        (model.output_shape(), model.parameters[0].shape.as_slice()),
        (Shape::new(2, 3, 4, 12), &[3, 1, 6, 2][..])
    );
    let model = of(keras, |b, x| b.separable_conv2d("s", x, Conv::new(5, [1, 3]).dilation([4, 2]).same()));
    assert_eq!(
        (model.output_shape(), model.parameters[0].shape.as_slice()),
        (Shape::new(2, 9, 8, 5), &[1, 3, 6, 1][..])
    );

    let transposed = |b: &mut Builder, x| {
        let t = ConvTranspose::new(5, [2, 3], [2, 3]).padding([0, 1]).dilation([1, 2]).output_padding([1, 0]);
        b.conv_transpose2d("t", x, t)
    };
    let model = of(torch, transposed);
    assert_eq!(model.output_shape(), Shape::new(2, 19, 24, 5)); // 8*2 + 1 + 1 + 1 rows, 7*3 - 2 + 4 + 1 columns
    assert_eq!(stored(&model)[0], ("t.weight", &[6, 5, 2, 3][..], StoredLayout::Iohw));
    let model = of(keras, |b, x| b.conv_transpose2d("t", x, ConvTranspose::new(5, [4, 3], [1, 2]).same()));
    assert_eq!(model.output_shape(), Shape::new(2, 9, 16, 5));

    assert_eq!(of(torch, |b, x| b.max_pool("p", x, Pool::new([1, 2], [1, 2]))).output_shape(), Shape::new(2, 9, 4, 6));
    let dilated = |b: &mut Builder, x| b.max_pool("p", x, Pool::new(2, 1).dilation([4, 3]).padding([0, 1]));
    assert_eq!(of(torch, dilated).output_shape(), Shape::new(2, 5, 7, 6));
    let same = |b: &mut Builder, x| b.avg_pool("p", x, Pool::new([3, 2], [2, 1]).same());
    assert_eq!(of(keras, same).output_shape(), Shape::new(2, 5, 8, 6));
}

#[test]
fn sizes_out_of_range_are_refused_in_every_layer() {
    const HUGE: usize = usize::MAX;
    type Layer =
        fn(&mut Builder, NodeId, [usize; 2], [usize; 2], [usize; 2]) -> Result<NodeId, atrous_graph::GraphError>;
    let layers: [(Layer, &str); 6] = [
        (|b, x, k, s, d| b.conv2d("l", x, Conv::new(4, k).stride(s).dilation(d).same()), "conv2d \"l\""),
        (|b, x, k, s, d| b.depthwise("l", x, 2, Conv::depthwise(k).stride(s).dilation(d).same()), "conv2d \"l\""),
        (
            |b, x, k, s, d| b.separable_conv2d("l", x, Conv::new(4, k).stride(s).dilation(d).same()),
            "conv2d \"l/depthwise\"",
        ),
        (|b, x, k, s, d| b.conv_transpose2d("l", x, ConvTranspose::new(4, k, s).dilation(d)), "conv_transpose2d \"l\""),
        (|b, x, k, s, d| b.max_pool("l", x, Pool::new(k, s).dilation(d).same()), "max_pool2d \"l\""),
        (|b, x, k, s, d| b.avg_pool("l", x, Pool::new(k, s).dilation(d).same()), "avg_pool2d \"l\""),
    ];
    for (add, node) in layers {
        for naming in [Naming::Torch, Naming::Keras] {
            let error = |k, s, d| layer(naming, Mode::Inference, |b, x| add(b, x, k, s, d)).unwrap_err();
            for (bad, text) in [([0, 1], "0×1"), ([1, 0], "1×0"), ([HUGE, 1], "18446744073709551615×1")] {
                let range = format!("must lie in 1..=1048576, got {text}");
                assert_eq!(error(bad, [1, 1], [1, 1]), format!("{node}: the kernel {range}"));
                assert_eq!(error([1, 1], bad, [1, 1]), format!("{node}: the stride {range}"));
                assert_eq!(error([1, 1], [1, 1], bad), format!("{node}: the dilation {range}"));
            }
        }
    }
    let padded = |padding: [usize; 2]| {
        layer(Naming::Torch, Mode::Inference, |b, x| b.max_pool("l", x, Pool::new(2, 2).padding(padding))).unwrap_err()
    };
    assert!(
        padded([0, HUGE]).starts_with("max_pool2d \"l\": the padding must lie in 0..=1048576"),
        "{}",
        padded([0, HUGE])
    );
    let wide = |b: &mut Builder, x| b.conv_transpose2d("l", x, ConvTranspose::new(HUGE, 3, 1));
    assert!(layer(Naming::Torch, Mode::Inference, wide).is_err());
    assert!(layer(Naming::Torch, Mode::Inference, |b, x| b.depthwise("l", x, HUGE, Conv::depthwise(3))).is_err());
    let both = |b: &mut Builder, x| b.conv_transpose2d("l", x, ConvTranspose::new(2, 3, 2).dilation(2).same());
    let error = layer(Naming::Keras, Mode::Inference, both).unwrap_err();
    assert_eq!(error, "conv_transpose2d \"l\": with padding `same` there is neither dilation nor output padding");
    let reach = |b: &mut Builder, x| b.conv_transpose2d("l", x, ConvTranspose::new(2, 3, 2).output_padding([0, 2]));
    let error = layer(Naming::Torch, Mode::Inference, reach).unwrap_err();
    assert_eq!(error, "conv_transpose2d \"l\": output padding 2 must be smaller than stride 2 or dilation 1");
}

#[test]
fn dropouts_say_what_they_drop() {
    let units = |mode| {
        let model = layer(Naming::Torch, mode, |b, x| {
            let y = b.dropout("elements", x, 0.1)?;
            let y = b.dropout_channels("channels", y, 0.2)?;
            let y = b.stochastic_depth("depth", y, 0.3)?;
            b.dropout_of(DropoutUnit::Batch, "batch", y, 0.4)
        });
        let model = model.unwrap();
        let dropouts = model.graph.nodes().iter().filter_map(|node| match node.op {
            Op::Dropout(op) => Some((node.name.clone(), op, node.inputs.len())),
            _ => None,
        });
        dropouts.collect::<Vec<_>>()
    };
    for (mode, inputs) in [(Mode::Inference, 1), (Mode::Training, 2)] {
        let want = [
            ("elements", DropoutUnit::Element, 0.1),
            ("channels", DropoutUnit::Channel, 0.2),
            ("depth", DropoutUnit::Sample, 0.3),
            ("batch", DropoutUnit::Batch, 0.4),
        ];
        let want = (0..)
            .zip(want)
            .map(|(stream, (name, unit, rate))| (name.to_owned(), Dropout { rate, stream, unit }, inputs));
        assert_eq!(units(mode), want.collect::<Vec<_>>(), "{mode:?}");
    }
    for rate in [-0.1, 1.0, f32::NAN] {
        let refused = layer(Naming::Torch, Mode::Training, |b, x| b.stochastic_depth("depth", x, rate));
        assert_eq!(refused.unwrap_err(), format!("dropout \"depth\": the rate must lie in 0..1, got {rate}"));
    }
}
