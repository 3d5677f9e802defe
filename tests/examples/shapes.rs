//! Small segmentation networks learn a few pictures of shapes by heart, a pass and a step at a time.
//!
//! Background everywhere has a mean IoU of 0.2; every shape found and all taken for one kind, at most 0.5. The running
//! statistics are judged, too: validation uses them.

use std::sync::Arc;

use atrous::nn::zoo::{DeepLabXception65, UNet};
use atrous::prelude::*;
use atrous::train::data::Shapes;

use crate::learning::Learnt;

/// Eight pictures of shapes, 32×32 pixels, in one batch.
fn shapes(shuffle: bool) -> Loader {
    let shapes = Shapes::new(8, [32, 32], 1).expect("shapes");
    let options = LoaderOptions::new(8, [32, 32], Preprocess::TF);
    Loader::new(Arc::new(shapes), LoaderOptions { shuffle, ..options }).expect("a loader")
}

#[test]
fn a_small_unet_remembers_shapes() {
    let network = UNet { classes: 4, depth: 3, ..UNet::SMALL };
    let learnt = Learnt::after(network, shapes(true), shapes(false), 60, 0.02);
    learnt.loss_fell_by(10.0);
    learnt.reached("mean_iou", 0.85);
}

#[test]
fn a_small_deeplab_remembers_shapes() {
    let network = DeepLabXception65 { classes: 4, ..DeepLabXception65::small() };
    let learnt = Learnt::after(network, shapes(true), shapes(false), 60, 0.03);
    learnt.loss_fell_by(4.0);
    learnt.reached("mean_iou", 0.6);
}
