//! Whole networks.

mod bounds;
mod definition;
mod entry;
mod eval;
mod images;
mod network;
mod steps;
mod taps;
mod train;
mod training;

use std::io::Write;
use std::time::Instant;

use anyhow::Result;
use atrous_graph::passes::Precision;

use super::{CaseError, Executor, Folder, Options, Report, folder::Listed};
use entry::Entry;
use images::Photographs;
use network::Network;

/// Runs all cases of all networks that the options ask for, one network after the other.
pub(super) fn run(
    options: &Options,
    folder: &Folder,
    executor: &Executor,
    report: &mut Report<'_>,
    notes: &mut dyn Write,
) -> Result<()> {
    let entries: Vec<Listed<Entry>> = folder.json("models.json")?;
    let photographs = Photographs::read(folder)?;
    for entry in &entries {
        let entry = match entry.known() {
            Ok(entry) => entry,
            Err((name, why)) => {
                if options.wants(&name) {
                    report.case(&name, &Err(why))?;
                }
                continue;
            }
        };
        // Sessions that return activations store them in f32, so there is nothing to test in f16.
        let runs = |name: &String| executor.precision() == Precision::F32 || !name.ends_with("/taps");
        let wanted = entry.cases().into_iter().filter(|name| options.wants(name)).filter(runs);
        let wanted: Vec<String> = wanted.collect();
        if wanted.is_empty() {
            continue;
        }
        let network = Network::load(entry, folder, executor).map_err(|error| CaseError::failed(format!("{error:#}")));
        for name in &wanted {
            let start = Instant::now();
            let result = network.as_ref().map_err(Clone::clone).and_then(|network| check(network, name, &photographs));
            report.case(name, &result)?;
            writeln!(notes, "  {name}: {:.1} s", start.elapsed().as_secs_f64())?;
        }
    }
    Ok(())
}

/// Runs one case of a network.
fn check(network: &Network<'_>, name: &str, photographs: &Photographs) -> Result<(), CaseError> {
    let parameters = network.parameters.clone()?;
    match name.strip_prefix(&network.entry.name).unwrap_or(name) {
        "/taps" => taps::check(network, parameters, photographs),
        "/train" => train::check(network, photographs),
        other => match other.strip_prefix("/eval.").and_then(|id| network.entry.eval.get(id)) {
            Some(eval) => eval::check(network, eval, photographs),
            None => Err(CaseError::Unsupported(format!("a case named \"{other}\""))),
        },
    }
}
