//! Freezing and groups: which parameters are trained, and what a frozen batch normalisation reads.

use std::collections::HashSet;

use atrous_graph::op::{BatchNorm, Binary, Reduce, RunningStat};
use atrous_graph::{Node, NodeId, Op, Shape};
use atrous_nn::layers::Norm;
use atrous_nn::zoo::{self, BuildOptions};
use atrous_nn::{Builder, Mode, Model, ModelError, Naming, ParameterKind};

fn build(name: &str, mode: Mode) -> Model {
    let options = BuildOptions { input: Some((2, 64, 64)), mode, ..BuildOptions::default() };
    zoo::build(name, &options).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The batch normalisations and the trainable parameters of a model.
fn state(model: &Model) -> (Vec<Node>, Vec<&str>) {
    let norms = model.graph.nodes().iter().filter(|n| matches!(n.op, Op::BatchNorm(_))).cloned().collect();
    (norms, model.parameters.iter().filter(|p| p.trainable).map(|p| p.name.as_str()).collect())
}

/// Names of the batch normalisations that read running statistics; all others must read the batch's.
fn frozen_norms(model: &Model) -> Vec<String> {
    let updated: HashSet<NodeId> = model.running.iter().map(|u| u.parameter).collect();
    let mut frozen = Vec::new();
    for node in state(model).0 {
        let Op::BatchNorm(BatchNorm { batch, .. }) = node.op else { unreachable!() };
        let read = &node.inputs[1..3];
        let running = read.iter().all(|id| matches!(model.graph.node(*id).op, Op::Parameter));
        assert_eq!(running, !batch, "{}", node.name);
        if running {
            assert!(read.iter().all(|id| !updated.contains(id)), "{}", node.name);
            frozen.push(node.name);
        }
    }
    assert_eq!(model.running.len() + 2 * frozen.len(), 2 * state(model).0.len());
    frozen
}

#[test]
fn frozen_parts_are_not_trained_and_use_running_statistics() {
    let fresh = build("small_resnet", Mode::Training);
    let mut model = fresh.clone();
    model.freeze(&["conv1", "bn1", "layer1"]).unwrap();
    assert_eq!(frozen_norms(&model), ["bn1", "layer1.0.bn1", "layer1.0.bn2"]);
    assert!(
        state(&model)
            .1
            .iter()
            .all(|name| name.starts_with("layer2") || name.starts_with("layer3") || name.starts_with("fc"))
    );
    model.freeze(&["layer2.0.bn1.weight"]).unwrap();
    assert_eq!(frozen_norms(&model).len(), 3, "a scale by itself");
    assert!(!model.parameter("layer2.0.bn1.weight").unwrap().trainable);
    assert!(model.parameter("layer2.0.bn1.bias").unwrap().trainable);
    model.unfreeze(&["layer1", "layer2"]).unwrap();
    assert_eq!(frozen_norms(&model), ["bn1"]);
    model.unfreeze(&["bn1", "conv1"]).unwrap();
    assert_eq!(state(&model), state(&fresh));
    assert_eq!(model.running, fresh.running);
}

/// Name, operation and inputs' names of every node that the results need.
fn needed(model: &Model) -> Vec<(&str, Op, Vec<&str>)> {
    let (graph, mut needed) = (&model.graph, HashSet::from([model.output()]));
    let all: Vec<(NodeId, &Node)> = graph.iter().collect();
    for (id, node) in all.iter().rev() {
        if needed.contains(id) {
            needed.extend(&node.inputs);
        }
    }
    let name = |id: &NodeId| graph.node(*id).name.as_str();
    let nodes = all.into_iter().filter(|(id, _)| needed.contains(id));
    nodes.map(|(_, n)| (n.name.as_str(), n.op, n.inputs.iter().map(name).collect())).collect()
}

#[test]
fn a_wholly_frozen_network_computes_what_it_does_at_inference() {
    for (name, head) in [("small_resnet", "fc"), ("small_xception", "predictions"), ("small_deeplabv3plus", "logits")] {
        let mut model = build(name, Mode::Training);
        assert_ne!(needed(&model), needed(&build(name, Mode::Inference)));
        model.freeze_all_but(&[head]).unwrap();
        assert_eq!(needed(&model), needed(&build(name, Mode::Inference)), "{name}");
    }
}

#[test]
fn networks_are_unfrozen_from_a_layer_on() {
    let mut model = build("small_resnet", Mode::Training);
    model.freeze_all_but(&["fc"]).unwrap();
    assert_eq!(state(&model).1, ["fc.weight", "fc.bias"]);
    assert!(model.running.is_empty());
    model.unfreeze_from("layer3").unwrap();
    assert_eq!(state(&model).1[0], "layer3.0.conv1.weight");
    assert!(
        model.parameters.iter().filter(|p| p.name.starts_with("layer3")).all(|p| p.trainable == p.kind.is_trainable())
    );
    assert_eq!(frozen_norms(&model).last().unwrap(), "layer2.0.downsample.1");
    let mut keras = build("keras_xception", Mode::Training);
    keras.unfreeze_from("block14").unwrap();
    assert_eq!(state(&keras).1[0], "block14_sepconv1/depthwise_kernel");
    assert_eq!(frozen_norms(&keras).len(), 38);
    let mut inference = build("small_resnet", Mode::Inference);
    inference.freeze_all_but(&["fc"]).unwrap();
    assert_eq!(state(&inference).1, ["fc.weight", "fc.bias"]);
}

#[test]
fn unknown_names_change_nothing_and_are_answered_with_similar_ones() {
    let mut model = build("resnet18", Mode::Training);
    let before = state(&model).1.len();
    for error in [
        model.freeze(&["conv1", "layr1"]).unwrap_err(),
        model.freeze_all_but(&["layr1"]).unwrap_err(),
        model.unfreeze_from("layr1").unwrap_err(),
        model.unfreeze(&["layr1"]).unwrap_err(),
        model.select(&["layr1"]).unwrap_err(),
        model.parameter_groups(0.0, &[(&["layr1"], 1.0)]).unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(
            text.starts_with("no parameter of resnet18 is called \"layr1\" or lies under it; similar names: layer1, "),
            "{text}"
        );
        assert!(matches!(error, ModelError::UnknownName { .. }));
    }
    assert_eq!(state(&model).1.len(), before);
}

#[test]
fn names_select_whole_layers() {
    let count = |model: &Model, name: &str| model.select(&[name]).map_or(0, |all| all.len());
    let model = build("resnet50", Mode::Inference);
    assert_eq!(count(&model, "layer1.0"), 4 * 6 - 4);
    assert_eq!(count(&model, "layer"), 0);
    assert_eq!(count(&model, "fc"), 2);
    let keras = build("keras_xception", Mode::Inference);
    assert_eq!(count(&keras, "block1"), 2 * 5);
    assert_eq!(count(&keras, "block1_conv1"), 1);
    assert_eq!(count(&keras, "block1_conv1_"), 4);
    assert_eq!(count(&keras, "conv2d"), 1, "not conv2d_1");
    let deeplab = build("small_deeplabv3plus", Mode::Inference);
    assert_eq!(count(&deeplab, "decoder"), 0);
    assert_eq!(count(&deeplab, "decoder_"), 2 * 10);
}

#[test]
fn groups_divide_the_trainable_parameters() {
    let mut model = build("small_resnet", Mode::Training);
    model.freeze(&["conv1", "bn1"]).unwrap();
    let groups = model.parameter_groups(1e-4, &[(&["fc"], 1.0), (&["layer3", "fc"], 0.5), (&["layer1"], 0.1)]).unwrap();
    let shape: Vec<(f64, f64, usize)> = groups.iter().map(|g| (g.lr, g.weight_decay, g.parameters.len())).collect();
    let wanted = [
        (1.0, 1e-4, 1),
        (1.0, 0.0, 1),
        (0.5, 1e-4, 3),
        (0.5, 0.0, 6),
        (0.1, 1e-4, 2),
        (0.1, 0.0, 4),
        (1.0, 1e-4, 3),
        (1.0, 0.0, 6),
    ];
    assert_eq!(shape, wanted);
    let mut all: Vec<NodeId> = groups.iter().flat_map(|g| g.parameters.clone()).collect();
    all.sort();
    assert_eq!(all, model.trainable());
    assert_eq!(model.parameter_groups(0.0, &[]).unwrap().len(), 2);
}

/// A layer of one's own with a running statistic, between two normalisations.
#[test]
fn running_statistics_of_ones_own_are_frozen_by_name() {
    let mut b = Builder::new(Naming::Torch, Mode::Training);
    let x = b.input("input", Shape::new(2, 4, 4, 3)).unwrap();
    let y = b.batch_norm("bn1", x, Norm::TORCH).unwrap();
    let running = b.vector("own.running_mean", 3, ParameterKind::RunningMean).unwrap();
    let mean = b.add("own.mean", Op::Reduce(Reduce::MEAN_NHW), &[y]).unwrap();
    let new = b.add("own.running_mean.new", Op::RunningStat(RunningStat::mean(0.1)), &[running, mean]).unwrap();
    b.running(running, new);
    let y = b.add("own", Op::Binary(Binary::Sub), &[y, mean]).unwrap();
    let y = b.batch_norm("bn2", y, Norm::TORCH).unwrap();
    let mut model = b.finish("own", x, &[("out", y)]);
    let updated = |model: &Model| -> HashSet<String> {
        model.running.iter().map(|u| model.graph.node(u.parameter).name.clone()).collect()
    };
    let all = updated(&model);
    assert_eq!(all.len(), 5);
    model.freeze(&["bn1"]).unwrap();
    assert_eq!(updated(&model).len(), 3);
    assert!(updated(&model).contains("own.running_mean"));
    model.freeze(&["own"]).unwrap();
    assert_eq!(updated(&model), ["bn2.running_mean", "bn2.running_var"].map(str::to_owned).into());
    model.unfreeze(&["bn1"]).unwrap();
    assert!(!updated(&model).contains("own.running_mean"));
    model.unfreeze(&["own"]).unwrap();
    assert_eq!(updated(&model), all);
}
