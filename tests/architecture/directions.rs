//! Modules of a crate import from their own layer and from lower ones.

use std::collections::BTreeSet;
use std::path::Path;

use crate::crates::workspace;
use crate::imports::imports;
use crate::source::Source;

/// The modules of a crate's root by layer, the lowest first.
type Layers = &'static [&'static [&'static str]];

/// A graph's operations know nothing of graphs, passes nothing of trainings.
const GRAPH: Layers = &[
    &["error", "node_id", "shape"],
    &["op", "source"],
    &["graph"],
    &["append", "cost", "dot", "memory", "print"],
    &["passes"],
    &["optim"],
    &["autodiff"],
];

/// A family plans a part of an operation, a node is planned of such parts, a plan of nodes, and `compile` runs the passes before.
const KERNELS: Layers = &[
    &["choice", "dispatch", "error", "key", "limits", "place", "target", "tile"],
    &["cut", "image", "kernel", "kernels", "problem", "variant", "window"],
    &["conv", "custom", "loss", "movement", "norm", "pointwise", "pool", "reduce", "resize", "source"],
    &["choice_text", "family", "known", "node", "operation", "split"],
    &["optim"],
    &["plan"],
    &["compile"],
];

/// What programs hold (buffers, parameters) is below what runs (sessions, trainings), and opening an adapter is above: it tests kernels.
const GPU: Layers = &[
    &["counters", "custom", "data", "error", "handle", "options", "parallel", "sealed", "watchers", "whole_file"],
    &["adapter", "avoided", "cooperative", "disk_cache", "interop_kernels", "pipelines", "readers", "slots", "tuned"],
    &["device"],
    &[
        "allocate",
        "buffer",
        "command",
        "compile",
        "download",
        "finite",
        "hang",
        "parameters",
        "pixels",
        "readback",
        "timer",
        "tune",
        "wait",
    ],
    &["cache", "executable", "flight", "interop", "many", "run", "session", "snapshot", "take_pixels", "training"],
    &["cooperative_proof", "profile", "totals"],
    &["adapters", "choice", "from_wgpu", "open", "reopen"],
];

/// Losses and data know no objective, objectives no step, steps no trainer.
const TRAIN: Layers = &[
    &["fingerprint"],
    &["data", "early_stopping", "log", "loss", "option_error", "schedule"],
    &["checkpoint", "context", "curve", "metrics", "progress"],
    &["objective"],
    &["step"],
    &["trainer"],
];

/// Parameters know no model, layers no network, networks no name of the zoo.
const NN: Layers = &[
    &["error", "feature", "mode", "naming", "normalize", "stored_layout"],
    &["init"],
    &["parameter"],
    &["model"],
    &["select"],
    &["builder", "freeze", "groups", "init_source"],
    &["encoder", "layers", "network"],
    &["zoo"],
    &["into_network"],
];

/// A family computes with tensors, and knows neither operations as such nor graphs.
const CPU: Layers = &[
    &["numbers"],
    &["compare", "optim", "reference", "tensor"],
    &["conv", "custom", "loss", "movement", "norm", "pointwise", "pool", "reduce", "resize", "source"],
    &["operation"],
    &["range", "run"],
];

const CRATES: [(&str, Layers); 6] = [
    ("atrous-graph", GRAPH),
    ("atrous-kernels", KERNELS),
    ("atrous-gpu", GPU),
    ("atrous-train", TRAIN),
    ("atrous-nn", NN),
    ("atrous-cpu", CPU),
];

#[test]
fn modules_import_from_their_layer_or_below() {
    let packages = workspace();
    let mut found = Vec::new();
    for (name, layers) in CRATES {
        let package = packages.iter().find(|package| *package.name == *name).expect("a crate of the workspace");
        let root = &package.targets.iter().find(|target| target.is_lib()).expect("a library").src_path;
        let source = Source::read(Path::new(root));
        let modules: BTreeSet<&str> = source.modules.keys().filter_map(|at| at.first()).map(String::as_str).collect();
        assert_eq!(layers.concat().into_iter().collect::<BTreeSet<_>>(), modules, "the modules of {name} in layers");
        let layer = |module: &str| layers.iter().position(|layer| layer.contains(&module));
        for (from, to) in imports(&source) {
            let above = |to: &&Vec<String>| from.first().zip(to.first()).is_some_and(|(a, b)| layer(b) > layer(a));
            found.extend(to.iter().filter(above).map(|to| format!("{name}: {} -> {}", from.join("::"), to.join("::"))));
        }
    }
    assert!(found.is_empty(), "imports of a higher layer:\n{}", found.join("\n"));
}
