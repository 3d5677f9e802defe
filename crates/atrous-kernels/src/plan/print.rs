//! The readable form of a plan.

use std::fmt;

use super::{BufferKind, Plan};

impl fmt::Display for Plan {
    /// A line per node: kernel, grids, place, lifetime and cost, and below it why better kernels declined.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.steps.iter().enumerate() {
            write!(f, "{i:>4} {:<44} {:<18} {:<29}", step.name, step.op, step.choice())?;
            let grids: Vec<String> =
                step.dispatches.iter().map(|d| format!("{}×{}×{}", d.grid[0], d.grid[1], d.grid[2])).collect();
            write!(f, " grid {:<18}", if grids.is_empty() { "-".to_owned() } else { grids.join(" ") })?;
            if let Some(t) = self.tensors[step.node.0] {
                let at = format!("{}+{}", self.buffer_name(t.place.buffer), t.place.offset);
                write!(f, " at {at:<20} {:>11} B  alive {}..={}", t.place.bytes, t.first, t.last)?;
            }
            writeln!(f, "  {:.1} MMAC, {:.2} MB moved", step.macs as f64 / 1e6, step.bytes as f64 / 1e6)?;
            for d in &step.declined {
                writeln!(f, "       not {}: {}", d.variant, d.reason)?;
            }
        }
        for update in self.updates(true) {
            let grids: Vec<String> =
                update.dispatches.iter().map(|d| format!("{}×{}×{}", d.grid[0], d.grid[1], d.grid[2])).collect();
            writeln!(f, "     {:<44} grid {}", update.name, grids.join(" "))?;
        }
        for i in 0..self.buffers.len() {
            writeln!(f, "{:<14} {:>12} B", self.buffer_name(i), self.buffers[i].bytes)?;
        }
        writeln!(
            f,
            "{} dispatches, {:.3} GMAC; activations {} B (lower bound {} B), parameters {} B, gradients {} B, optimizer \
             state {} B, predicted peak {} B",
            self.dispatches(),
            self.macs() as f64 / 1e9,
            self.activation_bytes(),
            self.lower_bound,
            self.parameter_bytes(),
            self.gradient_bytes(),
            self.state_bytes(),
            self.peak_bytes()
        )
    }
}

impl Plan {
    /// `inputs`, `constants`, `parameters0`, `bank0`, …
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
