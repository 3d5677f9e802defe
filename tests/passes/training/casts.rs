//! Training steps in f16: which casts are left, and what they take.

use std::collections::BTreeSet;

use atrous_graph::autodiff::Recompute;
use atrous_graph::op::Cast;
use atrous_graph::optim::{LossScaling, Training};
use atrous_graph::passes::{Optimized, PassOptions, Precision};
use atrous_graph::{DType, Op};
use atrous_kernels::plan::plan_training;
use atrous_kernels::{CompileOptions, Limits, Purpose, Target, rewrite};
use atrous_nn::Model;

use super::{FAMILIES, step_with};

/// What is cast to f16: pictures, filters, means over images, and what comes out of the loss, where passes do not run through the
/// enlargement of its logits.
const NARROWED: [&str; 6] =
    ["cross_entropy_grad", "input", "parameter", "reduce", "resize_cross_entropy_grad", "resize_grad"];

/// The readers of casts to f32: losses, and what enlarges logits for them, where passes do not run through it.
const WIDENED: [&str; 5] =
    ["cross_entropy", "cross_entropy_grad", "resize", "resize_cross_entropy", "resize_cross_entropy_grad"];

fn scaled(name: &str, batch: usize, size: usize) -> (Model, Training) {
    step_with(name, batch, size, &Recompute::Cheap, Some(LossScaling::default()))
}

fn stored(name: &str, batch: usize, size: usize, passes: PassOptions) -> [Optimized; 2] {
    let (model, training) = scaled(name, batch, size);
    let purpose = Purpose::Training { training: &training, outputs: &[] };
    [Precision::F32, Precision::F16].map(|precision| {
        rewrite(&model.graph, &purpose, CompileOptions { passes, precision }).expect("a legal training")
    })
}

/// All else between the first convolution and the loss, and back, reads f16 as it is.
#[test]
fn the_casts_of_training_steps_are_these() {
    let (mut narrowed, mut widened) = (BTreeSet::new(), BTreeSet::new());
    for (name, batch, size) in FAMILIES {
        for passes in [PassOptions::None, PassOptions::Fuse] {
            let [_, all] = stored(name, batch, size, passes);
            let graph = &all.graph;
            // But for filters.
            let mut sources = BTreeSet::new();
            for (id, node) in graph.iter() {
                let Op::Cast(Cast { dtype: to }) = node.op else { continue };
                let source = &graph.node(node.inputs[0]).op;
                sources.extend((*source != Op::Parameter).then_some(node.inputs[0]));
                if to == DType::F16 {
                    narrowed.insert(source.name());
                } else {
                    let readers = graph.iter().filter(|(_, reader)| reader.inputs.contains(&id));
                    widened.extend(readers.map(|(_, reader)| reader.op.name()));
                }
            }
            assert!(sources.len() <= 4, "{name}: {sources:?}\n{graph}");
        }
    }
    assert_eq!(narrowed, BTreeSet::from(NARROWED));
    assert_eq!(widened, BTreeSet::from(WIDENED));
}

#[test]
fn a_step_in_f16_takes_less_memory() {
    let limits = Limits { max_buffer: 4 << 30, max_binding: 2 << 30, ..Limits::WEBGPU };
    let target = Target { f16: true, ..Target::new(limits, false) };
    for (name, batch, size) in
        [("resnet50", 8, 224), ("keras_xception", 4, 299), ("unet", 4, 256), ("smp_deeplabv3plus_resnet18", 8, 256)]
    {
        let (_, training) = scaled(name, batch, size);
        let [f32, f16] = stored(name, batch, size, PassOptions::Fuse).map(|all| {
            let plan = plan_training(&all.graph, &[], &training.follow(&all), &target).expect("a plan");
            plan.activation_bytes() as f64
        });
        println!("{name} b{batch} {size}: {f32} B, in f16 {f16} B");
        assert!(f16 <= 0.62 * f32, "{name}: {f16} of {f32} bytes");
    }
}
