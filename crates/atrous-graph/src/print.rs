//! The printed form: one line per node.

use std::fmt;

use crate::{Graph, Op};

impl fmt::Display for Graph {
    /// `%12 layer1.0.conv1 = conv2d(%9, %10) stride [1, 1] … groups 1 -> 1×56×56×64 f32`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, node) in self.iter() {
            let inputs: Vec<String> = node.inputs.iter().map(|i| format!("%{}", i.0)).collect();
            write!(f, "%{} {} = {}({})", id.0, node.name, node.op.name(), inputs.join(", "))?;
            let attributes = node.op.definition().attributes();
            if !attributes.is_empty() {
                write!(f, " {attributes}")?;
            }
            writeln!(f, " -> {}", node.ty)?;
        }
        let outputs: Vec<String> = self.outputs().iter().map(|i| format!("%{}", i.0)).collect();
        writeln!(f, "return {}", outputs.join(", "))
    }
}

impl fmt::Display for Op {
    /// Name and attributes: `conv2d stride [1, 1] dilation [1, 1] padding (1,1,1,1) groups 1`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        let attributes = self.definition().attributes();
        if attributes.is_empty() { Ok(()) } else { write!(f, " {attributes}") }
    }
}
