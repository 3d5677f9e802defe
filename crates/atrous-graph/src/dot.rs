//! Graphviz output.

use std::fmt::Write;

use crate::{Graph, Op};

impl Graph {
    /// The graph in Graphviz' DOT language, without parameters.
    pub fn to_dot(&self) -> String {
        let mut out =
            String::from("digraph {\n  rankdir=TB;\n  node [shape=box, fontname=\"sans-serif\", fontsize=10];\n");
        let shown = |op: &Op| !matches!(op, Op::Parameter);
        for (id, node) in self.iter().filter(|(_, n)| shown(&n.op)) {
            let mut label = format!("{}\\n{}", escape(&node.name), node.op.name());
            let attributes = node.op.definition().attributes();
            if !attributes.is_empty() {
                let _ = write!(label, "\\n{}", escape(&attributes));
            }
            let bold = if self.outputs().contains(&id) { ", penwidth=2" } else { "" };
            let _ = writeln!(out, "  n{} [label=\"{label}\\n{}\"{bold}];", id.0, node.ty.shape);
        }
        for (id, node) in self.iter() {
            for input in node.inputs.iter().filter(|i| shown(&self.node(**i).op)) {
                let _ = writeln!(out, "  n{} -> n{};", input.0, id.0);
            }
        }
        out.push_str("}\n");
        out
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
