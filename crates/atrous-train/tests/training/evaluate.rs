//! Validation against the same figures computed on the host.

use atrous_gpu::Session;
use atrous_graph::Shape;
use atrous_nn::{Mode, Network};
use atrous_train::{
    Loss, TrainOptions, Trainer,
    data::{LABELS, Loader},
    metrics::{Confusion, TopK, TopKAccuracy},
};

use crate::common::{Tiny, device, few_digits, options, shapes, unseen_shapes};

/// Trains a little, and compares what the device sums up with the host's metrics of the logits.
fn check(network: Tiny, train: Loader, validation: Loader, k: usize) {
    let device = device();
    let options = TrainOptions { epochs: 1, ..options(None) };
    let training = Trainer::builder(&device, network, train).validate(validation.clone()).options(options);
    let training = training.objective(Loss::CrossEntropy { smoothing: 0.1 });
    let mut trainer = training.metric(TopKAccuracy { target: LABELS.to_owned(), k }).build().unwrap();
    trainer.fit().unwrap();
    let figures = trainer.evaluate().unwrap().unwrap();
    assert_eq!(trainer.evaluate().unwrap().unwrap(), figures, "a validation changes nothing");

    let [n, h, w, c] = validation.shape();
    let model = network.build("tiny", Shape::new(n, h, w, c), Mode::Inference).unwrap();
    let mut session = Session::new(&device, &model.graph, &[model.output()], trainer.parameters().clone()).unwrap();
    let classes = network.classes;
    let (mut confusion, mut top) = (Confusion::new(classes), TopK::new(k));
    let (mut loss, mut count) = (0.0, 0.0);
    for batch in validation.epoch(0, 0) {
        let batch = batch.unwrap().filled(n, 255);
        let outputs = session.run_blocking(&[("input", (&batch.images).into())]).unwrap();
        let logits = outputs[0].f32().unwrap();
        for (logits, &label) in logits.chunks_exact(classes).zip(batch.labels()) {
            if label == 255 {
                continue;
            }
            let best = (0..classes).fold(0, |best, c| if logits[c] > logits[best] { c } else { best });
            confusion.add(&[label], &[best as u32], None).unwrap();
            top.add(logits, classes, &[label]).unwrap();
            let sum: f64 = logits.iter().map(|v| f64::from(*v).exp()).sum();
            let entropy = |class: usize| sum.ln() - f64::from(logits[class]);
            loss += 0.9 * entropy(label as usize) + 0.1 * (0..classes).map(entropy).sum::<f64>() / classes as f64;
            count += 1.0;
        }
    }
    assert_eq!(figures.confusion().unwrap(), confusion);
    assert_eq!(figures.metrics.get(&format!("top_{k}")).copied(), top.accuracy());
    let got = figures.loss.unwrap();
    assert!((got - loss / count).abs() < 1e-5 * got, "{got} {}", loss / count);
}

#[test]
fn figures_of_pixels_are_the_host_s() {
    check(Tiny::PIXELS, shapes(8), unseen_shapes(), 2);
}

#[test]
fn figures_of_pictures_are_the_host_s() {
    // The last batch has 3 samples of 4.
    check(Tiny::PICTURES, few_digits(8), few_digits(23), 3);
}
