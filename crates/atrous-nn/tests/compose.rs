//! Networks within networks: any encoder under any decoder, with and without heads, several in one graph.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use atrous_cpu::{Tensor, run};
use atrous_graph::op::Binary;
use atrous_graph::{GraphError, NodeId, Op, Shape};
use atrous_nn::layers::{Conv, Pool};
use atrous_nn::zoo::{
    KerasResNet, KerasXception, ResNet, ResNetEncoder, SegmentationHead, SmallResNet, SmallXception, SmpDeepLabV3Plus,
    SmpPspNet, SmpUnet, TorchvisionSegmentation, UNet, Xception65, XceptionPlan,
};
use atrous_nn::{
    Builder, Built, DROPOUT_SEED, Dilation, DilationRule, Encoder, Feature, Info, Init, IntoNetwork, Mode, Model,
    Naming, Network, Stage, StateTensor,
};

fn encoders() -> Vec<Arc<dyn Encoder>> {
    vec![
        Arc::new(ResNetEncoder::RESNET18),
        Arc::new(ResNetEncoder::RESNET50),
        Arc::new(KerasResNet::RESNET50),
        Arc::new(KerasXception::default()),
        Arc::new(Xception65 { plan: XceptionPlan { width: 32, ..XceptionPlan::new(32, 2) }, classes: 1000 }),
        Arc::new(SmallResNet::default()),
        Arc::new(SmallXception::default()),
        Arc::new(Thin),
    ]
}

/// An encoder of one's own.
#[derive(Debug)]
struct Thin;

impl Encoder for Thin {
    fn strides(&self) -> Vec<usize> {
        vec![2, 6]
    }

    fn stage(&self, b: &mut Builder, x: NodeId, stage: Stage) -> Result<NodeId, GraphError> {
        let conv = Conv::new(4 << stage.number, 3).padding(stage.first).dilation(stage.first).stride(stage.step);
        b.conv2d(&format!("stage{}", stage.number), x, conv.bias())
    }
}

fn decoders(encoder: &Arc<dyn Encoder>) -> [Arc<dyn Network>; 5] {
    let e = || encoder.clone();
    [
        Arc::new(SmpUnet { classes: 3, ..SmpUnet::new(e()) }),
        Arc::new(SmpDeepLabV3Plus { classes: 3, ..SmpDeepLabV3Plus::new(e()) }),
        Arc::new(SmpPspNet { classes: 3, ..SmpPspNet::new(e()) }),
        Arc::new(TorchvisionSegmentation {
            classes: 3,
            ..TorchvisionSegmentation::new(e(), SegmentationHead::DeepLabV3)
        }),
        Arc::new(TorchvisionSegmentation { classes: 3, ..TorchvisionSegmentation::new(e(), SegmentationHead::Fcn) }),
    ]
}

/// The smallest multiple of the encoder's last stride that also has enough pixels for every layer.
fn side(encoder: &dyn Encoder) -> usize {
    96usize.next_multiple_of(*encoder.strides().last().unwrap())
}

#[test]
fn every_encoder_goes_under_every_decoder() {
    for encoder in encoders() {
        let side = side(&*encoder);
        for network in decoders(&encoder) {
            for mode in [Mode::Inference, Mode::Training] {
                let image = Shape::new(2, side, side, 3);
                let model = network.build("net", image, mode).unwrap_or_else(|e| panic!("{encoder:?}: {e}"));
                assert_eq!(model.output_shape(), Shape { c: 3, ..image }, "{encoder:?}");
                let body = |p: &&str| p.starts_with("encoder.") || p.starts_with("backbone.");
                let names: Vec<&str> = model.parameters.iter().map(|p| p.name.as_str()).collect();
                assert!(names.iter().filter(|p| body(p)).count() > 1, "{encoder:?}: {names:?}");
            }
        }
    }
}

/// A small image, all of whose pixels are used, and drawn parameters.
fn values(model: &Model, seed: u64) -> HashMap<String, Tensor> {
    let init = Init::new(model, seed);
    let mut values: HashMap<String, Tensor> = HashMap::new();
    for p in &model.parameters {
        let shape = model.graph.shape(p.node);
        let stored = init.values(&p.name).unwrap();
        values.insert(p.name.clone(), Tensor::from_f32(shape, &p.to_graph_order(shape, &stored).unwrap()));
    }
    let shape = model.input_shape();
    let image = (0..shape.len()).map(|i| 1.5 * (i as f64 * 0.7).sin() * (i as f64 * 0.013).cos()).collect();
    values.insert("input".to_owned(), Tensor::new(shape, image));
    values.insert(DROPOUT_SEED.to_owned(), Tensor::from_u32(Shape::channels(1), &[7]));
    values
}

/// What a network computes does not depend on whether it stands alone.
#[test]
fn a_network_under_a_prefix_computes_the_same() {
    let image = Shape::new(2, 16, 16, 3);
    let networks: [Arc<dyn Network>; 3] = [
        Arc::new(SmallXception::default()),
        Arc::new(UNet { base: 4, depth: 2, ..UNet::PADDED }),
        Arc::new(SmpUnet { classes: 3, ..SmpUnet::new(SmallResNet::default()) }),
    ];
    for network in networks {
        let alone = network.build("alone", image, Mode::Training).unwrap();
        let mut b = Builder::new(Naming::Torch, Mode::Training);
        let x = b.input("input", image).unwrap();
        let pooled = b.avg_pool("pool", x, Pool::new(1, 1)).unwrap();
        let built = b.network("part", &*network, pooled).unwrap();
        let whole = b.finish("whole", x, &[("out", built.outputs[0].node)]);
        let names = |model: &Model, prefix: &str| -> Vec<(String, Vec<usize>)> {
            let strip = |t: StateTensor<'_>| (t.name().strip_prefix(prefix).unwrap().to_owned(), t.shape().to_vec());
            model.state().into_iter().map(strip).collect()
        };
        assert_eq!(names(&alone, ""), names(&whole, "part."));
        let init = |model: &Model| model.parameters.iter().map(|p| (p.init, p.stored, p.kind)).collect::<Vec<_>>();
        assert_eq!(init(&alone), init(&whole));
        let values = values(&alone, 3);
        let renamed = |(name, value): (&String, &Tensor)| match whole.graph.find(&format!("part.{name}")) {
            Ok(_) => (format!("part.{name}"), value.clone()),
            Err(_) => (name.clone(), value.clone()),
        };
        let moved = values.iter().map(renamed).collect();
        let [want, got] =
            [(&alone, &values), (&whole, &moved)].map(|(m, v)| run(&m.graph, v, &[m.output()]).unwrap().remove(0));
        assert_eq!(got, want);
    }
}

#[test]
fn features_are_known_by_stride() {
    let strides = |features: &[Feature]| features.iter().map(|f| f.stride).collect::<Vec<_>>();
    for encoder in encoders() {
        let side = side(&*encoder);
        let natural = encoder.strides();
        let last_three = &natural[natural.len().saturating_sub(3)..];
        let dilations = last_three.iter().flat_map(|s| {
            let rules = [DilationRule::WholeStage, encoder.rule()];
            rules.map(|rule| Some(Dilation { output_stride: *s, rule }))
        });
        for dilation in dilations.chain([None]) {
            let mut b = Builder::new(Naming::Torch, Mode::Inference);
            let x = b.input("input", Shape::new(1, side, side, 3)).unwrap();
            let features = encoder.features(&mut b, x, dilation).unwrap();
            let most = dilation.map_or(usize::MAX, |d| d.output_stride);
            assert_eq!(strides(&features), natural.iter().map(|s| *s.min(&most)).collect::<Vec<_>>(), "{encoder:?}");
            for Feature { stride, node } in features {
                let Shape { h, w, .. } = b.shape(node);
                // Xception's first two convolutions do not pad, which is felt less and less.
                let near = |n: usize| n.abs_diff(side / stride) <= 3;
                assert!(near(h) && near(w), "{encoder:?} at {stride}: {h}×{w} of {side}");
            }
        }
    }
    for (name, wanted) in
        [("resnet50", vec![2, 4, 8, 16, 32]), ("unet", vec![1, 2, 4, 8, 16]), ("small_resnet", vec![1, 2, 4])]
    {
        let mut b = Builder::new(Naming::Torch, Mode::Inference);
        let x = b.input("input", Shape::new(1, 64, 64, 3)).unwrap();
        let built = b.network("net", &*name.into_network().unwrap(), x).unwrap();
        assert_eq!(strides(&built.features), wanted, "{name}");
        let model = name.into_network().unwrap().build(name, Shape::new(1, 64, 64, 3), Mode::Inference).unwrap();
        assert_eq!(model.features, built.features, "{name}");
    }
}

/// Keras' `dilation_rate` in a residual stage: what the maps lose in stride, the filters gain in reach.
#[test]
fn dilated_stages_see_as_far_as_strided_ones() {
    for encoder in encoders() {
        let last = *encoder.strides().last().unwrap();
        let output_stride = encoder.strides()[encoder.strides().len() - 2];
        let convolutions = |dilation: Option<Dilation>| {
            let mut b = Builder::new(Naming::Torch, Mode::Inference);
            let x = b.input("input", Shape::new(1, 96, 96, 3)).unwrap();
            encoder.features(&mut b, x, dilation).unwrap();
            let ops = b.graph().nodes().iter().map(|n| n.op).collect::<Vec<_>>();
            ops.into_iter()
                .filter_map(|op| if let Op::Conv2d(conv) = op { Some(conv) } else { None })
                .collect::<Vec<_>>()
        };
        let plain = convolutions(None);
        let dilated = convolutions(Some(Dilation { output_stride, rule: DilationRule::WholeStage }));
        assert_eq!(plain.len(), dilated.len());
        let step = last / output_stride;
        let changed: Vec<_> = plain.iter().zip(&dilated).filter(|(a, b)| a != b).collect();
        assert!(!changed.is_empty(), "{encoder:?}");
        for (a, b) in changed {
            assert!(
                b.stride == [1, 1] && (b.dilation == a.dilation || b.dilation == [step; 2]),
                "{encoder:?}: {a:?} {b:?}"
            );
        }
    }
}

#[test]
fn heads_are_left_out_and_their_parameters_listed() {
    let cases: [(&str, usize, &[&str]); 7] = [
        ("resnet18", 512, &["fc.weight", "fc.bias"]),
        ("keras_xception", 2048, &["predictions/kernel", "predictions/bias"]),
        ("xception65", 2048, &["head.fc.weight", "head.fc.bias"]),
        ("unet", 64, &["head.weight", "head.bias"]),
        ("smp_unet_resnet18", 16, &["segmentation_head.0.weight", "segmentation_head.0.bias"]),
        ("deeplabv3plus_xception65", 256, &["logits.weight", "logits.bias"]),
        (
            "fcn_resnet50",
            512,
            &["classifier.4.weight", "classifier.4.bias", "aux_classifier.4.weight", "aux_classifier.4.bias"],
        ),
    ];
    for (name, channels, head) in cases {
        let network = name.into_network().unwrap();
        let image = Shape::new(1, 96, 96, 3);
        let whole = network.build("whole", image, Mode::Inference).unwrap();
        let mut b = Builder::new(Naming::Torch, Mode::Inference);
        let x = b.input("input", image).unwrap();
        let body = b.without_head(|b| b.network("", &*network, x)).unwrap();
        assert_eq!(b.shape(body.outputs[0].node).c, channels, "{name}");
        let model = b.finish("body", x, &[("out", body.outputs[0].node)]);
        let state = |m: &Model| m.state().iter().map(|t| (t.name().to_owned(), t.shape().to_vec())).collect::<Vec<_>>();
        assert_eq!(state(&model), state(&whole), "{name}: files of the whole network fit");
        let left: HashSet<&str> = model.parameters.iter().map(|p| p.name.as_str()).collect();
        let gone: Vec<&str> =
            whole.parameters.iter().map(|p| p.name.as_str()).filter(|name| !left.contains(name)).collect();
        assert_eq!(gone, head, "{name}");
    }
}

/// Pixels and pictures at once, on one body.
struct TwoHeads;

impl Network for TwoHeads {
    fn info(&self) -> Info {
        Info::segmentation(4)
    }

    fn build_into(&self, b: &mut Builder, image: NodeId) -> Result<Built, GraphError> {
        let body = b.without_head(|b| b.network("body", &UNet { base: 8, depth: 2, ..UNet::PADDED }, image))?;
        let pixels = b.conv2d("pixels", body.outputs[0].node, Conv::new(4, 1).bias())?;
        let deepest = body.features[2].node;
        let pooled = b.global_avg_pool("pool", deepest)?;
        let picture = b.linear("picture", pooled, 2, true)?;
        Ok(Built::from(pixels).and("picture", picture).with_features(body.features))
    }
}

#[test]
fn several_heads_stand_on_one_body() {
    let model = TwoHeads.build("two", Shape::new(2, 16, 16, 3), Mode::Training).unwrap();
    let outputs: Vec<(&str, Shape)> =
        model.outputs.iter().map(|o| (o.name.as_str(), model.graph.shape(o.node))).collect();
    assert_eq!(outputs, [("out", Shape::new(2, 16, 16, 4)), ("picture", Shape::new(2, 1, 1, 2))]);
    assert_eq!(TwoHeads.name(), "TwoHeads");
    let error = TwoHeads.with_classes(5).err().unwrap().to_string();
    let wanted = "network \"TwoHeads\": 5 classes in place of 4, without a `with_classes` of its own, is not supported";
    assert_eq!(error, wanted);
}

/// A network that is wrong as a whole.
struct Wrong(&'static [&'static str]);

impl Network for Wrong {
    fn info(&self) -> Info {
        Info::classification(1)
    }

    fn build_into(&self, _: &mut Builder, image: NodeId) -> Result<Built, GraphError> {
        Ok(self.0.iter().fold(Built::default(), |built, name| built.and(name, image)))
    }
}

#[test]
fn networks_without_results_are_refused() {
    let error = |names| Wrong(names).build("w", Shape::new(1, 8, 8, 3), Mode::Inference).unwrap_err().to_string();
    assert_eq!(error(&[]), "network \"w\": it has no results");
    assert_eq!(error(&["a", "b", "a"]), "network \"w\": two of its results are called \"a\"");
}

#[test]
fn encoders_that_contradict_themselves_are_refused() {
    #[derive(Debug)]
    struct Strides(Vec<usize>);
    impl Encoder for Strides {
        fn strides(&self) -> Vec<usize> {
            self.0.clone()
        }

        fn stage(&self, _: &mut Builder, x: NodeId, _: Stage) -> Result<NodeId, GraphError> {
            Ok(x)
        }
    }
    for (strides, reason) in [
        (vec![], "must be a multiple of the one before, got []"),
        (vec![2, 3], "must be a multiple of the one before, got [2, 3]"),
        (vec![0], "must be a multiple of the one before, got [0]"),
        (vec![1; 9], "two of its results"),
        (vec![1, 2, 4, 8, 16, 32, 64], "the decoder has 5 levels at most, the encoder needs 6"),
    ] {
        let network = SmpUnet::new(Strides(strides.clone()));
        match network.build("u", Shape::new(1, 192, 192, 3), Mode::Inference) {
            Ok(_) => assert_eq!(strides, [1; 9]),
            Err(error) => assert!(error.to_string().contains(reason), "{error}"),
        }
    }
    let mut b = Builder::new(Naming::Torch, Mode::Inference);
    let x = b.input("input", Shape::new(1, 64, 64, 3)).unwrap();
    let dilation = Some(Dilation { output_stride: 3, rule: DilationRule::WholeStage });
    let error = SmallResNet::default().features(&mut b, x, dilation).unwrap_err().to_string();
    assert!(error.contains("the output stride must be 1, 2 or 4, got 3"), "{error}");
}

/// A frozen teacher beside a student: one graph, both lists of parameters, and only the student learns.
#[test]
fn a_frozen_teacher_stands_beside_a_student() {
    let image = Shape::new(2, 16, 16, 3);
    let teacher = SmpDeepLabV3Plus { classes: 4, ..SmpDeepLabV3Plus::new(SmallResNet::default()) };
    let student = UNet { classes: 4, base: 4, depth: 2, ..UNet::PADDED };
    let mut b = Builder::new(Naming::Torch, Mode::Training);
    let x = b.input("input", image).unwrap();
    let learns = b.network("student", &student, x).unwrap().outputs[0].node;
    let dropped = b.dropout("dropped", learns, 0.5).unwrap();
    let knows = b.frozen(|b| b.network("teacher", &teacher, x)).unwrap().outputs[0].node;
    let off = b.add("off", Op::Binary(Binary::Sub), &[dropped, knows]).unwrap();
    let model = b.finish("distillation", x, &[("out", off), ("teacher", knows)]);

    let alone = teacher.build("teacher", image, Mode::Inference).unwrap();
    let names = |m: &Model| m.parameters.iter().map(|p| p.name.clone()).collect::<Vec<_>>();
    let under = |prefix: &str| -> Vec<String> {
        names(&model).iter().filter_map(|n| Some(n.strip_prefix(prefix)?.to_owned())).collect()
    };
    assert_eq!(under("teacher."), names(&alone));
    assert_eq!(under("student.").len(), student.build("s", image, Mode::Training).unwrap().parameters.len());
    for p in &model.parameters {
        assert_eq!(p.trainable, p.name.starts_with("student.") && p.kind.is_trainable(), "{}", p.name);
    }
    let updated = |u: &atrous_nn::RunningUpdate| model.graph.node(u.parameter).name.starts_with("student.");
    assert!(!model.running.is_empty() && model.running.iter().all(updated));

    // In a training step the teacher gives what it gives at inference, without dropout and by its running statistics.
    let values = values(&model, 5);
    let bare = |(name, value): (&String, &Tensor)| (name.trim_start_matches("teacher.").to_owned(), value.clone());
    let own = values.iter().filter(|(name, _)| !name.starts_with("student.")).map(bare).collect();
    let [got, want] = [(&model.graph, knows, &values), (&alone.graph, alone.output(), &own)]
        .map(|(g, id, v)| run(g, v, &[id]).unwrap());
    assert_eq!(got, want);

    // It stays so when other parts are frozen and unfrozen.
    let mut changed = model.clone();
    changed.freeze(&["student.enc1"]).unwrap();
    changed.unfreeze(&["student.enc1"]).unwrap();
    assert_eq!((changed.graph.nodes(), &changed.parameters), (model.graph.nodes(), &model.parameters));
}

#[test]
fn two_networks_of_one_prefix_are_refused() {
    let mut b = Builder::new(Naming::Torch, Mode::Inference);
    let x = b.input("input", Shape::new(1, 32, 32, 3)).unwrap();
    let net = ResNet::new(ResNetEncoder::RESNET18);
    b.network("net", &net, x).unwrap();
    let error = b.network("net", &net, x).unwrap_err().to_string();
    assert_eq!(error, "parameter \"net.conv1.weight\": the name is taken");
    let inside = UNet::PADDED;
    let error = b.scope("outer", |b| b.network("inner", &inside, x)).unwrap();
    assert_eq!(b.graph().node(error.outputs[0].node).name, "outer.inner.head");
    let small = b.input("small", Shape::new(1, 30, 32, 3)).unwrap();
    let error = b.network("bad", &inside, small).unwrap_err().to_string();
    assert!(error.starts_with("network \"bad\": height and width must be multiples of 16"), "{error}");
}
