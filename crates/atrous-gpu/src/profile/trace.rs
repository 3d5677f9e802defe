//! Profiles as text for trace viewers.

use serde_json::{Value, json};

use super::times::{NodeProfile, Profile};

impl Profile {
    /// All runs as a JSON text in the Trace Event Format
    /// (<https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU>), which Perfetto
    /// (<https://ui.perfetto.dev>) and `chrome://tracing` show: one event for each node and run.
    pub fn trace(&self) -> String {
        let named =
            |kind: &str, name: &str| json!({"ph": "M", "pid": 1, "tid": 1, "name": kind, "args": {"name": name}});
        let mut events = vec![named("process_name", &self.adapter), named("thread_name", "compute pass")];
        events.extend(self.nodes.iter().flat_map(|node| node.spans.iter().map(move |span| event(node, span))));
        json!({"displayTimeUnit": "ms", "traceEvents": events}).to_string()
    }
}

/// A complete event, in microseconds.
fn event(node: &NodeProfile, [begin, end]: &[std::time::Duration; 2]) -> Value {
    let micros = |time: std::time::Duration| time.as_secs_f64() * 1e6;
    json!({
        "ph": "X",
        "pid": 1,
        "tid": 1,
        "name": node.name,
        "cat": node.op,
        "ts": micros(*begin),
        "dur": micros(end.saturating_sub(*begin)),
        "args": {
            "kernel": node.variant,
            "dispatches": node.dispatches,
            "macs": node.macs,
            "bytes": node.bytes,
        },
    })
}
