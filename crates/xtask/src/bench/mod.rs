//! `cargo xtask bench`: whole networks and single operators, timed in one process so that figures can be compared.

mod compare;
mod device;
pub mod fingerprint;
mod measure;
mod program;
mod workload;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use atrous_kernels::known_variant;

use device::open;
use measure::{Measured, measure};
use workload::Workload;

/// Options of the benchmark.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Print one JSON object per workload instead of a table.
    #[arg(long)]
    json: bool,
    /// Only workloads whose name holds this text, such as W1, O or depthwise.
    #[arg(long, value_name = "TEXT", default_value = "")]
    filter: String,
    /// Timed runs per workload, after a first one that is reported apart.
    #[arg(long, value_name = "N", default_value_t = 5)]
    runs: usize,
    /// Serve operators by this kernel variant wherever it is legal.
    #[arg(long, value_name = "VARIANT")]
    variant: Option<String>,
    /// Before a workload is timed, search for its fastest kernels for so many seconds.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "2")]
    tune: Option<f64>,
    /// Compare with other programs' lines of JSON (peer, workload, median_ms, peak_rss_mb). If all workloads run, the tables in
    /// docs/benchmarks.md are written anew.
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
}

/// Measures every workload that the filter selects.
///
/// # Errors
/// If there is no adapter, no such workload, or a run fails.
pub fn run(options: &Options, out: &mut impl Write) -> Result<()> {
    ensure!(options.runs > 0, "--runs must be at least 1");
    let wanted = options.filter.to_lowercase();
    let workloads: Vec<Workload> =
        workload::all().into_iter().filter(|w| w.name.to_lowercase().contains(&wanted)).collect();
    ensure!(!workloads.is_empty(), "no workload's name holds \"{}\"; there are {}", options.filter, workload::names());
    let variant = options.variant.as_deref().map(known_variant).transpose()?;
    let tune = options.tune.map(Duration::try_from_secs_f64).transpose().context("--tune")?;

    if !options.json {
        writeln!(out, "adapter: {}", open()?.info())?;
        writeln!(out, "{}", Measured::HEADER)?;
    }
    let peers = options.compare.as_deref().map(compare::read).transpose()?;
    let mut all = Vec::new();
    for workload in &workloads {
        let named = || workload.name.to_owned();
        if let Some(budget) = tune {
            let report = program::tune(&workload.build()?, budget).with_context(named)?;
            if !options.json {
                writeln!(out, "\n{report}")?;
            }
        }
        let measured = measure(workload, options.runs, variant).with_context(named)?;
        if options.json {
            writeln!(out, "{}", serde_json::to_string(&measured)?)?;
        } else {
            writeln!(out, "{measured}")?;
        }
        all.push(measured);
    }
    if let Some(peers) = peers {
        let comparison = compare::table(&all, &peers);
        writeln!(out, "\n{comparison}")?;
        if wanted.is_empty() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/benchmarks.md");
            let info = open()?.info().clone();
            let document = compare::update(&std::fs::read_to_string(path)?, &info.to_string(), &all, &comparison);
            std::fs::write(path, document.with_context(|| path.to_owned())?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_variant_is_refused_before_anything_runs() {
        let options = Options {
            json: false,
            filter: "O1".to_owned(),
            runs: 1,
            variant: Some("gemm_titled".to_owned()),
            tune: None,
            compare: None,
        };
        let mut out = Vec::new();
        let error = run(&options, &mut out).unwrap_err().to_string();
        assert!(error.contains("\"gemm_titled\"; similar names: gemm_tiled") && out.is_empty(), "{error}");
    }
}
