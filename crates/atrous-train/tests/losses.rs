//! Losses at their edges: nothing to learn from, and labels of no class. An adapter must be there.

use std::collections::HashMap;
use std::sync::Arc;

use atrous_gpu::{Device, InputData, Parameters, Session};
use atrous_graph::autodiff::{Recompute, backward};
use atrous_graph::{DType, Graph, GraphError, NodeId, Shape};
use atrous_train::loss::{self, CrossEntropyLoss, Reduction, RegionLoss};

const LOGITS: Shape = Shape::new(2, 3, 4, 5);
const IGNORE: Option<u32> = Some(255);

type Add = fn(&mut Graph, NodeId, NodeId) -> Result<NodeId, GraphError>;

/// The losses that have labels.
const LOSSES: [(&str, Add); 6] = [
    ("cross_entropy", |g, x, t| {
        loss::cross_entropy(g, "loss", x, t, &CrossEntropyLoss { ignore: IGNORE, ..CrossEntropyLoss::default() })
    }),
    ("smoothed", |g, x, t| {
        let how = CrossEntropyLoss { ignore: IGNORE, smoothing: 0.1, ..CrossEntropyLoss::default() };
        loss::cross_entropy(g, "loss", x, t, &how)
    }),
    ("nll", |g, x, t| loss::nll(g, "loss", x, t, &CrossEntropyLoss { ignore: IGNORE, ..CrossEntropyLoss::default() })),
    ("focal", |g, x, t| loss::focal(g, "loss", [x, t], 2.0, IGNORE, Reduction::Mean)),
    ("dice", |g, x, t| loss::dice(g, "loss", x, t, &RegionLoss { multiclass: true, smooth: 0.0, ignore: IGNORE })),
    ("jaccard", |g, x, t| {
        loss::jaccard(g, "loss", x, t, &RegionLoss { multiclass: true, smooth: 1.0, ignore: IGNORE })
    }),
];

/// A loss and its gradient for these labels, repeated over the pixels.
fn run(device: &Device, add: Add, labels: &[u32]) -> (f32, Vec<f32>) {
    let mut graph = Graph::new();
    let x = graph.input("x", LOGITS, DType::F32).unwrap();
    let t = graph.input("t", Shape { c: 1, ..LOGITS }, DType::U32).unwrap();
    let loss = add(&mut graph, x, t).unwrap();
    let gradient = backward(&mut graph, &[(loss, 1.0)], &[x], &Recompute::Cheap).unwrap()[0].unwrap();
    let parameters = Arc::new(Parameters::upload(device, &graph, &HashMap::new()).unwrap());
    let mut session = Session::new(device, &graph, &[loss, gradient], parameters).unwrap();
    let logits: Vec<f32> = (0..LOGITS.len()).map(|i| (i * 37 % 23) as f32 / 4.0 - 3.0).collect();
    let labels: Vec<u32> = labels.iter().copied().cycle().take(LOGITS.len() / LOGITS.c).collect();
    let outputs = session.run_blocking(&[("x", InputData::F32(&logits)), ("t", InputData::U32(&labels))]).unwrap();
    (outputs[0].f32().unwrap()[0], outputs[1].f32().unwrap().to_vec())
}

#[test]
fn a_batch_without_a_valid_pixel_gives_zero_and_no_gradient() {
    let device = Device::from_env_blocking().expect("the tests need an adapter");
    for (name, add) in LOSSES {
        let (loss, gradient) = run(&device, add, &[255]);
        assert_eq!(loss, 0.0, "{name}");
        assert!(gradient.iter().all(|v| *v == 0.0), "{name}: {gradient:?}");
        let (loss, gradient) = run(&device, add, &[255, 1, 3]);
        assert!(loss.is_finite() && loss != 0.0 && gradient.iter().any(|v| *v != 0.0), "{name}: {loss}");
    }
}

#[test]
fn labels_of_no_class_count_as_ignored_ones() {
    let device = Device::from_env_blocking().expect("the tests need an adapter");
    for (name, add) in LOSSES {
        assert_eq!(run(&device, add, &[255, 1, 3]), run(&device, add, &[7, 1, 3]), "{name}");
    }
}
