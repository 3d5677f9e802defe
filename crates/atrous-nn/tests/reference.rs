//! Networks with their first values on the CPU reference: signals keep their size, and running statistics take the share of the
//! batch that their framework says.

use std::collections::HashMap;

use atrous_cpu::{Tensor, run};
use atrous_graph::{NodeId, Op};
use atrous_nn::zoo::{self, BuildOptions};
use atrous_nn::{DROPOUT_SEED, Init, Mode, Model};

fn build(name: &str, (n, side): (usize, usize)) -> Model {
    let options = BuildOptions { input: Some((n, side, side)), mode: Mode::Training, ..BuildOptions::default() };
    zoo::build(name, &options).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Parameters as `init` draws them, an image of waves, and a seed for dropouts.
fn values(model: &Model, init: &Init) -> HashMap<String, Tensor> {
    let mut values: HashMap<String, Tensor> = HashMap::new();
    for p in &model.parameters {
        let shape = model.graph.shape(p.node);
        let stored = init.values(&p.name).unwrap();
        values.insert(p.name.clone(), Tensor::from_f32(shape, &p.to_graph_order(shape, &stored).unwrap()));
    }
    let shape = model.input_shape();
    let image = (0..shape.len()).map(|i| 1.5 * (i as f64 * 0.7).sin() * (i as f64 * 0.013).cos()).collect();
    values.insert(model.graph.node(model.input).name.clone(), Tensor::new(shape, image));
    values.insert(DROPOUT_SEED.to_owned(), Tensor::from_u32(atrous_graph::Shape::channels(1), &[7]));
    values
}

fn moments(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64)
}

const NETWORKS: [(&str, (usize, usize)); 5] = [
    ("small_resnet", (4, 8)),
    ("small_xception", (4, 8)),
    ("small_unet", (1, 32)),
    ("small_deeplabv3plus", (2, 33)),
    ("smp_deeplabv3plus_resnet18", (2, 32)),
];

#[test]
fn signals_neither_vanish_nor_explode_with_first_values() {
    for (name, input) in NETWORKS {
        let model = build(name, input);
        let values = values(&model, &Init::new(&model, 11));
        let outputs: Vec<NodeId> = model.outputs.iter().map(|o| o.node).collect();
        for output in run(&model.graph, &values, &outputs).unwrap() {
            let (mean, variance) = moments(&output.data);
            assert!(mean.abs() < 10.0 && (1e-4..100.0).contains(&variance), "{name}: {mean} and {variance}");
        }
    }
}

#[test]
fn running_statistics_take_their_share_of_the_batch() {
    // Share of the batch, and whether the variance is the unbiased one.
    for (name, take, unbiased) in [("small_resnet", 0.1, true), ("small_xception", 0.1, false)] {
        let model = build(name, (2, 8));
        let values = values(&model, &Init::new(&model, 1));
        let norms: Vec<NodeId> =
            model.graph.iter().filter(|(_, n)| matches!(n.op, Op::BatchNorm(_))).map(|(id, _)| id).collect();
        let inputs: Vec<NodeId> = norms.iter().map(|id| model.graph.node(*id).inputs[0]).collect();
        let updates: Vec<NodeId> = model.running.iter().map(|u| u.value).collect();
        let xs = run(&model.graph, &values, &inputs).unwrap();
        let new = run(&model.graph, &values, &updates).unwrap();
        assert_eq!(new.len(), 2 * xs.len(), "{name}");
        for (x, statistics) in xs.iter().zip(new.chunks(2)) {
            for c in 0..x.shape.c {
                let channel: Vec<f64> = x.data.iter().skip(c).step_by(x.shape.c).copied().collect();
                let (mean, variance) = moments(&channel);
                let n = channel.len() as f64;
                let variance = if unbiased { variance * n / (n - 1.0) } else { variance };
                let near = |got: f64, want: f64| {
                    assert!((got - want).abs() < 1e-12 * (1.0 + want.abs()), "{name}: {got}, {want}")
                };
                near(statistics[0].data[c], take * mean);
                near(statistics[1].data[c], (1.0 - take) + take * variance);
            }
        }
    }
}

#[test]
fn a_frozen_network_gives_what_it_gives_at_inference() {
    let mut model = build("small_resnet", (3, 8));
    model.freeze_all_but(&["fc"]).unwrap();
    let options = BuildOptions { input: Some((3, 8, 8)), ..BuildOptions::default() };
    let inference = zoo::build("small_resnet", &options).unwrap();
    let values = values(&model, &Init::new(&model, 1));
    let [frozen, plain] = [&model, &inference].map(|m| run(&m.graph, &values, &[m.output()]).unwrap());
    assert_eq!(frozen, plain);
    model.unfreeze(&["layer3"]).unwrap();
    assert_ne!(run(&model.graph, &values, &[model.output()]).unwrap(), plain);
}
