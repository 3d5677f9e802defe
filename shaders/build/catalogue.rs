//! What `catalogue.toml` says: codes, groups of constants, and kernels with their axes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// All of the catalogue.
pub(crate) struct Catalogue {
    pub(crate) codes: BTreeMap<String, Codes>,
    pub(crate) groups: BTreeMap<String, Group>,
    /// By name, `family/kernel`.
    pub(crate) kernels: BTreeMap<String, Kernel>,
}

/// Numbers with names: what an override says by a number.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Codes {
    /// What the numbers choose, a sentence for the documentation.
    pub(crate) about: String,
    /// What stands before the names in the text.
    #[serde(default)]
    pub(crate) prefix: String,
    /// The names of 0, 1, 2 and so on: `import constants::NAME` in the text, a variant of an enum in Rust.
    pub(crate) names: Vec<String>,
}

impl Codes {
    /// Names in the text, and their numbers.
    pub(crate) fn constants(&self) -> impl Iterator<Item = (String, u32)> {
        self.names.iter().map(|name| format!("{}{name}", self.prefix)).zip(0..)
    }
}

/// Overrides that several kernels have in common: one struct in Rust. A kernel gets those that it declares.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    /// What they are, a sentence for the documentation.
    pub(crate) about: String,
    pub(crate) constants: Vec<String>,
    /// Overrides that hold codes, and which.
    #[serde(default)]
    pub(crate) codes: BTreeMap<String, String>,
}

/// One kernel: its link-time axes, and what its overrides mean.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kernel {
    /// Boolean features, tested in the text by `@if(flag)`.
    #[serde(default)]
    pub(crate) flags: Vec<String>,
    /// Integer constants, read by `import constants::NAME`, tested by `@if(NAME_4)`.
    #[serde(default)]
    pub(crate) constants: BTreeMap<String, Vec<u32>>,
    /// Flags that come only with another.
    #[serde(default)]
    pub(crate) requires: BTreeMap<String, String>,
    /// Flags, or constants as `NAME=value`, that a flag never comes with.
    #[serde(default)]
    pub(crate) excludes: BTreeMap<String, Vec<String>>,
    /// The variants to keep of the cross product; absent: all.
    pub(crate) only: Option<Vec<String>>,
    /// Overrides that choose what is computed: they stay such with the flag [`SIZED`](crate::sizes::SIZED).
    #[serde(default)]
    pub(crate) fixed: Vec<String>,
    /// The text uses extensions whose names the linker does not know, so it does not look for undeclared ones; the tests do.
    #[serde(default)]
    pub(crate) extended: bool,
    /// Groups that some of its overrides belong to.
    #[serde(default)]
    pub(crate) groups: Vec<String>,
    /// Overrides that hold codes, and which.
    #[serde(default)]
    pub(crate) codes: BTreeMap<String, String>,
    /// Overrides that are 0 or 1.
    #[serde(default)]
    pub(crate) switches: Vec<String>,
}

impl Catalogue {
    /// Reads and checks `catalogue.toml`; panics where it contradicts itself.
    pub(crate) fn read(root: &Path) -> Self {
        let text = fs::read_to_string(root.join("catalogue.toml")).expect("shaders/catalogue.toml");
        let mut table: Table = text.parse().unwrap_or_else(|e| panic!("shaders/catalogue.toml: {e}"));
        let codes = entries("codes", table.remove("codes"));
        let groups = entries("groups", table.remove("groups"));
        let families = table.into_iter().flat_map(|(family, kernels)| {
            let named = entries::<Kernel>(&family, Some(kernels)).into_iter();
            named.map(move |(name, kernel)| (format!("{family}/{name}"), kernel))
        });
        let catalogue = Self { codes, groups, kernels: families.collect() };
        catalogue.check();
        catalogue
    }

    /// The constants of all codes.
    pub(crate) fn code_constants(&self) -> impl Iterator<Item = (String, u32)> {
        self.codes.values().flat_map(Codes::constants)
    }

    /// The values that a constant of this name has in any kernel: helpers ask for each of them.
    pub(crate) fn values(&self, constant: &str) -> BTreeSet<u32> {
        self.kernels.values().filter_map(|kernel| kernel.constants.get(constant)).flatten().copied().collect()
    }

    /// Whether a constant belongs to a group of a kernel.
    pub(crate) fn is_grouped(&self, kernel: &Kernel, constant: &str) -> bool {
        kernel.groups.iter().any(|name| self.groups[name].constants.iter().any(|other| other == constant))
    }

    fn check(&self) {
        let mut names = BTreeSet::new();
        for (name, _) in self.code_constants() {
            assert!(!names.contains(&name), "catalogue.toml: two codes are named {name}");
            names.insert(name);
        }
        for (name, group) in &self.groups {
            self.check_codes(&format!("groups.{name}"), &group.codes);
            for constant in group.codes.keys() {
                assert!(
                    group.constants.contains(constant),
                    "catalogue.toml: [groups.{name}] lacks its code {constant}"
                );
            }
        }
        for (name, kernel) in &self.kernels {
            self.check_codes(name, &kernel.codes);
            let mut constants = BTreeSet::new();
            for group in &kernel.groups {
                let known = self.groups.get(group);
                let known = known.unwrap_or_else(|| panic!("catalogue.toml: `{name}` names no group: {group}"));
                for constant in &known.constants {
                    assert!(constants.insert(constant), "catalogue.toml: `{name}` has {constant} in two groups");
                }
            }
        }
    }

    fn check_codes(&self, entry: &str, codes: &BTreeMap<String, String>) {
        for table in codes.values() {
            assert!(self.codes.contains_key(table), "catalogue.toml: `{entry}` names no codes: {table}");
        }
    }
}

/// The entries of a table of the file.
fn entries<T: DeserializeOwned>(table: &str, value: Option<Value>) -> BTreeMap<String, T> {
    let entry = |(name, value): (String, Value)| {
        let entry = value.try_into().unwrap_or_else(|e| panic!("catalogue.toml: [{table}.{name}]: {e}"));
        (name, entry)
    };
    match value {
        Some(Value::Table(entries)) => entries.into_iter().map(entry).collect(),
        Some(_) => panic!("catalogue.toml: `{table}` is no table"),
        None => BTreeMap::new(),
    }
}
