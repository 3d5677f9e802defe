//! Loops of one's own do what the trainer does.

use atrous_graph::{Shape, optim::Optimizer};
use atrous_nn::{Mode, Network};
use atrous_train::{
    Loss, Train, TrainOptions, Trainer,
    data::TargetKind,
    log::Record,
    loss::{self, Reduction},
    objective::LossContext,
    step::StepError,
};

use crate::{
    common::{Tiny, bits, device, few_digits, options},
    networks::Small,
};

/// The losses of a trainer's steps, and all bits in the end.
fn by_trainer(accumulate: u64, maximize: bool) -> (Vec<f64>, Vec<(String, Vec<u32>)>) {
    let device = device();
    let adam = TrainOptions { optimizer: Optimizer::adamw(), lr: 0.01, weight_decay: 0.1, ..options(None) };
    let options = TrainOptions { epochs: 1, clip_norm: Some(0.5), accumulate, maximize, ..adam };
    let training = Trainer::builder(&device, Tiny::PICTURES, few_digits(16)).options(options);
    let mut trainer = training.objective(weighted()).build().unwrap();
    let mut losses = Vec::new();
    let outcome = trainer.fit_with(|record| {
        if let Record::Step(step) = record {
            losses.push(step.loss);
        }
        std::ops::ControlFlow::Continue(())
    });
    outcome.unwrap();
    (losses, bits(&trainer.checkpoint().unwrap()))
}

fn weighted() -> Loss {
    Loss::WeightedCrossEntropy { weights: (1..=10).map(|w| w as f32 / 10.0).collect(), smoothing: 0.1 }
}

#[test]
fn a_loop_has_the_bits_of_the_trainer() {
    let device = device();
    for (accumulate, maximize) in [(1, false), (2, false), (1, true)] {
        let (losses, bits) = by_trainer(accumulate, maximize);
        let model = Tiny::PICTURES.build("tiny", Shape::new(4, 8, 8, 3), Mode::Training).unwrap();
        let step = model.training(weighted()).optimizer(Optimizer::adamw()).weight_decay(0.1).clip_norm(0.5).seed(3);
        let mut session = step.accumulate(accumulate).maximize(maximize).session(&device).unwrap();
        let mut got = Vec::new();
        for batch in few_digits(16).epoch(0, 0) {
            got.extend(session.batch_blocking(&batch.unwrap(), 0.01).unwrap());
        }
        got.extend(session.finish_blocking().unwrap());
        let got: Vec<f64> = got.iter().map(|result| f64::from(result.loss)).collect();
        let got: Vec<f64> =
            got.chunks(accumulate as usize).map(|runs| runs.iter().sum::<f64>() / runs.len() as f64).collect();
        assert_eq!(got, losses);
        let parameters = session.parameters().download_blocking().unwrap();
        for spec in &session.model().parameters {
            let shape = session.model().graph.shape(spec.node);
            let values = spec.to_stored_order(shape, &parameters[&spec.name]).unwrap();
            let got: Vec<u32> = values.iter().map(|v| v.to_bits()).collect();
            assert!(bits.contains(&(spec.name.clone(), got)), "{}", spec.name);
        }
    }
}

#[test]
fn a_loop_gives_what_its_function_asks_for() {
    let device = device();
    let model = Small::Pictures(2).build("small", Shape::new(2, 8, 8, 3), Mode::Training).unwrap();
    let step = model.training(|cx: &mut LossContext<'_>| {
        let (found, truth) = (cx.output(), cx.target("truth", TargetKind::Vector { len: 2 })?);
        let each = loss::mse(cx.graph, "error", [found, truth], Reduction::None)?;
        cx.mean_over_samples("error.mean", each)
    });
    let mut session = step.frozen(&["conv"]).part(&["head.bias"], 0.0).session(&device).unwrap();
    let before = session.parameters().download_blocking().unwrap();
    let (images, truth) = (vec![0.5; 2 * 8 * 8 * 3], vec![1.0, 2.0, 3.0, 4.0]);
    let given = [("input", (&images).into()), ("truth", (&truth).into())];
    let losses: Vec<f32> =
        (0..20).filter_map(|_| session.step_blocking(&given, 0.05).unwrap()).map(|result| result.loss).collect();
    assert!(losses.len() == 19 && losses[18] < losses[0], "{losses:?}");
    let after = session.parameters().download_blocking().unwrap();
    for (name, values) in &before {
        assert_eq!(values != &after[name], name == "head.weight", "{name}");
    }
    let error = session.step_blocking(&given[..1], 0.05).unwrap_err().to_string();
    assert!(error.contains("truth"), "{error}");
    let short = [("input", (&images).into()), ("truth", (&truth[..3]).into())];
    assert!(session.step_blocking(&short, 0.05).unwrap_err().to_string().contains("truth"));
    // Of two samples whose weights are given, one counts.
    let counts = vec![0.0, 1.0];
    let weights = [("input", (&images).into()), ("truth", (&truth).into()), ("sample_weights", (&counts).into())];
    session.step_blocking(&weights, 0.0).unwrap();
    let one = session.finish_blocking().unwrap().unwrap().loss;
    session.step_blocking(&given, 0.0).unwrap();
    let both = session.finish_blocking().unwrap().unwrap().loss;
    assert!(one > both, "the second sample is farther off: {one} {both}");
}

#[test]
fn descriptions_that_make_no_sense_are_refused() {
    let model = || Small::Pictures(2).build("small", Shape::new(2, 8, 8, 3), Mode::Training).unwrap();
    let training = || model().training(Loss::default());
    let precision = atrous_graph::passes::Precision::F32;
    let refused =
        |result: Result<_, StepError>| result.map(|_: atrous_train::step::TrainingStep| ()).unwrap_err().to_string();
    assert_eq!(refused(training().clip_norm(-1.0).build(precision)), "clip_norm must be positive and finite, got -1");
    assert_eq!(refused(training().accumulate(0).build(precision)), "accumulate must be at least 1, got 0");
    assert_eq!(
        refused(training().weight_decay(f64::NAN).build(precision)),
        "weight_decay must be finite and not negative, got NaN"
    );
    assert!(refused(training().part(&["head"], -1.0).build(precision)).contains("lr of a part"));
    assert!(refused(training().part(&["tail"], 1.0).build(precision)).contains("\"tail\""));
    assert!(refused(training().frozen(&["tail"]).build(precision)).contains("\"tail\""));
    assert!(refused(training().frozen(&["conv", "head"]).build(precision)).contains("all are frozen"));
    assert!(refused(training().optimizer(Optimizer::sgd(2.0)).build(precision)).contains("momentum"));
    let model = Small::Pictures(2).build("small", Shape::new(2, 8, 8, 3), Mode::Inference).unwrap();
    assert_eq!(
        refused(model.training(Loss::default()).build(precision)),
        "small is built for inference; to be trained it is built with Mode::Training"
    );
}
