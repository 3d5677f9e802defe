//! A report as a table.

use std::fmt;

use super::{TuneReport, TunedShape};

impl fmt::Display for TuneReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let covered: f64 = self.shapes.iter().map(|shape| shape.share).sum();
        writeln!(
            f,
            "{}: {} operations of {:.0} % of the predicted time, {:.1} s spent of {:.1} s",
            self.adapter,
            self.shapes.len(),
            100.0 * covered,
            self.spent.as_secs_f64(),
            self.budget.as_secs_f64()
        )?;
        writeln!(
            f,
            "\n{:>6} {:>5}  {:<31} {:<31} {:>10} {:>10} {:>6} {:>7}  operation",
            "share", "uses", "default", "chosen", "ms", "ms", "gain", "tried"
        )?;
        self.shapes.iter().try_for_each(|shape| row(shape, f))
    }
}

fn row(shape: &TunedShape, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let millis =
        |i: usize| shape.times.map_or_else(String::new, |times| format!("{:.3}", times[i].as_secs_f64() * 1e3));
    let gain = shape.times.map(|[default, chosen]| default.as_secs_f64() / chosen.as_secs_f64().max(1e-9));
    writeln!(
        f,
        "{:>5.1}% {:>5}  {:<31} {:<31} {:>10} {:>10} {:>6} {:>7}  {}{}",
        100.0 * shape.share,
        shape.uses,
        shape.default,
        if shape.chosen == shape.default { "the default".to_owned() } else { shape.chosen.to_string() },
        millis(0),
        millis(1),
        gain.map_or_else(String::new, |gain| format!("{gain:.2}")),
        format!("{}/{}", shape.tried, shape.candidates),
        shape.operation.key(),
        shape.skipped.map_or_else(String::new, |why| format!(" [{why}]"))
    )?;
    shape.excluded.iter().try_for_each(|e| writeln!(f, "       excluded {}: {}", e.choice, e.reason))
}
