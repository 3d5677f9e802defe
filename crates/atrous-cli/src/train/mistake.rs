//! Error messages about configurations: they name the place, and speak of keys and TOML values instead of Rust types.

use std::path::PathBuf;

use atrous_files::excerpt;
use clap::{Args, Command};
use toml::de::DeTable;
use toml::{Table, Value};

use super::error::Failed;
use super::flags::Flags;

/// The sources of a configuration.
pub(super) struct Origin<'a> {
    /// The TOML file and its text.
    pub(super) file: Option<&'a (PathBuf, String)>,
    /// The table of the flags.
    pub(super) flags: &'a Table,
}

impl Origin<'_> {
    /// The error message for `error`, which occurred when `table`, or the value of its key `within`, was deserialised.
    pub(super) fn mistake(&self, within: Option<&str>, table: &Table, error: &toml::de::Error) -> Failed {
        let mut path: Vec<String> = within.into_iter().map(str::to_owned).chain(keys(error)).collect();
        let reason = reason(&mut path, table, error.message());
        Failed::Config { place: self.place(&path), reason }
    }

    /// The place of a key: the flags, or the line of the file with the key, or for a missing key that of its table.
    fn place(&self, path: &[String]) -> String {
        match self.file {
            Some((file, text)) if find(self.flags, path).is_none() => match line(text, path) {
                Some(line) => format!("{}, line {line}", atrous_files::shown(file)),
                None => atrous_files::shown(file),
            },
            _ => "the flags".to_owned(),
        }
    }
}

/// The path of keys to the value that serde rejected. `toml` prints it in the last line of the error.
fn keys(error: &toml::de::Error) -> Vec<String> {
    let text = error.to_string();
    let path = text.lines().last().and_then(|line| line.strip_prefix("in `")?.strip_suffix('`'));
    path.into_iter().flat_map(|path| path.split('.')).map(str::to_owned).collect()
}

fn find<'a>(table: &'a Table, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(table.get(first)?, |value, key| value.get(key))
}

/// The line of a key, counted from 1; if the text does not have the key, that of the innermost table around it.
fn line(text: &str, path: &[String]) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let (mut table, mut at) = (Some(document.get_ref()), None);
    for key in path {
        let Some((key, value)) = table.and_then(|table| table.iter().find(|(k, _)| k.get_ref() == key)) else { break };
        (table, at) = (value.get_ref().as_table(), Some(key.span().start));
    }
    Some(text.get(..at?)?.matches('\n').count() + 1)
}

/// Rewrites serde's message. Appends the key that the message is about to `path`.
fn reason(path: &mut Vec<String>, table: &Table, message: &str) -> String {
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let one_of = |names: &[&str]| names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    let key = |path: &[String]| excerpt(path.join("."));
    match names.split_first() {
        Some((name, known)) if message.starts_with("unknown field") => {
            path.push((*name).to_owned());
            let known_are = if known.is_empty() { String::new() } else { format!("; known are {}", one_of(known)) };
            format!("unknown key `{}`{}{known_are}", key(path), suggestion(name, known))
        }
        Some((name, known)) if message.starts_with("unknown variant") => {
            let is = |value: &Value| value.as_str() == Some(name);
            let tag =
                ["type", "kind"].into_iter().find(|tag| find(table, path).and_then(|v| v.get(tag)).is_some_and(is));
            path.extend(tag.map(str::to_owned));
            let verb = if find(table, path).is_some_and(is) { "is" } else { "has" };
            let (path, got) = (key(path), excerpt(name));
            format!("`{path}` {verb} \"{got}\"{}; known are {}", suggestion(name, known), one_of(known))
        }
        Some((name, _)) if message.starts_with("missing field") => {
            path.push((*name).to_owned());
            missing(path)
        }
        _ => match message.split_once(", expected ") {
            Some((got, wanted)) => {
                let got = got.split_once(": ").map_or(got, |(_, got)| got);
                path.extend(find(table, path).and_then(|value| holder(value, got)));
                let inside =
                    find(table, path).is_some_and(Value::is_array) && got != "sequence" && !got.starts_with(LENGTH);
                let what = if inside { "a value of " } else { "" };
                format!("{what}`{}` must be {}, got {}", key(path), excerpt(kind(wanted)), excerpt(shown(got)))
            }
            None => format!("`{}`: {}", key(path), excerpt(message)),
        },
    }
}

/// ` (did you mean …?)`, if a known name is similar.
fn suggestion(name: &str, known: &[&str]) -> String {
    let distance = |known: &&&str| strsim::osa_distance(name, known);
    match known.iter().min_by_key(distance).filter(|known| distance(known) <= 1 + name.len() / 4) {
        Some(known) => format!(" (did you mean `{known}`?)"),
        None => String::new(),
    }
}

/// The message for a missing key, with the flag or key that sets it.
fn missing(path: &[String]) -> String {
    let key = excerpt(path.join("."));
    let (Some(name), table) = (path.last(), &path[..path.len() - 1]) else { return format!("`{key}` is missing") };
    let place = if table.is_empty() { String::new() } else { format!("the table [{}] of ", excerpt(table.join("."))) };
    let flag = if key == "loss.weights" { "class-weights".to_owned() } else { name.replace('_', "-") };
    let flags = Flags::augment_args(Command::new("train"));
    let flag = flags.get_arguments().find(|a| a.get_long() == Some(&flag)).map_or_else(String::new, |argument| {
        let value = argument.get_value_names().and_then(<[_]>::first).map_or("", |name| name.as_str());
        format!("--{flag} {value}, or ")
    });
    format!("`{key}` is missing: add {flag}the key {name} to {place}the TOML file")
}

/// The key of a table whose value serde describes as `got`. For tables with a `type` or a `kind` serde's path ends at the table.
fn holder(value: &Value, got: &str) -> Option<String> {
    let unexpected = |value: &Value| match value {
        Value::String(text) => format!("string {text:?}"),
        Value::Integer(number) => format!("integer `{number}`"),
        Value::Float(number) => format!("floating point `{number:?}`"),
        Value::Boolean(value) => format!("boolean `{value}`"),
        Value::Array(_) => "sequence".to_owned(),
        Value::Table(_) => "map".to_owned(),
        Value::Datetime(_) => String::new(),
    };
    let mut keys = value.as_table()?.iter().filter(|(_, value)| unexpected(value) == got);
    let (key, _) = keys.next()?;
    keys.next().is_none().then(|| key.clone())
}

/// The description of the type that serde expected, without names of Rust types.
fn kind(wanted: &str) -> &str {
    match wanted {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0 on",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" => "text",
        "a sequence" => "a list",
        "an array of length 2" => "a list of 2 values",
        "a map" => "a table",
        _ if wanted.starts_with("struct ") || wanted.contains("tagged enum") => "a table",
        _ => wanted,
    }
}

/// The beginning of serde's message about a list of the wrong length.
const LENGTH: &str = "invalid length ";

/// The value that serde found, without serde's names of types.
fn shown(got: &str) -> String {
    match got {
        "sequence" => "a list".to_owned(),
        "map" => "a table".to_owned(),
        _ if got.starts_with(LENGTH) => format!("{} of them", &got[LENGTH.len()..]),
        _ => ["string ", "integer ", "floating point ", "boolean "]
            .iter()
            .find_map(|kind| got.strip_prefix(kind))
            .unwrap_or(got)
            .replace('`', ""),
    }
}
