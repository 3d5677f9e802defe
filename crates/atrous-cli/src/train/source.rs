//! Reads a configuration from a file and flags.

use std::path::{Path, PathBuf, absolute};

use atrous_files::{excerpt, shown};
use toml::{Table, Value};

use super::config::Config;
use super::error::Failed;
use super::flags::Flags;
use super::mistake::Origin;
use super::optimizer;
use super::path::FilePath;
use super::tables::{lay, shorten};

const DEFAULTS: &str = include_str!("defaults.toml");
const NO_NETWORK: &str =
    "no network is given: add --model NAME, or model = \"NAME\" to the file; `atrous models` lists the names";
const NO_DATA: &str = "no data are given: add --data KIND, such as `--data shapes` or `--data image-folder --path FOLDER`, or a table \
                       [data] with a kind to the file";
/// Largest configuration that is read, in bytes.
const MAX_BYTES: u64 = 16 << 20;
/// Keys whose values are paths; `table.key` for keys in tables.
const PATHS: [&str; 6] =
    ["weights", "run_folder", "data.path", "data.masks", "data.validation", "data.validation_masks"];

impl Config {
    /// Reads the configuration: flags come before the file, if there is one, and the file before defaults. Paths become absolute; those in
    /// the file are relative to its folder.
    pub(super) fn read(flags: &Flags) -> Result<Self, Failed> {
        flags.resume.as_deref().map_or(Ok(()), check_run)?;
        let file = match (&flags.config, &flags.resume) {
            (Some(file), _) => Some(file.to_path_buf()),
            (None, Some(folder)) => Some(run_file(folder)?),
            (None, None) => None,
        };
        let file = file.map(|path| read_file(&path).map(|text| (path, text))).transpose()?;
        let given = flag_table(flags).map_err(|reason| Failed::Config { place: "the flags".to_owned(), reason })?;
        let origin = Origin { file: file.as_ref(), flags: &given };
        let mut table: Table = DEFAULTS.parse().expect("the defaults are a TOML table");
        if let Some((path, text)) = &file {
            lay(&mut table, parse(path, text)?);
        }
        if given.get("data").is_some_and(|data| data.get("validation").is_some()) {
            // The flag wins over the file, and the two exclude each other.
            table.get_mut("data").and_then(Value::as_table_mut).map(|data| data.remove("split"));
        }
        lay(&mut table, given.clone());
        // Without a kind, `data` counts as missing, so that the message is NO_DATA and mistakes in other keys are reported first.
        let data = table.get("data").and_then(Value::as_table);
        if data.is_none_or(|data| !data.contains_key("kind")) {
            table.remove("data");
        }
        if let Some(steps) = flags.warmup {
            let then = table.remove("schedule").unwrap_or(Value::Table(Table::new()));
            let steps = Value::Integer(steps.into());
            let warmup = [("type", "warmup".into()), ("steps", steps), ("then", then)];
            table.insert("schedule".to_owned(), Table::from_iter(warmup.map(|(k, v)| (k.to_owned(), v))).into());
        }
        if let Some(Value::Table(optimizer)) = table.get_mut("optimizer") {
            optimizer::fill(optimizer);
        }
        let mut config: Self = table.clone().try_into().map_err(|e: toml::de::Error| match e.message() {
            "missing field `model`" => Failed::Missing(NO_NETWORK),
            "missing field `data`" => Failed::Missing(NO_DATA),
            _ => origin.mistake(None, &table, &e),
        })?;
        config.check_schedule().map_err(|e| origin.mistake(Some("schedule"), &table, &e))?;
        if flags.resume.is_some() {
            config.run_folder.clone_from(&flags.resume);
        }
        Ok(config)
    }

    /// The configuration as the text of a TOML file.
    pub(super) fn to_toml(&self) -> Result<String, Failed> {
        let bad = |e: toml::ser::Error| Failed::Config { place: "config.toml".to_owned(), reason: e.to_string() };
        let mut table = Table::try_from(self).map_err(bad)?;
        // These tables hold f32 values, which are stored as f64.
        for key in ["aux_weight", "loss"] {
            if let Some(value) = table.get_mut(key) {
                shorten(value);
            }
        }
        toml::to_string(&table).map_err(bad)
    }
}

/// The configuration file of the training in a run folder.
fn run_file(folder: &Path) -> Result<PathBuf, Failed> {
    let file = folder.join("config.toml");
    if file.is_file() { Ok(file) } else { no_run(folder, "it has no config.toml") }
}

/// Checks that a path is a folder.
fn check_run(folder: &Path) -> Result<(), Failed> {
    match () {
        () if folder.is_dir() => Ok(()),
        () if folder.exists() => no_run(folder, "it is a file, not a folder"),
        () => no_run(folder, "there is no such folder"),
    }
}

fn no_run<T>(folder: &Path, lack: &'static str) -> Result<T, Failed> {
    Err(Failed::NoRun { folder: folder.to_owned(), lack })
}

fn read_file(path: &Path) -> Result<String, Failed> {
    atrous_files::read_text(path, MAX_BYTES).map_err(|source| Failed::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })
}

/// Parses a file's text and makes its paths absolute.
fn parse(path: &Path, text: &str) -> Result<Table, Failed> {
    let mut table: Table = text.parse().map_err(|e: toml::de::Error| Failed::Config {
        place: place_of(path, text, &e),
        reason: excerpt(one_line(e.message())),
    })?;
    let folder = absolute(path).map_err(|source| Failed::Io { action: "read", path: path.to_owned(), source })?;
    resolve(&mut table, folder.parent().unwrap_or(Path::new(".")));
    Ok(table)
}

/// The file and the line of a TOML error.
fn place_of(path: &Path, text: &str, error: &toml::de::Error) -> String {
    let at = error.span().and_then(|span| text.get(..span.start));
    let path = shown(path);
    at.map_or_else(|| path.clone(), |text| format!("{path}, line {}", text.matches('\n').count() + 1))
}

/// The given flags as a table with the keys of the TOML file.
fn flag_table(flags: &Flags) -> Result<Table, String> {
    let mut table = Table::try_from(flags).map_err(|e| e.to_string())?;
    table.retain(|_, value| value.as_table().is_none_or(|table| !table.is_empty()));
    if let Some(sum) = flags.loss.sum() {
        table.insert("loss".to_owned(), sum.into());
    }
    let here = std::env::current_dir().map_err(|e| e.to_string())?;
    resolve(&mut table, &here);
    Ok(table)
}

/// Makes paths absolute.
fn resolve(table: &mut Table, folder: &Path) {
    for key in PATHS {
        let value = match key.split_once('.') {
            Some((outer, inner)) => table.get_mut(outer).and_then(|value| value.get_mut(inner)),
            None => table.get_mut(key),
        };
        let path = value.as_deref().and_then(|value| value.clone().try_into::<FilePath>().ok());
        let absolute = path.and_then(|path| Value::try_from(path.within(folder)).ok());
        if let (Some(value), Some(absolute)) = (value, absolute) {
            *value = absolute;
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
