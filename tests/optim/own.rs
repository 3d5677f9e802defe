//! Networks of one's own and networks within networks, trained beside the same steps in f64.

use atrous_graph::autodiff::{Recompute, backward};
use atrous_graph::optim::Training;
use atrous_graph::{DType, Graph, NodeId, Op, Shape};
use atrous_nn::zoo::{SmallResNet, SmpUnet};
use atrous_nn::{Builder, Mode, Model, Naming, Network};

use crate::whole::{RULE, learns, squared_error};

#[allow(dead_code, unreachable_pub, reason = "it is a program whose main function is not called here")]
#[path = "../../examples/own_network.rs"]
mod own_network;

use own_network::SeUnet;

/// A training step that brings the results of `model` towards inputs.
fn towards_inputs(mut model: Model, results: &[NodeId]) -> (Graph, Training) {
    let graph = &mut model.graph;
    let mut losses = Vec::new();
    for (i, result) in results.iter().enumerate() {
        let wanted = graph.input(&format!("wanted{i}"), graph.shape(*result), DType::F32).expect("an input");
        losses.push((squared_error(graph, *result, wanted).expect("a loss"), 1.0));
    }
    let parameters = model.trainable();
    let graph = &mut model.graph;
    let loss = atrous::train::loss::weighted_sum(graph, "all", &losses).expect("a loss");
    let gradients = backward(graph, &[(loss, 1.0)], &parameters, &Recompute::default()).expect("gradients");
    let gradients = parameters.into_iter().zip(gradients).filter_map(|(p, g)| Some((p, g?)));
    let assignments = model.running.iter().map(|update| (update.parameter, update.value));
    let training = Training::new(loss, gradients, RULE).weight_decay(0.01).assignments(assignments);
    (model.graph, training)
}

#[test]
fn a_squeeze_excite_unet_learns_as_it_does_in_f64() {
    let network = SeUnet { classes: 3, width: 4, depth: 1 };
    let model = network.build("se_unet", Shape::new(2, 8, 12, 3), Mode::Training).expect("a legal network");
    let output = model.output();
    let (graph, training) = towards_inputs(model, &[output]);
    let losses = learns(&graph, &training, 6);
    assert!(losses[5] < losses[0], "{losses:?}");
}

#[test]
fn a_student_learns_beside_a_frozen_teacher_as_in_f64() {
    let mut b = Builder::new(Naming::Torch, Mode::Training);
    let x = b.input("input", Shape::new(2, 8, 8, 3)).expect("an input");
    let teacher = SmpUnet { classes: 3, ..SmpUnet::new(SmallResNet { width: 4, ..SmallResNet::default() }) };
    let teacher = b.frozen(|b| b.network("teacher", &teacher, x)).expect("a teacher");
    let student = SeUnet { classes: 3, width: 4, depth: 1 };
    let student = b.network("student", &student, x).expect("a student");
    let [teacher, student] = [teacher, student].map(|built| built.outputs[0].node);
    let mut model = b.finish("distillation", x, &[("out", student), ("teacher", teacher)]);
    // Probabilities, since the logits of a teacher with made-up numbers have no bounds.
    let mut softmax = |logits| model.graph.add("softmax", Op::Softmax, &[logits]).expect("probabilities");
    let (student, teacher) = (softmax(student), softmax(teacher));
    let loss = squared_error(&mut model.graph, student, teacher).expect("a loss");
    let parameters = model.trainable();
    let gradients = backward(&mut model.graph, &[(loss, 1.0)], &parameters, &Recompute::default()).expect("gradients");
    let gradients = parameters.into_iter().zip(gradients).filter_map(|(p, g)| Some((p, g?)));
    let assignments = model.running.iter().map(|update| (update.parameter, update.value));
    let training = Training::new(loss, gradients, RULE).weight_decay(0.01).assignments(assignments);
    let trained = |(parameter, _): &(NodeId, NodeId)| model.graph.node(*parameter).name.starts_with("student.");
    assert!(training.gradients.iter().chain(&training.assignments).all(trained));
    let losses = learns(&model.graph, &training, 6);
    assert!(losses[5] < losses[0], "{losses:?}");
}
