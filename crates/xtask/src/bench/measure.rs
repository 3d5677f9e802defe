//! Measurement of one workload.

use std::fmt;
use std::time::Instant;

use anyhow::Result;
use serde::Serialize;

use super::device::open;
use super::program::{Program, Values};
use super::workload::Workload;

/// The figures of one workload.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Measured {
    pub(super) workload: &'static str,
    adapter: String,
    /// Time to the first result, from opening the device on, in seconds.
    warm_up_s: f64,
    /// The part of `warm_up_s` spent compiling pipelines.
    compile_s: f64,
    /// Median and minimum of the timed runs (upload, compute pass and readback), in milliseconds.
    pub(super) median_ms: f64,
    min_ms: f64,
    runs: usize,
    /// Two operations per multiply-accumulate, divided by the median time.
    gflops: f64,
    predicted_peak_bytes: u64,
    measured_peak_bytes: u64,
    /// Peak memory of this process during the workload; `None` if the system does not report it.
    pub(super) peak_rss_mb: Option<f64>,
    /// Dispatches per run.
    dispatches: u64,
    submits: u64,
}

pub(super) fn measure(workload: &Workload, runs: usize, variant: Option<&'static str>) -> Result<Measured> {
    reset_peak_rss();
    let built = workload.build()?;
    let values = Values::of(&built.graph);
    let start = Instant::now();
    let device = open()?;
    let mut program = Program::new(&device, &built, variant)?;
    program.run(&values.inputs())?;
    let warm_up_s = start.elapsed().as_secs_f64();

    let mut times = Vec::with_capacity(runs);
    for _ in 0..runs {
        let start = Instant::now();
        program.run(&values.inputs())?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let median_ms = (times[(runs - 1) / 2] + times[runs / 2]) / 2.0;
    let (plan, measured, counters) = program.figures();
    Ok(Measured {
        workload: workload.name,
        adapter: device.info().name.clone(),
        warm_up_s,
        compile_s: device.compile_time().as_secs_f64(),
        median_ms,
        min_ms: times[0],
        runs,
        gflops: 2.0 * plan.macs() as f64 / median_ms / 1e6,
        predicted_peak_bytes: plan.peak_bytes(),
        measured_peak_bytes: measured,
        peak_rss_mb: peak_rss_mb(),
        dispatches: counters.dispatches / (runs as u64 + 1),
        submits: counters.submits / (runs as u64 + 1),
    })
}

/// Peak resident memory of this process since the last reset (Linux: `VmHWM`, see proc_pid_status(5)).
fn peak_rss_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix("kB")?;
    kib.trim().parse::<f64>().ok().map(|kib| kib * 1024.0 / 1e6)
}

/// Resets the peak of resident memory (Linux: proc_pid_clear_refs(5)); on other systems it does nothing.
fn reset_peak_rss() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

impl Measured {
    /// All figures as a Markdown table.
    pub(super) fn markdown(measured: &[Self]) -> String {
        let heads = "| workload | warm-up s | compile s | median ms | min ms | GFLOP/s | peak MB predicted | measured | dispatches |";
        let rows = measured.iter().map(|m| {
            let (predicted, peak) = (m.predicted_peak_bytes as f64 / 1e6, m.measured_peak_bytes as f64 / 1e6);
            format!(
                "| {} | {:.2} | {:.2} | {:.1} | {:.1} | {:.1} | {predicted:.1} | {peak:.1} | {} |\n",
                m.workload, m.warm_up_s, m.compile_s, m.median_ms, m.min_ms, m.gflops, m.dispatches
            )
        });
        format!("{heads}\n|---|---|---|---|---|---|---|---|---|\n{}", rows.collect::<String>())
    }

    /// Example figures for tests.
    #[cfg(test)]
    pub(super) fn example(workload: &'static str, median_ms: f64) -> Self {
        Self {
            workload,
            adapter: String::new(),
            warm_up_s: 1.0,
            compile_s: 0.5,
            median_ms,
            min_ms: median_ms,
            runs: 1,
            gflops: 1.0,
            predicted_peak_bytes: 1,
            measured_peak_bytes: 1,
            peak_rss_mb: Some(60.0),
            dispatches: 1,
            submits: 1,
        }
    }

    pub(super) const HEADER: &'static str = "workload                              warm-up s  compile s  median ms     min ms  GFLOP/s  peak MB (predicted)  dispatches  submits";
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<36} {:>10.2} {:>10.2} {:>10.2} {:>10.2} {:>8.1} {:>8.1} {:>11} {:>11} {:>8}",
            self.workload,
            self.warm_up_s,
            self.compile_s,
            self.median_ms,
            self.min_ms,
            self.gflops,
            self.measured_peak_bytes as f64 / 1e6,
            format!("({:.1})", self.predicted_peak_bytes as f64 / 1e6),
            self.dispatches,
            self.submits
        )
    }
}
