//! `atrous train`.

mod config;
mod data;
mod error;
mod flags;
mod folder;
mod held_out;
mod mistake;
mod optimizer;
mod options;
mod path;
mod report;
mod source;
mod survey;
mod tables;
mod tuning;
mod value_map;

use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use atrous::graph::Shape;
use atrous::graph::passes::Precision;
use atrous::io::WeightFile;
use atrous::nn::{Init, Mode, Model, Network, zoo};
use atrous::train::data::PictureSet;
use atrous::train::log::Record;
use atrous::train::objective::Labelled;
use atrous::train::{Reason, RunFolder, TrainError, TrainOptions, Trainer};
use atrous::{AdapterChoice, Device, DeviceOptions, Weights};
use atrous_files::shown;

use crate::output::{announce_kernels, print, printable, say};
use crate::signals::{INTERRUPTED, watch_for_interrupts};
use config::Config;
use data::Loaders;
use error::{Failed, Result};
use folder::Folder;
use held_out::Before;

pub(crate) use flags::Flags;

/// Trains a network and prints a report.
pub(crate) fn train(flags: &Flags) -> ExitCode {
    match run(flags) {
        Ok((text, Reason::Interrupted)) => {
            print(&text);
            INTERRUPTED.into()
        }
        Ok((text, _)) => print(&text),
        Err(error) => {
            say(&format!("error: {}\n", printable(&error.to_string())));
            ExitCode::FAILURE
        }
    }
}

/// The `config.toml` of the training that these flags ask for, once data, network and options were checked without a device.
pub(crate) fn prepared(flags: &Flags) -> Result<String> {
    Ok(Prepared::new(flags)?.config.to_toml()?)
}

/// All of a training that needs no device, checked.
struct Prepared {
    config: Config,
    budget: Option<u64>,
    network: Arc<dyn Network>,
    model: Model,
    loaders: Loaders,
    /// What a training that goes on held out before.
    before: Before,
    options: TrainOptions,
    objective: Labelled,
}

impl Prepared {
    fn new(flags: &Flags) -> Result<Self> {
        let mut config = Config::read(flags)?;
        let network = zoo::network(&config.model)?;
        let budget = config.budget()?;
        let before = Before::of(flags)?;
        let loaders = config.loaders(&network.info(), &before)?;
        let network = network.with_classes(loaders.train.dataset().class_names().len())?;
        let [n, h, w, c] = loaders.train.shape();
        let model = network.build(&config.model, Shape::new(n, h, w, c), Mode::Training).map_err(|error| {
            let error = error.into();
            Failed::Size { error, h, w }
        })?;
        let frozen = config.frozen(&model)?;
        let options = config.options(loaders.train.batches(), frozen, flags)?;
        options.validate()?;
        let objective = config.objective();
        objective.validate(loaders.train.dataset().class_names().len())?;
        Ok(Self { config, budget, network, model, loaders, before, options, objective })
    }
}

fn run(flags: &Flags) -> Result<(String, Reason)> {
    let Prepared { mut config, budget, network, model, loaders, before, mut options, objective } =
        Prepared::new(flags)?;
    let validation = config.survey(&loaders)?;

    let checkpoint = flags.resume.as_ref().and_then(RunFolder::checkpoint_in);
    // A resumed training takes all parameters from its checkpoint.
    let weights = if checkpoint.is_some() { None } else { first_weights(&config, &model)? };

    let device = open(&mut config, budget)?;
    announce_kernels(&device);
    let folder = Folder::of(&config)?;
    let folder = folder.path();
    options.run_folder = Some(folder.to_owned());
    let mut training = Trainer::builder(&device, network.clone(), loaders.train.clone())
        .name(&config.model)
        .objective(objective)
        .validate(loaders.validation.clone())
        .options(options);
    if let Some(weights) = weights {
        training = training.weights(&weights);
    }
    let mut trainer = training.build().map_err(|error| Failed::begun(error, folder))?;
    let labels = loaders.train.dataset().class_names().join("\n") + "\n";
    write_files(folder, [("config.toml", config.to_toml()?), ("labels.txt", labels)])?;
    if flags.resume.is_some() {
        say(&report::resumed_from(folder, checkpoint.as_deref()));
    }
    if let Some(validation) = loaders.validation.as_ref().filter(|_| trainer.state().changed_data && loaders.held_out) {
        let pictures = PictureSet::of(&**validation.dataset());
        say(&held_out::remark(&before, pictures.len()).unwrap_or_default());
    }
    say(&report::header(&device, &trainer, &loaders, folder));

    let interrupted = watch_for_interrupts().map_err(Failed::Signal)?;
    let go_on = |record: &Record| {
        if let Record::Recovery(recovery) = record {
            say(&report::recovered(recovery));
        }
        match interrupted.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    let fitted = trainer.fit_with(go_on);
    say(&report::skipped(&loaders));
    let outcome = fitted.map_err(|error| Failed::Broken { kept: kept(&error, folder), error: error.into() })?;
    say(&report::unseen(&outcome, validation.as_ref()));
    let text = report::summary(&outcome, &config.watch, &loaders, folder);
    Ok((text, outcome.reason))
}

/// The first parameters, if the configuration names a weights file: tensors of the file where they fit, all others drawn with the seed.
/// Prints which are which.
fn first_weights(config: &Config, model: &Model) -> Result<Option<Weights>> {
    let Some(path) = &config.weights else { return Ok(None) };
    let prefix = config.weights_prefix.as_deref().unwrap_or_default();
    let (file, any_values) = (WeightFile::open(path)?, config.allow_non_finite == Some(true));
    let file = if any_values { file.allow_non_finite() } else { file };
    let weights = file.bind_partial(model, prefix, Init::new(model, config.seed))?;
    say(&format!("Weights  {}", tuning::describe(&weights, model)));
    let weights = Weights::source(weights);
    Ok(Some(if any_values { weights.allow_non_finite() } else { weights }))
}

/// Opens the device, and sets the configuration's precision to the device's.
fn open(config: &mut Config, memory_budget: Option<u64>) -> Result<Device, atrous::Error> {
    let adapter = AdapterChoice::parse(config.adapter.as_deref().unwrap_or("auto"));
    let mut options = DeviceOptions { memory_budget, ..DeviceOptions::from_env()? };
    options.precision = match config.precision {
        None => options.precision,
        Some(config::Precision::F32) => Precision::F32,
        Some(config::Precision::F16) => Precision::F16,
    };
    config.precision = Some(match options.precision {
        Precision::F32 => config::Precision::F32,
        Precision::F16 => config::Precision::F16,
    });
    Ok(Device::open_blocking(&adapter, options)?)
}

/// The part of an error message that tells how a failed training goes on.
fn kept(error: &TrainError, folder: &Path) -> String {
    let last = folder.join("last.checkpoint");
    match (error, last.exists()) {
        (TrainError::Saved { .. }, _) => {
            let skip = match error.reason() {
                TrainError::Data(error) if error.is_broken_sample() => " (--on-broken skip leaves such samples out)",
                _ => "",
            };
            format!("to go on: atrous train --resume {}{skip}", shown(folder))
        }
        (_, true) => format!("the last good checkpoint is {}", shown(&last)),
        (_, false) => "no checkpoint was written before".to_owned(),
    }
}

/// Writes files of the run folder, each completely or not at all. The trainer must hold the folder's lock.
fn write_files(folder: &Path, files: [(&str, String); 2]) -> Result<(), Failed> {
    for (name, text) in files {
        let path = folder.join(name);
        atrous_files::remove_leftovers(folder, &[name])
            .and_then(|()| atrous_files::write(&path, |file| file.write_all(text.as_bytes())))
            .map_err(|source| Failed::Io { action: "write", path, source })?;
    }
    Ok(())
}
