//! The trainer and its checkpoints: operations of a program change nothing for them.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use atrous::graph::{GraphError, NodeId};
use atrous::nn::layers::{Conv, Norm};
use atrous::nn::{Builder, Built, Info};
use atrous::prelude::*;
use atrous::train::checkpoint::Checkpoint;
use atrous::train::data::Shapes;
use atrous::train::log::Record;
use atrous_tests::device;

use crate::ops::BELL;

/// Two convolutions with a bell between them.
struct Own;

impl Network for Own {
    fn info(&self) -> Info {
        Info::segmentation(4)
    }

    fn build_into(&self, b: &mut Builder, image: NodeId) -> Result<Built, GraphError> {
        let y = b.conv2d("conv", image, Conv::new(6, 3).padding(1))?;
        let y = b.batch_norm("bn", y, Norm::TORCH)?;
        let y = b.custom("bell", BELL, &[y])?;
        Ok(b.conv2d("classes", y, Conv::new(4, 1).bias())?.into())
    }
}

/// A training of two epochs of two steps.
fn trainer(device: &Device, folder: &Path, resume: bool) -> Trainer {
    let options = LoaderOptions::new(4, [16, 16], Preprocess::TF);
    let train = Loader::new(Arc::new(Shapes::new(8, [16, 16], 1).expect("shapes")), options).expect("a loader");
    let run_folder = Some(folder.to_owned());
    let options = TrainOptions { epochs: 2, lr: 0.01, run_folder, resume, ..TrainOptions::default() };
    Trainer::builder(device, Own, train).options(options).build().unwrap_or_else(|e| panic!("{e}"))
}

/// A folder that is removed in the end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_training_goes_on_from_its_checkpoint_bit_by_bit() {
    let device = device();
    let top = Folder(std::env::temp_dir().join(format!("atrous-custom-{}", std::process::id())));
    let (whole, parts) = (top.0.join("whole"), top.0.join("parts"));
    trainer(&device, &whole, false).fit().unwrap_or_else(|e| panic!("{e}"));
    let stop = |record: &Record| match record {
        Record::Step(step) if step.step == 2 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    trainer(&device, &parts, true).fit_with(stop).unwrap_or_else(|e| panic!("{e}"));
    trainer(&device, &parts, true).fit().unwrap_or_else(|e| panic!("{e}"));
    let bits = |folder: &Path| -> Vec<(String, Vec<u32>)> {
        let checkpoint = Checkpoint::load(folder.join("last.checkpoint")).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(checkpoint.state.step, 4);
        let tensors = checkpoint.parameters.into_iter().chain(checkpoint.optimizer);
        tensors.map(|t| (t.name, t.values.iter().map(|v| v.to_bits()).collect())).collect()
    };
    assert_eq!(bits(&whole), bits(&parts));
}
