//! `cargo xtask examine`: what `atrous doctor` finds, as JSON for `cargo xtask adapters`, which runs this in a process of its own.

use std::io::Write;

use anyhow::{Context, Result};
use atrous::check::{Diagnosis, examine_blocking};
use atrous::{AdapterChoice, Device, DeviceOptions};
use serde::{Deserialize, Serialize};

use super::check::{Check, Outcome};

/// An adapter that was examined.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Examined {
    /// The adapter's name and driver.
    pub(super) adapter: String,
    /// What it does with numbers: questions and answers.
    pub(super) numbers: Vec<(String, String)>,
    /// One check for each variant or kernel.
    pub(super) checks: Vec<Check>,
}

/// Examines the adapter that the environment chooses.
///
/// # Errors
/// If there is none, or it is lost.
pub fn run(out: &mut impl Write) -> Result<()> {
    let device = Device::open_blocking(&AdapterChoice::from_env(), DeviceOptions::from_env()?)?;
    let found = examine_blocking(&device)?;
    serde_json::to_writer(&mut *out, &Examined::of(&found)).context("writing what was found")
}

impl Examined {
    fn of(found: &Diagnosis) -> Self {
        let mut adapter = found.adapter.clone();
        adapter.index = None;
        let fault = |variant: &str| {
            let texts = found.faults.iter().filter(|fault| fault.choice.variant == variant).map(ToString::to_string);
            let texts: Vec<String> = texts.collect();
            if texts.is_empty() { Outcome::Passed } else { Outcome::Failed(texts.join("\n")) }
        };
        let check = |variant: &&str| Check { name: (*variant).to_owned(), outcome: fault(variant) };
        Self {
            adapter: adapter.to_string(),
            numbers: found.numbers.answers().map(|(q, a)| (q.to_owned(), a.to_owned())).into(),
            checks: found.variants.iter().map(check).collect(),
        }
    }
}
