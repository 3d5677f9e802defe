//! `atrous models`.

use std::fmt::Write;

use atrous::nn::{Normalize, Task, zoo};

/// The zoo as a table.
pub(crate) fn table() -> String {
    let mut out = format!("{:<30} {:<14} {:>9} {:>8}  pixels\n", "name", "task", "image", "classes");
    for (name, network) in zoo::names().filter_map(|name| Some((name, zoo::network(name).ok()?))) {
        let info = network.info();
        let task = match info.task {
            Task::Classification => "classification",
            Task::Segmentation => "segmentation",
        };
        let image = format!("{}x{}", info.size[0], info.size[1]);
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{name:<30} {task:<14} {image:>9} {:>8}  {}", info.classes, pixels(info.normalize));
    }
    out
}

fn pixels(normalize: Normalize) -> String {
    match normalize {
        Normalize::Torch { mean, std } => format!("(RGB / 255 - {mean:?}) / {std:?}"),
        Normalize::Tf => "RGB / 127.5 - 1".to_owned(),
        Normalize::Caffe { mean_bgr } => format!("BGR - {mean_bgr:?}"),
        Normalize::Green { mean, std } => format!("(G / 255 - {mean}) / {std}"),
    }
}
