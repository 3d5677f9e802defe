//! The names of docs/stability.md exist, and are these; all that the root and the prelude have are among them.

#![expect(unused_imports, reason = "the names are what is tested")]

use std::collections::BTreeSet;

// Stable:
use atrous::graph::op::Unary;
use atrous::graph::optim::Optimizer;
use atrous::graph::{GraphError, NodeId, Shape};
use atrous::io::{NamedTensor, SaveError, WeightFile, WeightsError, save_parameters, save_tensors};
use atrous::nn::layers::{self, Conv, ConvPadding, ConvTranspose, Norm, Pool, Sides};
use atrous::nn::zoo::{self, BuildOptions};
use atrous::nn::{Builder, Built, Dilation, DilationRule, Encoder, Feature, Info, Init, IntoNetwork};
use atrous::nn::{Mode, Model, Naming, Network, Normalize, Stage, Task};
use atrous::train::data::{Augment, Crop, DataError, Dataset, Framing, ImageFolder, InMemory, Loader, LoaderOptions};
use atrous::train::data::{MaskFolder, OnBroken, Picture, Sample, Target, TargetKind, TargetSpec};
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

/// The names that the `use` declarations of a text bring, as they are called where they come from.
fn names(text: &str) -> BTreeSet<&str> {
    let paths = text.split("use ").skip(1).filter_map(|rest| rest.split(';').next());
    let lists = paths.filter_map(|path| path.split_once('{').map(|(_, list)| list).or(path.rsplit("::").next()));
    lists
        .flat_map(|list| list.trim_end_matches('}').split(','))
        .filter_map(|name| name.split_whitespace().next())
        .collect()
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
