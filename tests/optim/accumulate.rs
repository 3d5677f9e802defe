//! Gradients of several runs, summed for one update.

use atrous_gpu::StepOptions;
use atrous_graph::Shape;
use atrous_graph::optim::Optimizer;
use atrous_tests::device;

use crate::network::{Network, Values, Way, close, step};

#[test]
fn three_runs_are_one_update_by_their_mean() {
    let device = device();
    let shapes = [("p", Shape::new(1, 3, 5, 7)), ("q", Shape::channels(11))];
    let mut network = Network::new(&shapes, Optimizer::adam(), 0.1, Way::Placed);
    network.training.clip_norm = Some(1.0);
    let values = network.values();
    let at_once = network.upload(&device, &values);
    let mut whole = network.session(&device, &[], &at_once);
    network.training.accumulate = true;
    let in_parts = network.upload(&device, &values);
    let mut parts = network.session(&device, &[], &in_parts);
    for t in 1..=4 {
        let runs = [0, 1, 2].map(|i| network.gradients(10 * t + i));
        let mean = |name: &String, n: usize| -> Vec<f32> {
            (0..n).map(|i| runs.iter().map(|r| r[name][i]).sum::<f32>() / 3.0).collect()
        };
        let means: Values = runs[0].iter().map(|(name, g)| (name.clone(), mean(name, g.len()))).collect();
        let norm = step(&mut whole, 0.0, &means, StepOptions::new(0.01, t)).gradient_norm;
        let before = in_parts.download_blocking().expect("the parameters");
        for (i, run) in runs.iter().enumerate() {
            assert_eq!(in_parts.download_blocking().expect("the parameters"), before, "unchanged before the update");
            let options = StepOptions { update: i == 2, scale: 1.0 / 3.0, ..StepOptions::new(0.01, t) };
            let result = step(&mut parts, 0.0, run, options);
            assert!(result.applied);
            if i == 2 {
                close("norm", &[result.gradient_norm], &[f64::from(norm)]);
            }
        }
    }
    let [want, got] = [at_once, in_parts].map(|p| p.download_blocking().expect("the parameters"));
    for (name, got) in got {
        close(&name, &got, &want[&name].iter().map(|v| f64::from(*v)).collect::<Vec<_>>());
    }
}
