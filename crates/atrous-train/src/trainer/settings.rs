//! The settings of a training, and whether a resumed one has the same.

use atrous_files::excerpt;
use atrous_graph::optim::LossScale;

use super::TrainOptions;
use crate::{
    checkpoint::{CheckpointError, TrainingState},
    data::Loader,
    objective::Objective,
};

/// The settings that the result of a training depends on, as text, without those that have fields of their own in a
/// checkpoint.
pub(super) fn settings(
    objective: &dyn Objective,
    options: &TrainOptions,
    train: &Loader,
    scale: Option<LossScale>,
) -> String {
    let TrainOptions { optimizer, maximize, weight_decay, parts, frozen, clip_norm, accumulate, .. } = options;
    let data = train.options();
    // AMSGrad and maximization are left out if they are off, so that checkpoints of versions without them can be
    // resumed.
    let optimizer = format!("{optimizer:?}").replace("amsgrad: false, ", "");
    let maximize = if *maximize { ", maximize" } else { "" };
    let scaling = scale.map_or_else(String::new, |scale| format!(", {:?}", scale.scaling));
    format!(
        "{}, optimizer {optimizer}{maximize}, weight_decay {weight_decay:?}, parts {parts:?}, \
         frozen {frozen:?}, clip_norm {clip_norm:?}, accumulate {accumulate}{scaling}; {} samples, {:?}, {:?}, {:?}, shuffle {}, \
         seed {}, drop_last {}, ignore {}",
        objective.describe(),
        train.dataset().len(),
        data.preprocess,
        data.framing,
        data.augment,
        data.shuffle,
        data.seed,
        data.drop_last,
        data.ignore_label,
    )
}

/// Checks that a training is resumed with the settings that it began with. `samples` is whether these tell the number
/// of samples, too, as in checkpoints that know no more of their data.
pub(super) fn check_settings(now: &TrainingState, then: &TrainingState, samples: bool) -> Result<(), CheckpointError> {
    let list = |all: &Option<Vec<String>>| match all.as_deref().unwrap_or_default() {
        [] => "empty".to_owned(),
        all => all.join(", "),
    };
    // Lists that a checkpoint does not have are taken to be unchanged.
    let told = |then: &Option<Vec<String>>, now| list(if then.is_some() { then } else { now });
    let quoted = |names: &Option<Vec<String>>| {
        names.as_ref().map(|all| all.iter().map(|name| format!("\"{}\"", excerpt(name))).collect())
    };
    let (classes_now, classes_then) = (quoted(&now.classes), quoted(&then.classes));
    let watch = |state: &TrainingState| state.watch.clone().or_else(|| now.watch.clone()).unwrap_or_default();
    let settings = |state: &TrainingState| match samples {
        true => state.settings.clone(),
        false => without_samples(&state.settings),
    };
    let (settings_now, settings_then) = differences(&settings(now), &settings(then));
    let precision = |state: &TrainingState| if state.loss_scale.is_some() { "f16" } else { "f32" };
    let pairs = [
        ("precision", precision(now).to_owned(), precision(then).to_owned()),
        ("list of targets", list(&now.targets), told(&then.targets, &now.targets)),
        ("list of classes", list(&classes_now), told(&classes_then, &classes_now)),
        ("seed", now.seed.to_string(), then.seed.to_string()),
        ("list of settings", settings_now, settings_then),
        ("learning rate", now.lr.to_string(), then.lr.to_string()),
        ("schedule", format!("{:?}", now.schedule), format!("{:?}", then.schedule)),
        ("watched quantity", watch(now), watch(then)),
    ];
    match pairs.into_iter().find(|(_, now, then)| now != then) {
        Some((what, needs, got)) => Err(CheckpointError::Other { what, needs, got }),
        None => Ok(()),
    }
}

/// The differences of two lists of settings: the items of each that the other lacks. If these are the same, as for
/// lists in different order, returns the whole lists.
fn differences(now: &str, then: &str) -> (String, String) {
    let (items_now, items_then) = (items(now), items(then));
    let alone = |these: &[&str], others: &[&str]| {
        these.iter().filter(|item| !others.contains(item)).copied().collect::<Vec<_>>().join(", ")
    };
    let (only_now, only_then) = (alone(&items_now, &items_then), alone(&items_then, &items_now));
    if only_now == only_then {
        return (now.to_owned(), then.to_owned());
    }
    let text = |own: &str, other: &str| match own {
        "" => format!("one without `{other}`"),
        own => format!("one with `{own}`"),
    };
    (text(&only_now, &only_then), text(&only_then, &only_now))
}

/// The settings without the number of samples.
fn without_samples(settings: &str) -> String {
    match items(settings).into_iter().find(|item| item.ends_with(" samples")) {
        Some(item) => settings.replacen(&format!("{item}, "), "", 1),
        None => settings.to_owned(),
    }
}

/// The parts of a text between commas and semicolons outside of brackets.
fn items(text: &str) -> Vec<&str> {
    let mut depth = 0i32;
    let separates = move |c: char| {
        depth += i32::from("([{".contains(c)) - i32::from(")]}".contains(c));
        depth == 0 && matches!(c, ',' | ';')
    };
    text.split(separates).map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_differ_are_named_alone() {
        let then =
            "loss Mix { parts: [(1, Dice)], a: 2 }, optimizer Sgd { momentum: 0.9 }, accumulate 1; 15 samples, seed 0";
        assert_eq!(differences(then, then).0, differences(then, then).1);
        assert_eq!(without_samples(then), then.replace("15 samples, ", ""));
        let now = then.replace("15", "20").replace("0.9", "0.8");
        let texts = [
            "one with `optimizer Sgd { momentum: 0.8 }, 20 samples`",
            "one with `optimizer Sgd { momentum: 0.9 }, 15 samples`",
        ];
        assert_eq!(differences(&now, then), texts.map(str::to_owned).into());
        for now in
            [then.replace("accumulate 1; ", ", accumulate 1; "), format!("{then}, seed 0"), then.replace("; ", ", ")]
        {
            assert_ne!(differences(&now, then).0, differences(&now, then).1, "{now}");
        }
        let now = then.replace("accumulate 1", "maximize, accumulate 1");
        assert_eq!(
            differences(&now, then),
            ["one with `maximize`", "one without `maximize`"].map(str::to_owned).into()
        );
    }
}
