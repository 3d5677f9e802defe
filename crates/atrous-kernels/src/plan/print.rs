//! The printed form of a plan.

use std::fmt;

use super::contents::Plan;
use super::memory::BufferKind;
use super::step::{PlannedDispatch, Step};

/// Columns of the table of steps: their titles, and whether they contain numbers.
const COLUMNS: [(&str, bool); 11] = [
    ("step", true),
    ("layer", false),
    ("operation", false),
    ("result", false),
    ("kernel", false),
    ("workgroups", false),
    ("lies at", false),
    ("bytes", true),
    ("alive", false),
    ("MMAC", true),
    ("MB moved", true),
];

type Row = [String; COLUMNS.len()];

impl fmt::Display for Plan {
    /// A line for each step: result, kernel, workgroups of its dispatches, place of the result and the steps in which it is alive,
    /// multiply-accumulates and memory traffic. Below, updates, buffers and totals. With `{:#}` the lines below a step say why
    /// faster kernels declined.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows: Vec<Row> = vec![COLUMNS.map(|(title, _)| title.to_owned())];
        rows.extend(self.steps.iter().enumerate().map(|(i, step)| self.row(i, step)));
        let widths: [usize; COLUMNS.len()] =
            std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
        for (i, row) in rows.iter().enumerate() {
            let cells = row.iter().zip(widths).zip(COLUMNS).map(|((cell, width), (_, is_number))| match is_number {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            });
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  "))?;
            let declined = i.checked_sub(1).filter(|_| f.alternate()).map_or(&[][..], |i| &self.steps[i].declined);
            for d in declined {
                writeln!(f, "{:width$}  not {}: {}", "", d.variant, d.reason, width = widths[0])?;
            }
        }
        writeln!(f)?;
        for update in self.updates(true) {
            writeln!(f, "{:<14} {}", update.name, grids(&update.dispatches))?;
        }
        for i in 0..self.buffers.len() {
            writeln!(f, "{:<14} {:>12} B", self.buffer_name(i), self.buffers[i].bytes)?;
        }
        self.totals_line(f)
    }
}

/// Workgroups of dispatches: of all if there are at most three, else of the first, and how many there are.
fn grids(dispatches: &[PlannedDispatch]) -> String {
    let grid = |d: &PlannedDispatch| format!("{}×{}×{}", d.grid[0], d.grid[1], d.grid[2]);
    match dispatches {
        [] => "-".to_owned(),
        [first, _, _, _, ..] => format!("{} … {} dispatches", grid(first), dispatches.len()),
        few => few.iter().map(grid).collect::<Vec<_>>().join(" "),
    }
}

impl Plan {
    fn row(&self, i: usize, step: &Step) -> Row {
        let [place, bytes, alive] = self.tensors[step.node.0].map_or_else(Default::default, |t| {
            let place = format!("{}+{}", self.buffer_name(t.place.buffer), t.place.offset);
            [place, t.place.bytes.to_string(), format!("{}..={}", t.first, t.last)]
        });
        [
            i.to_string(),
            step.name.clone(),
            step.op.to_owned(),
            step.operation.output.to_string(),
            step.choice().to_string(),
            grids(&step.dispatches),
            place,
            bytes,
            alive,
            format!("{:.1}", step.macs as f64 / 1e6),
            format!("{:.2}", step.bytes as f64 / 1e6),
        ]
    }

    fn totals_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dispatches, gmacs) = (self.dispatches(), self.macs() as f64 / 1e9);
        write!(f, "{dispatches} dispatches, {gmacs:.3} GMAC; activations {} B", self.activation_bytes())?;
        write!(f, " (lower bound {} B), parameters {} B", self.lower_bound, self.parameter_bytes())?;
        if self.training.is_some() {
            write!(f, ", gradients {} B, optimizer state {} B", self.gradient_bytes(), self.state_bytes())?;
        }
        writeln!(f, ", predicted peak {} B", self.peak_bytes())
    }

    /// The name of a buffer: `inputs`, `constants`, `parameters0`, `bank0`, …
    pub fn buffer_name(&self, index: usize) -> String {
        let kind = self.buffers[index].kind;
        match kind {
            BufferKind::Inputs => "inputs".to_owned(),
            BufferKind::Constants => "constants".to_owned(),
            BufferKind::Parameters(i) => format!("parameters{i}"),
            BufferKind::Gradients(i) => format!("gradients{i}"),
            BufferKind::State(k, i) => format!("state{k}.{i}"),
            BufferKind::Accumulated(i) => format!("accumulated{i}"),
            BufferKind::Totals => "totals".to_owned(),
            BufferKind::LossScale => "loss scale".to_owned(),
            BufferKind::Control => "control".to_owned(),
            BufferKind::Partials => "partials".to_owned(),
            BufferKind::Bank => {
                let before = self.buffers[..index].iter().filter(|b| b.kind == BufferKind::Bank).count();
                format!("bank{before}")
            }
        }
    }
}
