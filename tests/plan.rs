//! Plans of whole networks, without a device.

use atrous_graph::Shape;
use atrous_kernels::plan::plan;
use atrous_kernels::{Limits, Target};
use atrous_nn::{Mode, zoo};

fn target() -> Target {
    Target::new(Limits::WEBGPU, false)
}

#[test]
fn resnet50_activations_come_within_15_percent_of_the_lower_bound() {
    let network = zoo::ResNet::of_depth(50).expect("a depth of the family");
    let model = network.build("resnet50", Shape::new(1, 224, 224, 3), Mode::Inference).expect("a legal network");
    let plan = plan(&model.graph, model.graph.outputs(), &target()).expect("a plan");
    let ratio = plan.activation_bytes() as f64 / plan.lower_bound as f64;
    assert!(ratio <= 1.15, "{} B for a lower bound of {} B", plan.activation_bytes(), plan.lower_bound);
    assert_eq!(plan.macs(), 4_089_184_256);
}
