//! Networks with other outputs than logits of one question, and data for them.

use std::sync::Arc;

use atrous_graph::{GraphError, NodeId};
use atrous_nn::{
    Builder, Built, Info, Network,
    layers::Conv,
    zoo::{ResNet, ResNetEncoder},
};
use atrous_train::data::{InMemory, Loader, LoaderOptions, Picture, Sample, Target, TargetKind, TargetSpec};
use atrous_vision::{ClassMap, Preprocess};

/// A convolution, and one number a channel for each picture or each pixel.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Small {
    Pictures(usize),
    Pixels(usize),
}

impl Network for Small {
    fn info(&self) -> Info {
        match self {
            Self::Pictures(channels) => Info::classification(*channels),
            Self::Pixels(channels) => Info::segmentation(*channels),
        }
    }

    fn build_into(&self, b: &mut Builder, image: NodeId) -> Result<Built, GraphError> {
        let y = b.conv2d("conv", image, Conv::new(8, 3).padding(1).bias())?;
        let y = b.relu("relu", y)?;
        Ok(match self {
            Self::Pictures(channels) => {
                let y = b.global_avg_pool("pool", y)?;
                b.linear("head", y, *channels, true)?.into()
            }
            Self::Pixels(channels) => b.conv2d("head", y, Conv::new(*channels, 1).bias())?.into(),
        })
    }
}

/// A body with a head for the class of the picture and one for the classes of its pixels.
pub(crate) struct TwoHeads;

impl Network for TwoHeads {
    fn info(&self) -> Info {
        Info::classification(3)
    }

    fn build_into(&self, b: &mut Builder, image: NodeId) -> Result<Built, GraphError> {
        let body = b.conv2d("body", image, Conv::new(8, 3).padding(1).bias())?;
        let body = b.relu("relu", body)?;
        let pooled = b.global_avg_pool("pool", body)?;
        let class = b.linear("class_head", pooled, 3, true)?;
        let mask = b.conv2d("mask_head", body, Conv::new(2, 1).bias())?;
        Ok(Built::default().and("class", class).and("mask", mask))
    }
}

/// A small student beside a frozen ResNet-18.
pub(crate) struct StudentAndTeacher;

impl Network for StudentAndTeacher {
    fn info(&self) -> Info {
        Info::classification(3)
    }

    fn build_into(&self, b: &mut Builder, image: NodeId) -> Result<Built, GraphError> {
        let teacher = ResNet { classes: 3, ..ResNet::new(ResNetEncoder::RESNET18) };
        let teacher = b.frozen(|b| b.network("teacher", &teacher, image))?;
        let student = b.network("student", &Small::Pictures(3), image)?;
        Ok(Built::default().and("out", student.outputs[0].node).and("teacher", teacher.outputs[0].node))
    }
}

/// Height and width of the pictures of [`data`].
pub(crate) const SIZE: usize = 8;

/// Five pictures with these targets, a function of the picture's number, in batches of two.
pub(crate) fn data(specs: &[(&str, TargetKind)], targets: impl Fn(usize) -> Vec<Target>) -> Loader {
    let pixel = |i: usize, p: usize| ((37 * i + 11 * p + p * p / 7) % 256) as u8;
    let sample = |i: usize| {
        let pixels = (0..3 * SIZE * SIZE).map(|p| pixel(i, p)).collect();
        Sample { image: Picture::new(SIZE as u32, SIZE as u32, 3, pixels).unwrap(), targets: targets(i) }
    };
    let specs = specs.iter().map(|(name, kind)| TargetSpec::new(*name, *kind)).collect();
    let set = InMemory::with_targets("set", specs, (0..5).map(sample).collect()).unwrap();
    let options = LoaderOptions { threads: 1, ahead: 2, ..LoaderOptions::new(2, [SIZE; 2], Preprocess::TF) };
    Loader::new(Arc::new(set), options).unwrap()
}

/// A mask of stripes that depend on the picture's number.
pub(crate) fn stripes(i: usize, classes: usize) -> Target {
    let classes = (0..SIZE * SIZE).map(|p| ((p / 3 + i) % classes) as u8).collect();
    Target::Mask(ClassMap::new(SIZE as u32, SIZE as u32, classes).unwrap())
}
