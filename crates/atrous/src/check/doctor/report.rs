//! A diagnosis as text.

use std::fmt;

use super::{Diagnosis, Fault};

impl fmt::Display for Diagnosis {
    /// One line that says what was run, and one for each fault.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (runs, variants, seconds) = (self.runs, self.variants.len(), self.took.as_secs_f64());
        match self.faults.len() {
            0 => write!(f, "All {runs} runs of kernels are right, {variants} variants among them ({seconds:.1} s).")?,
            faults => write!(f, "{faults} of {runs} runs of kernels are wrong ({seconds:.1} s):")?,
        }
        self.faults.iter().try_for_each(|fault| write!(f, "\n  {fault}"))?;
        write!(f, "\nWhat WGSL leaves to the adapter, all of it allowed: {}.", self.numbers)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n    {}", self.choice, self.operation, self.error)
    }
}
