//! The names of docs/stability.md exist, and are these; all that the root and the prelude have are among them.

#![expect(unused_imports, reason = "the names are what is tested")]

use std::collections::BTreeSet;

// Stable:
use atrous::graph::autodiff::Backward;
use atrous::graph::op::{Coordinates, CustomCut, CustomKernel, CustomOp, Unary, Values};
use atrous::graph::optim::Optimizer;
use atrous::graph::{GraphError, NodeId, Shape, TensorType};
use atrous::io::{Mismatch, NamedTensor, SaveError, WeightFile, WeightsError, save_parameters, save_tensors};
use atrous::nn::layers::{self, Conv, ConvPadding, ConvTranspose, Norm, Pool, Sides};
use atrous::nn::zoo::{self, BuildOptions};
use atrous::nn::{Builder, Built, Dilation, DilationRule, Encoder, Feature, Info, Init, IntoNetwork};
use atrous::nn::{Mode, Model, Naming, Network, Normalize, ParameterKind, Stage, Task};
use atrous::train::data::{Augment, Crop, DataError, Dataset, Framing, ImageFolder, InMemory, Loader, LoaderOptions};
use atrous::train::data::{LABELS, MaskFolder, OnBroken, Picture, Sample, Shapes, Target, TargetKind, TargetSpec};
use atrous::train::data::{digits, split_every};
use atrous::train::loss::{self, CrossEntropyLoss, ProbabilitiesLoss, Reduction};
use atrous::train::metrics::{self, Metric};
use atrous::train::objective::{Distillation, Labelled, LossContext, Objective, ObjectiveError};
use atrous::train::{EarlyStopping, Loss, Outcome, Reason, RunFolder, Schedule, Show, Train, TrainError, TrainOptions};
use atrous::train::{Trainer, TrainerBuilder, Watch};
use atrous::vision::{ClassMap, Filter, Fit, ImageTensor, Limits, Prediction, Preprocess, RgbImage};
use atrous::vision::{classify, decode_rgb8, load_rgb8, overlay, resize, voc_palette, write_palette_png, write_png};
use atrous::{
    AdapterChoice, Device, DeviceOptions, Error, Gradients, Many, Precision, Predictor, PredictorOptions, Result,
    Weights, class_score,
};
// Until here.

fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).expect("the file")
}

fn between(text: &str, start: &str, end: &str) -> String {
    let rest = text.split_once(start).expect("the list begins").1;
    rest.split_once(end).expect("the list ends").0.to_owned()
}

fn last(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path)
}

/// The names that the `use` declarations of a text bring, as they are called where they come from.
fn names(text: &str) -> BTreeSet<&str> {
    let paths = text.split("use ").skip(1).filter_map(|rest| rest.split(';').next());
    let each = paths.flat_map(|path| match path.split_once("::{") {
        Some((module, list)) => {
            let names = list.trim_end_matches('}').split(',').filter_map(|name| name.split_whitespace().next());
            names.map(|name| if name == "self" { last(module) } else { name }).collect()
        }
        None => vec![last(path)],
    });
    each.collect()
}

#[test]
fn the_list_is_the_documentation_s() {
    let here = between(&read("tests/stable.rs"), "// Stable:\n", "// Until here.");
    assert_eq!(between(&read("../../docs/stability.md"), "```rust\n", "```"), here);
}

#[test]
fn root_and_prelude_are_in_the_list() {
    let here = between(&read("tests/stable.rs"), "// Stable:\n", "// Until here.");
    let (listed, library) = (names(&here), read("src/lib.rs"));
    let shown = names(library.split_once("mod predictor;").expect("the root's names follow").1);
    assert!(shown.contains("Predictor") && shown.contains("load_rgb8"), "{shown:?}");
    // All of a module, which has a list of its own; and a crate that is not ours.
    let missing: Vec<_> = shown.difference(&listed).filter(|name| !["*", "wgpu"].contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_documentation_says_of_all_that_the_guides_use_whether_it_is_stable() {
    let (list, text) =
        (between(&read("tests/stable.rs"), "// Stable:\n", "// Until here."), read("../../docs/stability.md"));
    let (listed, library) = (names(&list), read("src/lib.rs"));
    let root = names(library.split_once("mod predictor;").expect("the root's names follow").1);
    for guide in
        ["README.md", "docs/your-network.md", "docs/your-training.md", "docs/your-kernel.md", "docs/interop.md"]
    {
        let guide_text = read(&format!("../../{guide}"));
        let lines = guide_text
            .lines()
            .map(|line| line.trim_start_matches("# "))
            .filter(|line| line.starts_with("use atrous::"));
        // Networks of the zoo are stable as a whole, and the prelude's names are the root's.
        for line in lines.filter(|line| !line.contains("::zoo::") && !line.contains("::prelude::")) {
            let known =
                |name: &str| listed.contains(name) || root.contains(name) || text.contains(&format!("`{name}`"));
            let unknown: Vec<_> = names(line).into_iter().filter(|name| !known(name)).collect();
            assert!(unknown.is_empty(), "{guide}: {unknown:?} of {line}");
        }
    }
}
