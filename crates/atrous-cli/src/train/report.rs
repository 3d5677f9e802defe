//! The reports that a training prints at its beginning and end.

use std::collections::HashSet;
use std::fmt::Write;
use std::path::Path;

use atrous::Device;
use atrous::graph::passes::Precision;
use atrous::train::data::{ClassCount, Dataset, Survey};
use atrous::train::log::RecoveryRecord;
use atrous::train::{Outcome, Reason, Trainer, Watch};
use atrous_files::shown;

use super::data::Loaders;
use crate::output::{Bytes, printable};

/// The files of a run folder with their descriptions.
const FILES: [(&str, &str); 7] = [
    ("best.safetensors", "weights of the best epoch, in the names of the network's framework"),
    ("best.checkpoint", "everything at the best epoch"),
    ("last.checkpoint", "everything at the end; --resume goes on from it"),
    ("log.jsonl", "every step and every epoch, a line of JSON each"),
    ("curve.png", "the learning curve"),
    ("config.toml", "the configuration, all values filled in"),
    ("labels.txt", "the names of the classes"),
];

/// The report at the beginning: network, data and memory.
pub(super) fn header(device: &Device, trainer: &Trainer, loaders: &Loaders, folder: &Path) -> String {
    let (model, train) = (trainer.model(), &loaders.train);
    let [batch, h, w, _] = train.shape();
    let mut out = format!("Adapter  {}\n", device.info());
    if device.info().software() {
        out.push_str("         No GPU: this adapter computes on the CPU, slowly.\n");
    }
    let classes = train.dataset().class_names().len();
    let trained: usize = model.parameters.iter().filter(|p| p.trainable).map(|p| p.len()).sum();
    let all: usize = model.parameters.iter().filter(|p| p.kind.is_trainable()).map(|p| p.len()).sum();
    let frozen = if trained < all { format!(", {} of them frozen", all - trained) } else { String::new() };
    let held_out = loaders.validation.as_ref().map_or(0, |v| v.dataset().len());
    let (pictures, batches) = (train.dataset().len(), train.batches());
    let memory = Bytes(trainer.session().plan().peak_bytes());
    // Writing to a String cannot fail.
    let _ = writeln!(out, "Network  {}: {all} parameters{frozen}; {classes} classes", model.name);
    let _ = writeln!(out, "Data     {pictures} pictures to train on, {held_out} to validate on, seen at {h}x{w}");
    let f16 = if device.options().precision == Precision::F16 { ", activations in f16" } else { "" };
    let _ = writeln!(out, "Step     {batches} batches of {batch} per epoch; {memory} of device memory{f16}");
    if let Some(adapted) = trainer.adapted() {
        let _ = writeln!(out, "         in less memory: {adapted}");
    }
    let _ = writeln!(out, "Run      {}", shown(folder));
    let state = trainer.state();
    if state.step > 0 {
        let accepted = if state.changed_data { "; its data have changed on the way" } else { "" };
        let _ = writeln!(out, "         resumed after epoch {}, step {}{accepted}", state.epoch, state.step);
    }
    out
}

/// Tells that the device was opened again.
pub(super) fn recovered(recovery: &RecoveryRecord) -> String {
    let RecoveryRecord { step, resumed, reason, adapted, seconds } = recovery;
    let again = if resumed < step { format!(", which repeats {} steps", step - resumed) } else { String::new() };
    let adapted = adapted.as_ref().map_or_else(String::new, |way| format!(", with {way}"));
    let reason = printable(reason);
    format!(
        "\nDevice   {reason}\n         opened again after {seconds:.1} s; goes on after step {resumed}{again}{adapted}\n"
    )
}

/// Tells where a training goes on from, if that is not its last checkpoint.
pub(super) fn resumed_from(folder: &Path, checkpoint: Option<&Path>) -> String {
    let folder = shown(folder);
    match checkpoint.and_then(Path::file_name) {
        None => format!("Run      {folder} has no checkpoint: the training begins anew\n"),
        Some(name) if name == "last.checkpoint" => String::new(),
        Some(name) => format!("Run      {folder} has no last.checkpoint: it goes on from {}\n", name.to_string_lossy()),
    }
}

/// The report at the end: the outcome and the files.
pub(super) fn summary(outcome: &Outcome, watch: &Watch, loaders: &Loaders, folder: &Path) -> String {
    let Outcome { reason, epochs, steps, best, last } = outcome;
    let ended = match reason {
        Reason::Finished => "Finished",
        Reason::Stopped => "Nothing got better any more: stopped",
        Reason::Interrupted => "Interrupted",
    };
    let mut out = match reason {
        Reason::Interrupted => format!("{ended} in epoch {}, after step {steps}.\n", epochs + 1),
        Reason::Finished | Reason::Stopped => format!("{ended} after epoch {epochs}, step {steps}.\n"),
    };
    let watched = match watch {
        _ if loaders.validation.is_none() => "training loss".to_owned(),
        Watch::MeanIou => "validation mean IoU".to_owned(),
        watch => format!("validation {}", watch.metric().unwrap_or("loss").replace('_', " ")),
    };
    // Writing to a String cannot fail.
    if let Some(best) = best {
        let _ = writeln!(out, "Best {watched}: {best:.4}");
    }
    if let Some(record) = last {
        let _ = write!(out, "Last epoch: training loss {:.4}", record.train_loss);
        record.val_loss.iter().for_each(|loss| {
            let _ = write!(out, ", validation loss {loss:.4}");
        });
        for (name, value) in &record.metrics {
            let _ = write!(out, ", {} {value:.4}", name.replace('_', " "));
        }
        out.push('\n');
        out.push_str(&class_iou(&record.class_iou, loaders.train.dataset().class_names()));
        if let Some(skipped) = record.skipped {
            let _ = writeln!(out, "Steps skipped, their gradients being too large for f16: {skipped}");
        }
    }
    let _ = writeln!(out, "In {}:", shown(folder));
    for (name, what) in FILES.iter().filter(|(name, _)| folder.join(name).exists()) {
        let _ = writeln!(out, "  {name:<17} {what}");
    }
    if *reason == Reason::Interrupted {
        let _ = writeln!(out, "To go on: atrous train --resume {}", shown(folder));
    }
    out
}

/// The intersection over union of each class, `-` for a class that is neither in the validation masks nor predicted.
fn class_iou(iou: &[Option<f64>], names: &[String]) -> String {
    let figure = |value: &Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    let each: Vec<String> = names.iter().zip(iou).map(|(name, value)| format!("{name} {}", figure(value))).collect();
    if each.is_empty() { String::new() } else { format!("IoU of the classes: {}\n", each.join(", ")) }
}

/// Lists the files that could not be read and were skipped, if any, and the classes that nothing is left of.
pub(super) fn skipped(loaders: &Loaders) -> String {
    let all = [Some(("training data", &loaders.train)), loaders.validation.as_ref().map(|v| ("validation data", v))];
    let mut text = String::new();
    for (name, loader) in all.into_iter().flatten() {
        let skipped = loader.skipped();
        text.extend(skipped.iter().map(|skipped| format!("Skipped: {}\n", skipped.reason)));
        let indices: Vec<usize> = skipped.iter().map(|skipped| skipped.index).collect();
        let lost = lost(&**loader.dataset(), &indices);
        if !lost.is_empty() {
            let _ = writeln!(text, "warning: {name}: every picture of the class {} was skipped", lost.join(", "));
        }
    }
    text
}

/// The classes of which all pictures are among these.
fn lost(data: &dyn Dataset, skipped: &[usize]) -> Vec<String> {
    let class = |index: usize| data.class_of(index).map(|class| class as usize);
    let lost: HashSet<usize> = skipped.iter().filter_map(|index| class(*index)).collect();
    let skipped: HashSet<usize> = skipped.iter().copied().collect();
    // Nothing is looked through if nothing was skipped.
    let all = if lost.is_empty() { 0 } else { data.len() };
    let left: HashSet<usize> = (0..all).filter(|index| !skipped.contains(index)).filter_map(class).collect();
    let names =
        data.class_names().iter().enumerate().filter(|(class, _)| lost.contains(class) && !left.contains(class));
    names.map(|(_, name)| format!("\"{name}\"")).collect()
}

/// Warns of classes that are in the masks of the validation, but not in what is seen of them.
pub(super) fn unseen(outcome: &Outcome, validation: Option<&Survey>) -> String {
    let (Some(record), Some(survey)) = (&outcome.last, validation) else { return String::new() };
    let unseen = |(iou, count): (&Option<f64>, &ClassCount)| iou.is_none() && count.labels > 0;
    let each = record.class_iou.iter().zip(&survey.classes).zip(&survey.class_names);
    let unseen: Vec<String> = each.filter(|(class, _)| unseen(*class)).map(|(_, name)| format!("\"{name}\"")).collect();
    match unseen.is_empty() {
        true => String::new(),
        false => format!(
            "warning: validation data: masks have the class {}, but nothing is seen of it at this size: framing = \"stretch\" \
             (--framing stretch) shows whole pictures\n",
            unseen.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_that_is_nowhere_has_no_iou() {
        let names = ["a", "b"].map(str::to_owned);
        assert_eq!(class_iou(&[Some(0.5), None], &names), "IoU of the classes: a 0.5000, b -\n");
        assert_eq!(class_iou(&[], &names), "");
    }
}
