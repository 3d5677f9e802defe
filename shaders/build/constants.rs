//! The constants of a kernel as its Rust interface sorts and writes them.

use std::collections::BTreeMap;

use crate::catalogue::{Catalogue, Kernel};
use crate::fields::{Declared, Fields};
use crate::interface::Type;
use crate::rust::camel;

/// The constants of a kernel by the struct that they are in.
pub(crate) struct Constants {
    /// Those in the kernel's own struct.
    pub(crate) always: Vec<Constant>,
    /// Those too, but optional: not every variant declares them.
    pub(crate) sometimes: Vec<Constant>,
    /// By flag: those that come with it and with nothing else, in a struct that the axes hold.
    pub(crate) brought: Vec<(String, Vec<Constant>)>,
    /// By group: those of it that the kernel declares.
    pub(crate) grouped: Vec<(String, Vec<Constant>)>,
}

/// A constant, or an array of them.
pub(crate) struct Constant {
    /// Its name as an override; of an array without the number.
    pub(crate) name: String,
    /// The overrides of an array; of a single one, itself.
    pub(crate) overrides: Vec<String>,
    pub(crate) value: Value,
    /// Whether every variant declares it.
    pub(crate) always: bool,
}

/// What a constant is in Rust.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Number(Type),
    Switch,
    /// Of this table of codes.
    Code(String),
}

impl Constants {
    pub(crate) fn of(file: &str, kernel: &Kernel, fields: &Fields, catalogue: &Catalogue) -> Self {
        let mut sorted = Self { always: Vec::new(), sometimes: Vec::new(), brought: Vec::new(), grouped: Vec::new() };
        sorted.brought.extend(kernel.flags.iter().map(|flag| (flag.clone(), Vec::new())));
        for group in &kernel.groups {
            let of = &catalogue.groups[group];
            let declared = of.constants.iter().filter_map(|name| Some((name, fields.constants.get(name)?)));
            let constants =
                declared.map(|(name, c)| Constant::of(name, c, Value::of(file, name, c.ty, &of.codes, &[])));
            sorted.grouped.push((group.clone(), constants.collect()));
        }
        for (name, field) in &fields.constants {
            if catalogue.is_grouped(kernel, name) {
                continue;
            }
            let value = Value::of(file, name, field.ty, &kernel.codes, &kernel.switches);
            let list = match &field.declared {
                Declared::Always => &mut sorted.always,
                Declared::Sometimes => &mut sorted.sometimes,
                Declared::With(flag) => {
                    let (_, list) = sorted.brought.iter_mut().find(|(f, _)| f == flag).expect("a flag of the kernel");
                    list
                }
            };
            list.push(Constant::of(name, field, value));
        }
        sorted.brought.retain(|(_, constants)| !constants.is_empty());
        sorted
    }

    /// Those that come with a flag, if any do.
    pub(crate) fn with(&self, flag: &str) -> Option<&[Constant]> {
        self.brought.iter().find(|(f, _)| f == flag).map(|(_, constants)| &constants[..])
    }

    /// Whether the kernel has a struct of constants beside its axes.
    pub(crate) fn is_struct(&self) -> bool {
        !(self.always.is_empty() && self.sometimes.is_empty() && self.grouped.is_empty())
    }
}

impl Constant {
    fn of(name: &str, field: &crate::fields::Constant, value: Value) -> Self {
        let always = field.declared == Declared::Always;
        Self { name: name.to_owned(), overrides: field.overrides.clone(), value, always }
    }

    /// The name of its field.
    pub(crate) fn field(&self) -> String {
        self.name.to_lowercase()
    }

    pub(crate) fn is_array(&self) -> bool {
        self.overrides[0] != self.name
    }

    pub(crate) fn rust_type(&self) -> String {
        let ty = self.value.rust_type();
        if self.is_array() { format!("[{ty}; {}]", self.overrides.len()) } else { ty }
    }

    /// Its overrides, and their numbers where `expression` is its value.
    pub(crate) fn numbers(&self, expression: &str) -> Vec<(&str, String)> {
        let element = |i: usize| if self.is_array() { format!("{expression}[{i}]") } else { expression.to_owned() };
        let overrides = self.overrides.iter().enumerate();
        overrides.map(|(i, name)| (name.as_str(), self.value.number(&element(i)))).collect()
    }
}

impl Value {
    /// Of a constant of this type in a kernel, or group, with these codes and switches.
    pub(crate) fn of(file: &str, name: &str, ty: Type, codes: &BTreeMap<String, String>, switches: &[String]) -> Self {
        let value = match codes.get(name) {
            Some(table) => Self::Code(table.clone()),
            None if switches.iter().any(|switch| switch == name) => Self::Switch,
            None => return Self::Number(ty),
        };
        assert!(ty == Type::U32, "{file}: {name} is a code or a switch, but of the type {ty:?}");
        value
    }

    pub(crate) fn rust_type(&self) -> String {
        match self {
            Self::Number(Type::U32) => "usize".to_owned(),
            Self::Number(Type::F32) => "f64".to_owned(),
            Self::Switch => "bool".to_owned(),
            Self::Code(table) => format!("crate::codes::{}", camel(table)),
        }
    }

    /// A Rust expression as the number that a pipeline is told.
    fn number(&self, expression: &str) -> String {
        match self {
            Self::Number(Type::U32) => format!("{expression} as f64"),
            Self::Number(Type::F32) => expression.to_owned(),
            Self::Switch => format!("f64::from(u8::from({expression}))"),
            Self::Code(_) => format!("f64::from({expression} as u32)"),
        }
    }
}
