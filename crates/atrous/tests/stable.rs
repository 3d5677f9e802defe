//! The names of docs/stability.md exist, and are these.

#![expect(unused_imports, reason = "the names are what is tested")]

// Stable:
use atrous::io::{SaveError, WeightFile, WeightsError, save_parameters, save_tensors};
use atrous::nn::{Builder, Built, Info, Init, IntoNetwork, Mode, Model, Network, Normalize, Task, zoo};
use atrous::train::data::{Augment, Dataset, ImageFolder, InMemory, Loader, LoaderOptions, MaskFolder, Sample, Target};
use atrous::train::{EarlyStopping, Loss, Outcome, RunFolder, Schedule, TrainError, TrainOptions, Trainer, Watch};
use atrous::vision::{ClassMap, Filter, Fit, ImageTensor, Limits, Prediction, Preprocess, RgbImage};
use atrous::vision::{classify, decode_rgb8, load_rgb8, overlay, resize, voc_palette, write_palette_png, write_png};
use atrous::{
    AdapterChoice, Device, DeviceOptions, Error, Gradients, Many, Precision, Predictor, PredictorOptions, Result,
    Weights, class_score,
};
// Until here.

#[test]
fn the_list_is_the_documentation_s() {
    let read =
        |path: &str| std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).expect("the file");
    let between = |text: &str, start: &str, end: &str| {
        let rest = text.split_once(start).expect("the list begins").1;
        rest.split_once(end).expect("the list ends").0.to_owned()
    };
    let here = between(&read("tests/stable.rs"), "// Stable:\n", "// Until here.");
    assert_eq!(between(&read("../../docs/stability.md"), "```rust\n", "```"), here);
}
