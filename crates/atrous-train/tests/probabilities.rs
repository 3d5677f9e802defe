//! Cross-entropy with class probabilities, against its formula in f64; and the limits of losses of differences. An adapter must be
//! there.

use std::collections::HashMap;
use std::sync::Arc;

use atrous_gpu::{Device, InputData, Parameters, Session};
use atrous_graph::autodiff::{Recompute, backward};
use atrous_graph::op::{LabelWeight, OneHot};
use atrous_graph::{DType, Graph, GraphError, NodeId, Shape};
use atrous_train::loss::{self, CrossEntropyLoss, ProbabilitiesLoss, Reduction};

const SHAPE: Shape = Shape::new(2, 3, 4, 5);
const PIXELS: Shape = Shape { c: 1, ..SHAPE };
const CLASSES: Shape = Shape::channels(5);

type Result<T> = std::result::Result<T, GraphError>;

/// Values of an input by its number, repeatable.
fn values(shape: Shape, number: usize) -> Vec<f32> {
    (0..shape.len()).map(|i| ((i + 7 * number) * 37 % 23) as f32 / 4.0 - 3.0).collect()
}

/// Distributions over the classes, pixel by pixel.
fn distributions() -> Vec<f32> {
    let raw: Vec<f32> = values(SHAPE, 1).iter().map(|v| v.exp()).collect();
    raw.chunks(SHAPE.c).flat_map(|pixel| pixel.iter().map(|v| v / pixel.iter().sum::<f32>())).collect()
}

/// Every third pixel does not count.
fn pixel_weights() -> Vec<f32> {
    (0..PIXELS.len()).map(|i| if i % 3 == 0 { 0.0 } else { 0.5 + i as f32 / 8.0 }).collect()
}

fn class_weights() -> Vec<f32> {
    vec![1.0, 0.5, 0.0, 2.0, 1.5]
}

/// Runs a graph of inputs with these values: a loss, and the gradient of its sum by `x`.
fn run(inputs: &[(&str, Shape, &[f32])], add: impl FnOnce(&mut Graph, &[NodeId]) -> Result<NodeId>) -> [Vec<f32>; 2] {
    let device = Device::from_env_blocking().expect("the tests need an adapter");
    let mut graph = Graph::new();
    let nodes: Vec<NodeId> =
        inputs.iter().map(|(name, shape, _)| graph.input(name, *shape, DType::F32).unwrap()).collect();
    let loss = add(&mut graph, &nodes).unwrap();
    let gradient = backward(&mut graph, &[(loss, 1.0)], &[nodes[0]], &Recompute::Cheap).unwrap()[0].unwrap();
    let parameters = Arc::new(Parameters::upload(&device, &graph, &HashMap::new()).unwrap());
    let mut session = Session::new(&device, &graph, &[loss, gradient], parameters).unwrap();
    let given: Vec<_> = inputs.iter().map(|(name, _, values)| (*name, InputData::F32(values))).collect();
    let outputs = session.run_blocking(&given).unwrap();
    [0, 1].map(|i| outputs[i].f32().unwrap().to_vec())
}

fn close(what: &str, got: &[f32], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(1e-3_f64, |m, v| m.max(v.abs()));
    for (got, want) in got.iter().zip(want) {
        assert!((f64::from(*got) - want).abs() < 3e-6 * largest, "{what}: {got}, want {want}");
    }
}

/// The losses of pixels, the gradients of their sum, and the weights of the pixels.
fn formula(smoothing: f64, class_weighted: bool, pixel_weighted: bool) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let wide = |v: Vec<f32>| v.into_iter().map(f64::from).collect::<Vec<_>>();
    let (x, t) = (wide(values(SHAPE, 0)), wide(distributions()));
    let classes = if class_weighted { wide(class_weights()) } else { vec![1.0; 5] };
    let pixels = if pixel_weighted { wide(pixel_weights()) } else { vec![1.0; PIXELS.len()] };
    let (mut losses, mut gradients) = (Vec::new(), Vec::new());
    for ((x, t), pixel) in x.chunks(5).zip(t.chunks(5)).zip(&pixels) {
        let norm = x.iter().map(|v| v.exp()).sum::<f64>();
        let target: Vec<f64> =
            t.iter().zip(&classes).map(|(t, w)| w * ((1.0 - smoothing) * t + smoothing / 5.0)).collect();
        let sum: f64 = target.iter().sum();
        losses.push(-pixel * x.iter().zip(&target).map(|(x, t)| t * (x - norm.ln())).sum::<f64>());
        gradients.extend(x.iter().zip(&target).map(|(x, t)| pixel * (x.exp() / norm * sum - t)));
    }
    (losses, gradients, pixels)
}

#[test]
fn losses_and_gradients_are_those_of_the_formula() {
    for (smoothing, class_weighted, pixel_weighted) in
        [(0.0, false, false), (0.25, false, true), (0.0, true, true), (0.5, true, false), (1.0, false, false)]
    {
        let (losses, gradients, weights) = formula(smoothing, class_weighted, pixel_weighted);
        let (sum, count) = (losses.iter().sum::<f64>(), weights.iter().sum::<f64>());
        for (reduction, want, factor) in [
            (Reduction::None, losses.clone(), 1.0),
            (Reduction::Sum, vec![sum], 1.0),
            (Reduction::Mean, vec![sum / count], 1.0 / count),
        ] {
            let (x, t, c, p) = (values(SHAPE, 0), distributions(), class_weights(), pixel_weights());
            let mut inputs = vec![("x", SHAPE, &x[..]), ("t", SHAPE, &t)];
            let mut place = |wanted: bool, input| {
                wanted.then(|| {
                    inputs.push(input);
                    inputs.len() - 1
                })
            };
            let places = [place(class_weighted, ("c", CLASSES, &c)), place(pixel_weighted, ("p", PIXELS, &p))];
            let [loss, gradient] = run(&inputs, |graph, nodes| {
                let [class_weights, pixel_weights] = places.map(|at| at.map(|at| nodes[at]));
                let how = ProbabilitiesLoss { smoothing: smoothing as f32, class_weights, pixel_weights, reduction };
                loss::cross_entropy_probabilities(graph, "loss", [nodes[0], nodes[1]], &how)
            });
            let what = format!("{reduction:?}, smoothing {smoothing}, weights {class_weighted} {pixel_weighted}");
            close(&what, &loss, &want);
            close(&what, &gradient, &gradients.iter().map(|g| g * factor).collect::<Vec<_>>());
        }
    }
}

/// Probabilities of 0 and 1 are labels, and a weight of 0 is the label that does not count.
#[test]
fn certain_probabilities_are_labels() {
    let device = Device::from_env_blocking().expect("the tests need an adapter");
    let mut graph = Graph::new();
    let x = graph.input("x", SHAPE, DType::F32).unwrap();
    let labels = graph.input("labels", PIXELS, DType::U32).unwrap();
    let (classes, ignore) = (SHAPE.c, Some(255));
    let hot = graph.add("hot", atrous_graph::Op::OneHot(OneHot { classes, ignore }), &[labels]).unwrap();
    let counts =
        graph.add("counts", atrous_graph::Op::LabelWeight(LabelWeight { classes, ignore }), &[labels]).unwrap();
    let soft = ProbabilitiesLoss { smoothing: 0.1, pixel_weights: Some(counts), ..ProbabilitiesLoss::default() };
    let soft = loss::cross_entropy_probabilities(&mut graph, "soft", [x, hot], &soft).unwrap();
    let hard = CrossEntropyLoss { smoothing: 0.1, ignore, ..CrossEntropyLoss::default() };
    let hard = loss::cross_entropy(&mut graph, "hard", x, labels, &hard).unwrap();
    let parameters = Arc::new(Parameters::upload(&device, &graph, &HashMap::new()).unwrap());
    let mut session = Session::new(&device, &graph, &[soft, hard], parameters).unwrap();
    for ignored in [false, true] {
        let label = |i: u32| if ignored || i.is_multiple_of(4) { 255 } else { i % 5 };
        let labels: Vec<u32> = (0..PIXELS.len() as u32).map(label).collect();
        let logits = values(SHAPE, 0);
        let outputs = session.run_blocking(&[("x", InputData::F32(&logits)), ("labels", InputData::U32(&labels))]);
        let outputs = outputs.unwrap();
        let [soft, hard] = [0, 1].map(|i| outputs[i].f32().unwrap()[0]);
        close("the loss", &[soft], &[f64::from(hard)]);
        assert_eq!(soft == 0.0, ignored, "nothing counts, nothing is lost");
    }
}

fn refused(add: impl FnOnce(&mut Graph, NodeId, NodeId) -> Result<NodeId>) -> String {
    let mut graph = Graph::new();
    let x = graph.input("x", SHAPE, DType::F32).unwrap();
    let t = graph.input("t", SHAPE, DType::F32).unwrap();
    add(&mut graph, x, t).unwrap_err().to_string()
}

#[test]
fn what_does_not_fit_is_refused() {
    let soft = |how: fn(&mut Graph, &mut ProbabilitiesLoss)| {
        refused(|graph, x, t| {
            let mut options = ProbabilitiesLoss::default();
            how(graph, &mut options);
            loss::cross_entropy_probabilities(graph, "soft", [x, t], &options)
        })
    };
    let text = "cross_entropy_probabilities \"soft\": smoothing must lie in 0..=1, got";
    assert_eq!(soft(|_, how| how.smoothing = 1.5), format!("{text} 1.5"));
    assert_eq!(soft(|_, how| how.smoothing = f32::NAN), format!("{text} NaN"));
    let text = soft(|graph, how| how.class_weights = Some(graph.input("w", PIXELS, DType::F32).unwrap()));
    assert!(text.contains("the class weights must be 1×1×1×5, got 2×3×4×1"), "{text}");
    let text = soft(|graph, how| how.pixel_weights = Some(graph.input("w", SHAPE, DType::F32).unwrap()));
    assert!(text.contains("the pixel weights must be 2×3×4×1, got 2×3×4×5"), "{text}");
    let text = refused(|graph, x, _| {
        let labels = graph.input("labels", PIXELS, DType::F32)?;
        loss::cross_entropy_probabilities(graph, "soft", [x, labels], &ProbabilitiesLoss::default())
    });
    assert!(text.contains("the target must be 2×3×4×5, got 2×3×4×1"), "{text}");
    let smooth = |beta| refused(|graph, x, t| loss::smooth_l1(graph, "smooth", [x, t], beta, Reduction::Mean));
    for beta in [-1.0, -f32::MIN_POSITIVE, f32::NAN, f32::INFINITY, f32::from_bits(1)] {
        let text = smooth(beta);
        assert!(text.starts_with("smooth_l1 \"smooth\": beta must be 0 or a positive, finite"), "{text}");
    }
    for delta in [0.0, -0.5, f32::NAN, f32::INFINITY] {
        let text = refused(|graph, x, t| loss::huber(graph, "huber", [x, t], delta, Reduction::Mean));
        assert_eq!(text, format!("huber \"huber\": delta must be positive and finite, got {delta}"));
    }
}

#[test]
fn smooth_l1_without_a_parabola_is_l1() {
    let (x, t) = (values(SHAPE, 0), values(SHAPE, 1));
    let of = |beta: Option<f32>| {
        run(&[("x", SHAPE, &x), ("t", SHAPE, &t)], |graph, nodes| match beta {
            Some(beta) => loss::smooth_l1(graph, "loss", [nodes[0], nodes[1]], beta, Reduction::Mean),
            None => loss::l1(graph, "loss", [nodes[0], nodes[1]], Reduction::Mean),
        })
    };
    assert_eq!(of(Some(0.0)), of(None));
    // Differences are multiples of a quarter: below that they are zero.
    let near = of(Some(1e-3));
    close("a small parabola", &near[1], &of(None)[1].iter().map(|v| f64::from(*v)).collect::<Vec<_>>());
    assert_ne!(of(Some(0.5)), of(None));
}
