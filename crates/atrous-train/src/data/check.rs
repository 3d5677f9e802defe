//! Checks of datasets and their samples.

use super::dataset::Dataset;
use super::error::{DataError, Result};
use super::picture::Picture;
use super::sample::Sample;
use super::target::{Target, TargetKind, TargetSpec, listed};
use atrous_files::is_plain;

/// How far the sum of probabilities may be from 1.
const SUM: f64 = 1e-3;

/// Checks that a sample has the targets that its dataset declares: their number and kinds, the ranges of labels and numbers, and that masks
/// and target pictures have the size of the picture. In masks the label `ignore` is allowed.
///
/// # Errors
/// [`DataError::WrongTarget`], [`DataError::LabelRange`], [`DataError::MaskSize`], [`DataError::TargetValue`].
pub fn check_sample(dataset: &dyn Dataset, index: usize, sample: &Sample, ignore: u32) -> Result<()> {
    let (needs, name) = (dataset.targets(), || dataset.describe(index));
    if needs.len() != sample.targets.len() {
        let got = match sample.targets.len() {
            0 => "no target".to_owned(),
            count => format!("{count} of them"),
        };
        return Err(DataError::WrongTarget { sample: name(), needs: listed(&needs), got });
    }
    for (spec, target) in needs.iter().zip(&sample.targets) {
        check_target(spec, target, &sample.image, ignore, &name)?;
    }
    Ok(())
}

fn check_target(
    spec: &TargetSpec,
    target: &Target,
    picture: &Picture,
    ignore: u32,
    sample: &dyn Fn() -> String,
) -> Result<()> {
    let got = TargetKind::of(target, spec.kind.classes().unwrap_or_default());
    let fits = match (got, spec.kind) {
        (TargetKind::Boxes { most: count }, TargetKind::Boxes { most }) => count <= most,
        (got, needs) => got == needs,
    };
    if !fits {
        return Err(DataError::WrongTarget { sample: sample(), needs: spec.to_string(), got: got.to_string() });
    }
    let size = (picture.width(), picture.height());
    let classes = spec.kind.classes().unwrap_or_default();
    let out_of_range = |label, ignored| Err(DataError::LabelRange { sample: sample(), label, classes, ignored });
    match target {
        Target::Class(class) if *class as usize >= classes => return out_of_range(*class, None),
        Target::Mask(mask) => {
            let mask_size = (mask.width(), mask.height());
            if mask_size != size {
                return Err(DataError::MaskSize { sample: sample(), mask: mask_size, picture: size });
            }
            let counts = mask.pixel_counts();
            let present = (0..=255).filter(|label| *label != ignore && counts[*label as usize] > 0);
            if let Some(label) = present.max().filter(|label| *label as usize >= classes) {
                return out_of_range(label, Some(ignore));
            }
        }
        _ => {}
    }
    match bad_value(target, size) {
        Some(reason) => Err(DataError::TargetValue { sample: sample(), target: spec.name.clone(), reason }),
        None => Ok(()),
    }
}

/// Why the numbers or the size of a target are invalid; `None` if they are valid.
fn bad_value(target: &Target, (width, height): (u32, u32)) -> Option<String> {
    match target {
        Target::Class(_) | Target::Mask(_) | Target::MultiHot(_) => None,
        Target::SoftLabels(probabilities) => {
            if let Some((class, p)) = (0..).zip(probabilities).find(|(_, p)| !(0.0..=1.0).contains(*p)) {
                return Some(format!("probabilities must lie in 0..=1, that of class {class} is {p}"));
            }
            let sum: f64 = probabilities.iter().map(|p| f64::from(*p)).sum();
            ((sum - 1.0).abs() > SUM).then(|| format!("the probabilities must sum up to 1, got {sum}"))
        }
        Target::Vector(numbers) => {
            let bad = numbers.iter().position(|v| !v.is_finite())?;
            Some(format!("numbers must be finite, number {bad} is {}", numbers[bad]))
        }
        Target::Boxes(boxes) => boxes.iter().enumerate().find_map(|(i, [left, top, right, bottom])| {
            let holds =
                0.0 <= *left && left <= right && *right <= 1.0 && 0.0 <= *top && top <= bottom && *bottom <= 1.0;
            let got = format!("box {i} is {left}, {top}, {right}, {bottom}");
            (!holds).then(|| format!("left, top, right, bottom must lie in 0..=1 and in order, {got}"))
        }),
        Target::Image(picture) => {
            let (w, h) = (picture.width(), picture.height());
            ((w, h) != (width, height)).then(|| format!("it is {w}×{h}, but its sample's picture is {width}×{height}"))
        }
    }
}

/// Checks the targets that a dataset declares: their names must be unique and not empty, sizes not zero, classes at least two, and the
/// first target with classes must have a name for each class, or for none.
pub(crate) fn check_targets(dataset: &dyn Dataset) -> Result<()> {
    let (targets, names) = (dataset.targets(), dataset.class_names());
    let described = || dataset.describe(0);
    for (i, spec) in targets.iter().enumerate() {
        let bad = |reason: String| DataError::TargetValue { sample: described(), target: spec.name.clone(), reason };
        if spec.name.is_empty() || targets[..i].iter().any(|other| other.name == spec.name) {
            return Err(bad("every target must have a name of its own".to_owned()));
        }
        match spec.kind {
            TargetKind::Class { classes } | TargetKind::Mask { classes } if classes < 2 => {
                return Err(DataError::OneClass { name: described(), class: names.first().cloned() });
            }
            TargetKind::Image { channels } if !matches!(channels, 1 | 3) => {
                return Err(bad(format!("pictures have 1 or 3 channels, got {channels}")));
            }
            TargetKind::SoftLabels { classes: 0 }
            | TargetKind::MultiHot { classes: 0 }
            | TargetKind::Vector { len: 0 }
            | TargetKind::Boxes { most: 0 } => return Err(bad(format!("{} is nothing to learn", spec.kind))),
            _ => {}
        }
    }
    match targets.iter().find_map(|spec| Some((spec, spec.kind.classes()?))) {
        Some((spec, classes)) if !names.is_empty() && names.len() != classes => {
            let reason = format!("it has {classes} classes, but {} class names are given", names.len());
            Err(DataError::TargetValue { sample: described(), target: spec.name.clone(), reason })
        }
        _ => Ok(()),
    }
}

/// Refuses an index beyond the last sample.
pub(crate) fn check_index(dataset: &dyn Dataset, index: usize) -> Result<()> {
    match index < dataset.len() {
        true => Ok(()),
        false => Err(DataError::Index { index, len: dataset.len() }),
    }
}

/// Refuses fewer than two classes, and names that are not unique or not one line of text.
pub(crate) fn check_class_names(name: &str, class_names: &[String]) -> Result<()> {
    if class_names.len() < 2 {
        return Err(DataError::OneClass { name: name.to_owned(), class: class_names.first().cloned() });
    }
    for (second, class) in class_names.iter().enumerate() {
        if class.trim().is_empty() || !class.chars().all(is_plain) {
            return Err(DataError::ClassName { name: name.to_owned(), class: second, text: class.clone() });
        }
        if let Some(first) = class_names[..second].iter().position(|other| other == class) {
            return Err(DataError::SameClass { name: name.to_owned(), class: class.clone(), first, second });
        }
    }
    Ok(())
}

/// Refuses a dataset whose samples are all known to have the same class.
pub(crate) fn check_several_classes(dataset: &dyn Dataset) -> Result<()> {
    let Some(first) = dataset.class_of(0) else { return Ok(()) };
    if (1..dataset.len()).any(|index| dataset.class_of(index) != Some(first)) {
        return Ok(());
    }
    let class = dataset.class_names().get(first as usize).cloned();
    let name = format!("{} to {}", dataset.describe(0), dataset.describe(dataset.len() - 1));
    Err(DataError::OneClass { name, class })
}
