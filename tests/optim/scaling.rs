//! Dynamic loss scaling: every change of the scale by its definition, and the same bits as without.

use atrous_cpu::Scale;
use atrous_gpu::{LOSS_SCALE, LOSS_SCALE_COUNTS, StepOptions, TrainingSession};
use atrous_graph::optim::{Convention, LossScaling, Optimizer};
use atrous_graph::{DType, Shape};
use atrous_tests::device;

use crate::network::{Network, Values, Way, step};

const SHAPES: [(&str, Shape); 2] = [("p", Shape::new(1, 3, 5, 7)), ("q", Shape::channels(11))];

fn network(rule: Optimizer, accumulate: bool) -> Network {
    let mut network = Network::new(&SHAPES, rule, 0.1, Way::Placed);
    network.training.clip_norm = Some(2.0);
    network.training.accumulate = accumulate;
    network
}

fn scale(session: &TrainingSession) -> Scale {
    let state = session.download_state_blocking().expect("the state");
    let (scale, counts) = (&state[LOSS_SCALE], &state[LOSS_SCALE_COUNTS]);
    Scale { scale: scale[0].into(), applied: counts[0] as u64, skipped: counts[1] as u64 }
}

fn spoilt(mut gradients: Values, value: f32) -> Values {
    gradients.get_mut("q").expect("a gradient")[7] = value;
    gradients
}

/// With a scale of a power of two nothing is rounded: a training has the bits of one that never met the steps that were skipped,
/// whatever depends on the number of the step.
#[test]
fn a_skipped_step_changes_nothing_but_the_scale() {
    let device = device();
    let dampened = Optimizer::Sgd { momentum: 0.9, dampening: 0.5, nesterov: false, convention: Convention::Torch };
    let adam = |amsgrad, convention| Optimizer::Adam {
        beta1: 0.9,
        beta2: 0.99,
        eps: 1e-7,
        decoupled: false,
        amsgrad,
        convention,
    };
    let (keras, amsgrad) = (adam(false, Convention::Keras), adam(true, Convention::Torch));
    let adagrad =
        Optimizer::Adagrad { lr_decay: 0.5, initial_accumulator: 0.1, eps: 1e-10, convention: Convention::Torch };
    let others = [Optimizer::rmsprop(), Optimizer::nadam(), amsgrad, adagrad];
    for rule in [Optimizer::adam(), keras, dampened].into_iter().chain(others) {
        let scaling = LossScaling { init: 1024.0, interval: 3 };
        let (plain, scaled) = (network(rule, false), network(rule, false).scaled(scaling));
        let parameters = [&plain, &scaled].map(|network| network.upload(&device, &plain.values()));
        let mut plain_session = plain.session(&device, &[], &parameters[0]);
        let mut session = scaled.session(&device, &[], &parameters[1]);
        assert_eq!(session.measured_bytes(), session.plan().peak_bytes());
        assert!(session.inputs().all(|(name, _)| name != "loss_scale"), "it is uploaded by nobody");
        let (mut want, mut applied) = (Scale::new(scaling), 0);
        let bad = [f32::INFINITY, f32::NAN, 3e38];
        for number in 1..=14 {
            let finite = ![1, 2, 6, 9].contains(&number);
            let before = parameters[1].download_blocking().expect("the parameters");
            let mut gradients = scaled.gradients(number);
            if !finite {
                gradients = spoilt(gradients, bad[number as usize % 3]);
            }
            assert_eq!(scale(&session), want, "{rule:?} before {number}");
            let result = step(&mut session, 0.5, &gradients, StepOptions::new(0.01, number));
            assert_eq!((result.applied, result.loss_scale), (finite, Some(want.scale as f32)), "{rule:?} {number}");
            want = want.after(scaling, finite);
            let after = parameters[1].download_blocking().expect("the parameters");
            if finite {
                applied += 1;
                let plain = step(&mut plain_session, 0.5, &gradients, StepOptions::new(0.01, applied));
                assert_eq!((plain.loss_scale, plain.gradient_norm), (None, result.gradient_norm));
                assert_eq!(after, parameters[0].download_blocking().expect("the parameters"), "{rule:?} {number}");
            } else {
                assert_eq!(after, before, "{rule:?} {number}");
            }
        }
        assert_eq!(scale(&session), want);
        assert_eq!(want, Scale { scale: 256.0, applied: 2, skipped: 4 }, "halved four times, doubled twice");
    }
}

/// A loss that is not finite is an update that is not applied.
#[test]
fn the_scale_stays_between_its_ends() {
    let device = device();
    for (init, finite, next) in [
        (LossScaling::LEAST, false, LossScaling::LEAST),
        (LossScaling::LARGEST, true, LossScaling::LARGEST),
        (2.0 * LossScaling::LEAST, false, LossScaling::LEAST),
        (LossScaling::LARGEST / 2.0, true, LossScaling::LARGEST),
    ] {
        let scaling = LossScaling { init, interval: 1 };
        let network = network(Optimizer::sgd(0.0), false).scaled(scaling);
        let mut session = network.session(&device, &[], &network.upload(&device, &network.values()));
        let none = network.values().into_iter().map(|(name, values)| (name, vec![0.0; values.len()])).collect();
        let loss = if finite { 1.0 } else { f32::NAN };
        let result = step(&mut session, loss, &none, StepOptions::new(0.1, 1));
        assert_eq!((result.applied, result.loss_scale), (finite, Some(init)));
        assert_eq!(scale(&session).scale as f32, next);
    }
}

/// The scale changes at updates only. A run that overflowed, whichever of its update's, makes the update one that is skipped.
#[test]
fn all_runs_of_an_update_have_one_scale() {
    let device = device();
    let scaling = LossScaling { init: 1024.0, interval: 2 };
    let (plain, scaled) = (network(Optimizer::adam(), true), network(Optimizer::adam(), true).scaled(scaling));
    let parameters = [&plain, &scaled].map(|network| network.upload(&device, &plain.values()));
    let mut plain_session = plain.session(&device, &[], &parameters[0]);
    let mut session = scaled.session(&device, &[], &parameters[1]);
    let (mut want, mut applied) = (Scale::new(scaling), 0);
    // By update: the run that overflows.
    for (number, bad) in (1..).zip([Some(0), None, None, Some(1), None, Some(2), None]) {
        let before = parameters[1].download_blocking().expect("the parameters");
        applied += u64::from(bad.is_none());
        for run in 0..3 {
            let gradients = scaled.gradients(10 * number + run);
            let options = |step| StepOptions { update: run == 2, scale: 1.0 / 3.0, ..StepOptions::new(0.01, step) };
            if bad.is_none() {
                assert!(step(&mut plain_session, 0.5, &gradients, options(applied)).applied);
            }
            let spoils = bad == Some(run);
            let gradients = if spoils { spoilt(gradients, f32::INFINITY) } else { gradients };
            assert_eq!(scale(&session), want, "update {number}, run {run}");
            let result = step(&mut session, 0.5, &gradients, options(number));
            let skipped = spoils || bad.is_some() && run == 2;
            assert_eq!((result.applied, result.loss_scale), (!skipped, Some(want.scale as f32)), "{number} {run}");
        }
        want = want.after(scaling, bad.is_none());
        let after = parameters[1].download_blocking().expect("the parameters");
        match bad {
            None => assert_eq!(after, parameters[0].download_blocking().expect("the parameters"), "{number}"),
            Some(_) => assert_eq!(after, before, "{number}"),
        }
    }
    assert_eq!(scale(&session), want);
    assert_eq!(want, Scale { scale: 256.0, applied: 1, skipped: 3 });
}

#[test]
fn the_scale_is_part_of_the_state() {
    let device = device();
    let scaling = LossScaling { init: 1024.0, interval: 3 };
    let network = network(Optimizer::adam(), false).scaled(scaling);
    let gradients = |t: u64| match t {
        2 => spoilt(network.gradients(t), f32::INFINITY),
        _ => network.gradients(t),
    };
    let train = |session: &mut TrainingSession, steps: std::ops::RangeInclusive<u64>| {
        for t in steps {
            step(session, 0.5, &gradients(t), StepOptions::new(0.01, t));
        }
    };
    let whole = network.upload(&device, &network.values());
    let mut session = network.session(&device, &[], &whole);
    train(&mut session, 1..=8);
    for stop in 1..8 {
        let first = network.upload(&device, &network.values());
        let mut session = network.session(&device, &[], &first);
        train(&mut session, 1..=stop);
        let state = session.download_state_blocking().expect("the state");
        let second = network.upload(&device, &first.download_blocking().expect("the parameters"));
        let mut session = network.session(&device, &[], &second);
        session.upload_state(&state).expect("the state fits");
        train(&mut session, stop + 1..=8);
        let [a, b] = [&whole, &second].map(|p| p.download_blocking().expect("the parameters"));
        assert_eq!(a, b, "interrupted after step {stop}");
    }
    let mut state = session.download_state_blocking().expect("the state");
    state.insert(LOSS_SCALE.to_owned(), vec![1000.0]);
    let error = session.upload_state(&state).expect_err("no power of two").to_string();
    assert!(error.contains("power of two") && error.contains("1000"), "{error}");
}

#[test]
fn a_scale_that_does_not_fit_is_refused() {
    let refused = |change: fn(&mut Network)| {
        let mut network = network(Optimizer::sgd(0.0), false).scaled(LossScaling::default());
        change(&mut network);
        network.training.validate(&network.graph).expect_err("it is refused")
    };
    let text = refused(|network| {
        let scale = network.training.loss_scale.as_mut().expect("it is scaled");
        scale.scaling.init = 1000.0;
    });
    assert!(text.contains("power of two"), "{text}");
    let text = refused(|network| {
        let node = network.graph.input("map", Shape::channels(1), DType::U32).expect("an input");
        network.training.loss_scale.as_mut().expect("it is scaled").node = node;
    });
    assert!(text.contains("the loss scale \"map\" must be an input of one f32"), "{text}");
}
