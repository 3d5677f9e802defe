//! What passes changed, and what they declined.

use std::fmt;

/// A place that a pass examined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Name of the pass.
    pub pass: &'static str,
    /// Name of the node at this place.
    pub node: String,
    /// Why the pass changed nothing there; `None` if it did.
    pub declined: Option<&'static str>,
}

/// What passes did, in the order of the passes and of the graph's nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// All places that were examined.
    pub notes: Vec<Note>,
}

impl Report {
    /// Number of places that a pass changed.
    pub fn count(&self, pass: &str) -> usize {
        self.notes.iter().filter(|note| note.pass == pass && note.declined.is_none()).count()
    }

    pub(super) fn note(&mut self, pass: &'static str, node: &str, done: Result<(), &'static str>) {
        self.notes.push(Note { pass, node: node.to_owned(), declined: done.err() });
    }
}

impl fmt::Display for Report {
    /// A line for each pass: how many of the places that it examined it changed. With `{:#}` more lines say why it
    /// declined the others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut passes: Vec<&str> = self.notes.iter().map(|note| note.pass).collect();
        passes.dedup();
        for pass in passes {
            let notes = || self.notes.iter().filter(|note| note.pass == pass);
            writeln!(f, "{pass}: {} of {} places", self.count(pass), notes().count())?;
            if !f.alternate() {
                continue;
            }
            for note in notes() {
                if let Some(reason) = note.declined {
                    writeln!(f, "      not {}: {reason}", note.node)?;
                }
            }
        }
        Ok(())
    }
}
