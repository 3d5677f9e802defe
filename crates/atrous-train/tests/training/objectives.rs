//! Every kind of target goes from a dataset to an update; objectives of one's own train and resume like ours.

use std::{ops::ControlFlow, path::Path};

use atrous_gpu::{Data, Device, Session};
use atrous_graph::{
    Op, Shape,
    op::{Binary, Unary},
    optim::Optimizer,
};
use atrous_nn::{IntoNetwork, Mode, Network};
use atrous_train::{
    Loss, TrainOptions, Trainer, TrainerBuilder,
    checkpoint::Checkpoint,
    data::{Loader, Picture, Target, TargetKind},
    log::Record,
    loss::{self, Reduction},
    objective::{
        Difference, Distillation, Heads, Labelled, LossContext, MultiLabel, Objective, ObjectiveError, Regression,
        SoftLabels,
    },
};

use crate::{
    common::{Tiny, bits, device, few_digits, of_pixels, options},
    networks::{SIZE, Small, StudentAndTeacher, TwoHeads, data, stripes},
    resume::assert_same_files,
};

/// Numbers of one sample: what the network gives, what it is to give, and the picture.
type Reference = fn(&[f64], &[f64], &[f64]) -> f64;

fn mean(terms: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = terms.len() as f64;
    terms.sum::<f64>() / count
}

fn log_sum_exp(logits: &[f64]) -> f64 {
    logits.iter().map(|x| x.exp()).sum::<f64>().ln()
}

fn entropy_of_labels(x: &[f64], labels: &[f64], _: &[f64]) -> f64 {
    let classes = x.len() / labels.len();
    mean(x.chunks_exact(classes).zip(labels).map(|(x, label)| log_sum_exp(x) - x[*label as usize]))
}

fn entropy_of_probabilities(x: &[f64], p: &[f64], _: &[f64]) -> f64 {
    x.iter().zip(p).map(|(x_c, p)| p * (log_sum_exp(x) - x_c)).sum()
}

fn binary_entropy(x: &[f64], t: &[f64], _: &[f64]) -> f64 {
    mean(x.iter().zip(t).map(|(x, t)| (1.0 - t) * x + (-x).exp().ln_1p()))
}

fn squared(x: &[f64], t: &[f64], _: &[f64]) -> f64 {
    mean(x.iter().zip(t).map(|(x, t)| (x - t).powi(2)))
}

fn absolute(x: &[f64], t: &[f64], _: &[f64]) -> f64 {
    mean(x.iter().zip(t).map(|(x, t)| (x - t).abs()))
}

fn huber(x: &[f64], t: &[f64], _: &[f64]) -> f64 {
    let one = |d: f64| if d < 0.5 { d * d / 2.0 } else { 0.5 * (d - 0.25) };
    mean(x.iter().zip(t).map(|(x, t)| one((x - t).abs())))
}

/// A target, and its value for each sample.
type Targets = (TargetKind, fn(usize) -> Target);

/// Trains on data with one target and without validation of the same, then holds the validation loss to the reference in f64.
fn check(
    device: &Device,
    network: Small,
    target: Option<Targets>,
    objective: impl Objective + 'static,
    reference: Reference,
) {
    let loader = match target {
        Some((kind, target)) => data(&[("labels", kind)], |i| vec![target(i)]),
        None => data(&[], |_| vec![]),
    };
    let options = TrainOptions { optimizer: Optimizer::adam(), lr: 0.01, epochs: 3, ..options(None) };
    let training = Trainer::builder(device, network, loader.clone()).validate(loader.clone()).options(options);
    let mut trainer = training.objective(objective).build().unwrap();
    let before = trainer.evaluate().unwrap().unwrap().loss.unwrap();
    assert_eq!(trainer.fit().unwrap().steps, 9);
    let after = trainer.evaluate().unwrap().unwrap().loss.unwrap();
    assert!(after < before, "{network:?} {target:?}: {before} to {after}");
    let want = by_host(device, network, &loader, &trainer, reference);
    assert!((after - want).abs() < 1e-5 * want.abs().max(1.0), "{network:?} {target:?}: {after}, not {want}");
}

/// The mean over all samples of the reference.
fn by_host(device: &Device, network: Small, loader: &Loader, trainer: &Trainer, reference: Reference) -> f64 {
    let [n, h, w, c] = loader.shape();
    let model = network.build("small", Shape::new(n, h, w, c), Mode::Inference).unwrap();
    let mut session = Session::new(device, &model.graph, &[model.output()], trainer.parameters().clone()).unwrap();
    let (mut sum, mut count) = (0.0, 0.0);
    for batch in loader.epoch(0, 0) {
        let batch = batch.unwrap().filled(n, 255);
        let outputs = session.run_blocking(&[("input", (&batch.images).into())]).unwrap();
        let truth: Vec<f64> = match batch.targets.first().map(|target| &target.values) {
            Some(Data::F32(values)) => values.iter().map(|v| f64::from(*v)).collect(),
            Some(Data::U32(labels)) => labels.iter().map(|v| f64::from(*v)).collect(),
            None => Vec::new(),
        };
        let wide = |values: &[f32]| values.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>();
        let (found, images) = (wide(outputs[0].f32().unwrap()), wide(&batch.images));
        for i in 0..batch.samples {
            let of = |all: &[f64]| all[i * all.len() / n..(i + 1) * all.len() / n].to_vec();
            sum += reference(&of(&found), &of(&truth), &of(&images));
            count += 1.0;
        }
    }
    sum / count
}

#[test]
fn every_kind_of_target_trains_and_is_judged_as_by_the_host() {
    let device = &device();
    let regression = |difference| Regression { target: Some("labels".to_owned()), difference };
    let class = TargetKind::Class { classes: 3 };
    check(
        device,
        Small::Pictures(3),
        Some((class, |i| Target::Class(i as u32 % 3))),
        Loss::default(),
        entropy_of_labels,
    );
    let mask = TargetKind::Mask { classes: 4 };
    check(device, Small::Pixels(4), Some((mask, |i| stripes(i, 4))), Loss::default(), entropy_of_labels);
    let soft: fn(usize) -> Target = |i| Target::SoftLabels(vec![i as f32 / 5.0, 1.0 - i as f32 / 5.0]);
    let objective = SoftLabels { target: "labels".to_owned(), smoothing: 0.0 };
    check(
        device,
        Small::Pictures(2),
        Some((TargetKind::SoftLabels { classes: 2 }, soft)),
        objective,
        entropy_of_probabilities,
    );
    let hot: fn(usize) -> Target = |i| Target::MultiHot(vec![i % 2 == 0, i > 1, true]);
    let objective = MultiLabel { target: "labels".to_owned() };
    check(device, Small::Pictures(3), Some((TargetKind::MultiHot { classes: 3 }, hot)), objective, binary_entropy);
    let vector: fn(usize) -> Target = |i| Target::Vector(vec![i as f32 / 5.0, -1.0]);
    let kind = TargetKind::Vector { len: 2 };
    check(device, Small::Pictures(2), Some((kind, vector)), regression(Difference::Squared), squared);
    check(device, Small::Pictures(2), Some((kind, vector)), regression(Difference::Huber(0.5)), huber);
    let boxes: fn(usize) -> Target = |i| Target::Boxes(vec![[0.1, i as f32 / 10.0, 0.6, 1.0]]);
    check(
        device,
        Small::Pictures(4),
        Some((TargetKind::Boxes { most: 1 }, boxes)),
        regression(Difference::Absolute),
        absolute,
    );
    let image: fn(usize) -> Target =
        |i| Target::Image(Picture::new(SIZE as u32, SIZE as u32, 1, vec![40 * i as u8; SIZE * SIZE]).unwrap());
    let kind = TargetKind::Image { channels: 1 };
    check(device, Small::Pixels(1), Some((kind, image)), regression(Difference::Squared), squared);
    let objective = Regression { target: None, difference: Difference::Squared };
    check(device, Small::Pixels(3), None, objective, |x, _, picture| squared(x, picture, &[]));
}

/// The squared difference, and a penalty on large outputs: an objective as users write them.
fn penalised(cx: &mut LossContext<'_>) -> Result<atrous_graph::NodeId, ObjectiveError> {
    let found = cx.output();
    let truth = cx.target("pose", TargetKind::Vector { len: 2 })?;
    let error = loss::mse(cx.graph, "error", [found, truth], Reduction::Mean)?;
    let square = cx.graph.add("square", Op::Unary(Unary::Square), &[found])?;
    let size = cx.mean_over_samples("size", square)?;
    Ok(loss::weighted_sum(cx.graph, "penalised", &[(error, 1.0), (size, 0.01)])?)
}

fn poses() -> Loader {
    data(&[("pose", TargetKind::Vector { len: 2 })], |i| vec![Target::Vector(vec![i as f32 / 5.0, -1.0])])
}

fn of_poses<'a>(device: &'a Device, folder: &Path) -> TrainerBuilder<'a> {
    let options = TrainOptions { epochs: 3, optimizer: Optimizer::adam(), resume: true, ..options(Some(folder)) };
    Trainer::builder(device, Small::Pictures(2), poses()).validate(poses()).objective(penalised).options(options)
}

#[test]
fn a_training_for_an_objective_of_one_s_own_resumes_bit_for_bit() {
    let device = device();
    let top = tempfile::tempdir().unwrap();
    let whole = top.path().join("whole");
    let outcome = of_poses(&device, &whole).build().unwrap().fit().unwrap();
    assert_eq!(outcome.steps, 9);
    let parts = top.path().join("parts");
    for stop in [2, 5] {
        let watch = |record: &Record| match record {
            Record::Step(r) if r.step == stop => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        of_poses(&device, &parts).build().unwrap().fit_with(watch).unwrap();
    }
    of_poses(&device, &parts).build().unwrap().fit().unwrap();
    assert_same_files(&whole, &parts);
}

#[test]
fn a_training_with_other_targets_is_not_gone_on_with() {
    let device = device();
    let folder = tempfile::tempdir().unwrap();
    of_poses(&device, folder.path()).build().unwrap().fit().unwrap();
    let path = folder.path().join("last.checkpoint");
    let whole = Checkpoint::load(&path).unwrap();
    assert_eq!(whole.state.targets.as_deref(), Some(&["\"pose\" 2×1×1×2 f32".to_owned()][..]));
    let other = |cx: &mut LossContext<'_>| {
        let (found, truth) = (cx.output(), cx.target("place", TargetKind::Vector { len: 2 })?);
        Ok(loss::mse(cx.graph, "error", [found, truth], Reduction::Mean)?)
    };
    let places = data(&[("place", TargetKind::Vector { len: 2 })], |_| vec![Target::Vector(vec![0.0; 2])]);
    let options = TrainOptions { resume: true, optimizer: Optimizer::adam(), ..options(Some(folder.path())) };
    let training = Trainer::builder(&device, Small::Pictures(2), places).objective(other).options(options);
    let error = training.build().unwrap_err().to_string();
    assert!(error.contains("its list of targets is \"pose\" 2×1×1×2 f32, here it is \"place\" 2×1×1×2 f32"), "{error}");
    let ours = of_poses(&device, folder.path())
        .objective(Regression { target: Some("pose".to_owned()), difference: Difference::Squared });
    assert!(ours.build().unwrap_err().to_string().contains("loss by a function"));
}

#[test]
fn checkpoints_from_before_targets_were_noted_still_load() {
    let device = device();
    let folder = tempfile::tempdir().unwrap();
    let options = TrainOptions { epochs: 1, resume: true, ..options(Some(folder.path())) };
    of_pixels(&device, options.clone()).build().unwrap().fit().unwrap();
    let path = folder.path().join("last.checkpoint");
    let mut old = Checkpoint::load(&path).unwrap();
    let began = "loss CrossEntropy { smoothing: 0.0 }, aux_weight 0.4, optimizer Sgd { momentum: 0.9, dampening: 0.0, \
                 nesterov: false, convention: Torch }, weight_decay 0.0001, parts [], frozen [], clip_norm None, \
                 accumulate 1; 10 samples, ";
    assert!(old.state.settings.starts_with(began), "{}", old.state.settings);
    assert_eq!(old.state.targets.take().unwrap(), ["\"labels\" 4×16×16×1 u32"]);
    old.save(&path).unwrap();
    assert!(!std::fs::read(&path).unwrap().windows(7).any(|w| w == b"targets"));
    let more = TrainOptions { epochs: 2, ..options };
    assert_eq!(of_pixels(&device, more).build().unwrap().fit().unwrap().epochs, 2);
}

#[test]
fn two_heads_on_one_body_learn() {
    let specs = [("class", TargetKind::Class { classes: 3 }), ("mask", TargetKind::Mask { classes: 2 })];
    let loader = data(&specs, |i| vec![Target::Class(i as u32 % 3), stripes(i, 2)]);
    let weighted = Loss::WeightedCrossEntropy { weights: vec![1.0, 2.0], smoothing: 0.0 };
    let heads = Heads::new().with("class", 1.0, Labelled::default().of("class")).with(
        "mask",
        0.5,
        Labelled::from(weighted).of("mask"),
    );
    let device = device();
    let options = TrainOptions { epochs: 8, optimizer: Optimizer::adam(), lr: 0.02, ..options(None) };
    let training = Trainer::builder(&device, TwoHeads, loader.clone()).validate(loader).options(options);
    let mut trainer = training.objective(heads).build().unwrap();
    let before = trainer.evaluate().unwrap().unwrap();
    let start = trainer.checkpoint().unwrap();
    trainer.fit().unwrap();
    let after = trainer.evaluate().unwrap().unwrap();
    assert!(after.loss.unwrap() < 0.9 * before.loss.unwrap(), "{before:?} {after:?}");
    let names: Vec<&str> = after.metrics.keys().map(String::as_str).collect();
    assert_eq!(names, ["class.accuracy", "mask.accuracy", "mask.mean_class_accuracy", "mask.mean_iou"]);
    for (before, after) in start.parameters.iter().zip(&trainer.checkpoint().unwrap().parameters) {
        assert_ne!(before.values, after.values, "both heads and their body learn: {}", before.name);
    }
}

#[test]
fn a_student_learns_from_a_frozen_teacher_in_its_graph() {
    let device = device();
    let loader = data(&[("labels", TargetKind::Class { classes: 3 })], |i| vec![Target::Class(i as u32 % 3)]);
    for labelled in [None, Some(Labelled::default())] {
        let objective = Distillation {
            student: "out".to_owned(),
            teacher: "teacher".to_owned(),
            temperature: 2.0,
            share: if labelled.is_some() { 0.7 } else { 1.0 },
            labelled,
        };
        let options = TrainOptions { epochs: 4, optimizer: Optimizer::adam(), lr: 0.02, ..options(None) };
        let training = Trainer::builder(&device, StudentAndTeacher, loader.clone()).validate(loader.clone());
        let mut trainer = training.objective(objective).options(options).build().unwrap();
        let (start, before) = (trainer.checkpoint().unwrap(), trainer.evaluate().unwrap().unwrap().loss.unwrap());
        trainer.fit().unwrap();
        let (end, after) = (trainer.checkpoint().unwrap(), trainer.evaluate().unwrap().unwrap().loss.unwrap());
        assert!(after < before, "{before} {after}");
        // Running statistics of the teacher are parameters, too.
        for ((name, before), (_, after)) in bits(&start).into_iter().zip(bits(&end)).take(start.parameters.len()) {
            assert_eq!(before == after, name.starts_with("teacher."), "{name}");
        }
        assert!(start.parameters.iter().any(|tensor| tensor.name == "teacher.layer4.1.bn2.running_var"));
        assert!(end.optimizer.iter().all(|tensor| tensor.name.contains("/student.")));
    }
}

/// The message of a training that cannot begin.
fn refusal(network: impl IntoNetwork, data: Loader, objective: impl Objective + 'static) -> String {
    let device = device();
    let training = Trainer::builder(&device, network, data).name("net").objective(objective).options(options(None));
    training.build().unwrap_err().to_string()
}

#[test]
fn objectives_that_do_not_go_with_the_data_are_refused() {
    let regression = |target: &str| Regression { target: Some(target.to_owned()), difference: Difference::Squared };
    let soft = SoftLabels { target: "pose".to_owned(), smoothing: 0.0 };
    for (error, text) in [
        (
            refusal(Small::Pictures(2), poses(), Loss::default()),
            "the objective needs the target \"labels\", but the data have \"pose\": a vector of 2",
        ),
        (
            refusal(Small::Pictures(2), poses(), Labelled::default().of("pose")),
            "the objective needs the target \"pose\" as one of 2 classes a picture, but in the data it is a vector of 2",
        ),
        (
            refusal(Small::Pictures(2), poses(), soft),
            "needs the target \"pose\" as probabilities of 2 classes, but in the data it is a vector of 2",
        ),
        (
            refusal(Small::Pictures(2), poses(), MultiLabel { target: "tags".to_owned() }),
            "needs the target \"tags\", any of 2 classes, but the data have \"pose\": a vector of 2",
        ),
        (
            refusal(Small::Pictures(2), data(&[], |_| vec![]), Loss::default()),
            "needs the target \"labels\", but the data have no targets",
        ),
        (refusal(Small::Pictures(3), poses(), regression("pose")), "the targets must be 2×1×1×3, got 2×1×1×2"),
        (refusal(Small::Pixels(2), poses(), regression("pose")), "the targets must be 2×8×8×2, got 2×1×1×2"),
        (
            refusal(Tiny::PICTURES, few_digits(4), regression("labels")),
            "needs the target \"labels\" as a vector of 10, but in the data it is one of 10 classes a picture",
        ),
        (
            refusal(Small::Pictures(9), few_digits(4), Loss::default()),
            "net gives 4×1×1×9, but the labels of the data need 4×1×1×10",
        ),
        (
            refusal(TwoHeads, poses(), Heads::new().with("box", 1.0, regression("pose"))),
            "net has no output \"box\"; it has \"class\", \"mask\"",
        ),
        (refusal(TwoHeads, poses(), Heads::new()), "there must be at least one loss"),
        (
            refusal(TwoHeads, poses(), Heads::new().with("class", -1.0, regression("pose"))),
            "the weight of a head must be finite and not negative, got -1",
        ),
    ] {
        assert!(error.contains(text), "{error}");
    }
}

#[test]
fn functions_that_make_no_loss_are_refused() {
    let many = |cx: &mut LossContext<'_>| Ok(cx.output());
    let error = refusal(Small::Pictures(2), poses(), many);
    assert_eq!(error, "the loss must be one f32, 1×1×1×1, but \"head\" is 2×1×1×2 f32");
    let taken = |cx: &mut LossContext<'_>| cx.target("input", TargetKind::Vector { len: 2 });
    let named = data(&[("input", TargetKind::Vector { len: 2 })], |_| vec![Target::Vector(vec![0.0; 2])]);
    assert_eq!(refusal(Small::Pictures(2), named, taken), "input \"input\": net has a node of that name");
    let length = |cx: &mut LossContext<'_>| cx.constant("c", Shape::channels(3), &[1.0]);
    assert_eq!(refusal(Small::Pictures(2), poses(), length), "input \"c\": 1×1×1×3 needs 3 values, got 1");
    let nan = |cx: &mut LossContext<'_>| cx.constant("c", Shape::channels(1), &[f32::NAN]);
    assert_eq!(refusal(Small::Pictures(2), poses(), nan), "input \"c\": its values must be finite, got NaN");
    let twice = |cx: &mut LossContext<'_>| {
        cx.constant("c", Shape::channels(1), &[1.0])?;
        cx.constant("c", Shape::channels(1), &[2.0])
    };
    assert!(refusal(Small::Pictures(2), poses(), twice).contains("asked for twice, with different values"));
    let still = |cx: &mut LossContext<'_>| cx.constant("c", Shape::channels(1), &[1.0]);
    assert!(refusal(Small::Pictures(2), poses(), still).contains("no parameter that is trained"));
    let own = |_: &mut LossContext<'_>| Err(ObjectiveError::Other("not on a Sunday".to_owned()));
    assert_eq!(refusal(Small::Pictures(2), poses(), own), "not on a Sunday");
    let misfit = |cx: &mut LossContext<'_>| {
        let (found, truth) = (cx.output(), cx.target("pose", TargetKind::Vector { len: 2 })?);
        Ok(cx.graph.add("difference", Op::Binary(Binary::Sub), &[found, truth])?)
    };
    assert!(refusal(Small::Pictures(5), poses(), misfit).contains("do not broadcast"));
    assert!(refusal("resnet19", poses(), misfit).contains("no network is named \"resnet19\""));
}
