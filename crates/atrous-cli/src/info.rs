//! `atrous info`.

use std::fmt::Write;

use atrous::Result;
use atrous::gpu::{AdapterInfo, adapters_blocking};

use crate::args::Adapter;
use crate::output::Bytes;

/// Lists all adapters and marks the one that would be used.
pub(crate) fn info(adapter: &Adapter) -> Result<String> {
    let chosen = adapter.open()?.info().index;
    let mut out = String::new();
    for info in adapters_blocking() {
        let mark = if info.index == chosen { "   <- used" } else { "" };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{info}{mark}\n{}", details(&info));
    }
    out.push_str("--adapter or ATROUS_ADAPTER chooses: part of a name, an index, or \"software\".\n");
    Ok(out)
}

fn details(info: &AdapterInfo) -> String {
    let limits = &info.limits;
    let rows = [
        ("largest buffer", Bytes(limits.max_buffer).to_string()),
        ("largest binding", Bytes(limits.max_binding).to_string()),
        ("binding alignment", Bytes(limits.alignment).to_string()),
        ("bindings per kernel", limits.storage_bindings.to_string()),
        ("workgroups per dimension", limits.max_workgroups.to_string()),
        ("invocations per workgroup", limits.max_invocations.to_string()),
        ("workgroup memory", Bytes(limits.workgroup_memory.into()).to_string()),
        ("timestamps", if info.timestamps { "yes" } else { "no" }.to_owned()),
        ("storage in f16", if info.f16 { "yes" } else { "no" }.to_owned()),
        (
            "cooperative matrices",
            if info.cooperative.is_empty() { "no".to_owned() } else { info.cooperative.join(", ") },
        ),
    ];
    let mut out: String = rows.iter().map(|(name, value)| format!("   {name:<26} {value}\n")).collect();
    out.push_str(&wrapped("features", &info.features));
    out
}

/// A list of words in lines of at most 100 characters.
fn wrapped(title: &str, words: &[String]) -> String {
    let mut lines = vec![String::new()];
    for word in words {
        if lines.last().is_some_and(|line| !line.is_empty() && line.len() + word.len() > 70) {
            lines.push(String::new());
        }
        let line = lines.last_mut().expect("there is always a line");
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let row = |(i, line): (usize, &String)| format!("   {:<26} {line}\n", if i == 0 { title } else { "" });
    lines.iter().enumerate().map(row).collect()
}
