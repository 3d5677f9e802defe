//! Residual networks as Keras builds them (`keras.applications.ResNet50`): strides on the first 1×1 convolution, biases,
//! explicit zero padding. Images are BGR, see [`Preprocessing::Caffe`].

use atrous_graph::op::Padding;
use atrous_graph::{GraphError, NodeId, Shape};

use super::{Info, Network, Preprocessing, Task};
use crate::layers::{Conv, Norm, Pool};
use crate::{Builder, Mode, Model, Naming};

const NORM: Norm = Norm::keras(1.001e-5, 0.99);

/// A Keras ResNet (version 1) classifier; the result is logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KerasResNet {
    /// Bottlenecks in each stage.
    pub stages: [usize; 4],
    /// Classes of the dense layer.
    pub classes: usize,
}

impl KerasResNet {
    /// `keras.applications.ResNet50`.
    pub const RESNET50: Self = Self { stages: [3, 4, 6, 3], classes: 1000 };
    /// `keras.applications.ResNet101`.
    pub const RESNET101: Self = Self { stages: [3, 4, 23, 3], classes: 1000 };
    /// `keras.applications.ResNet152`.
    pub const RESNET152: Self = Self { stages: [3, 8, 36, 3], classes: 1000 };
}

impl Network for KerasResNet {
    fn info(&self) -> Info {
        Info {
            task: Task::Classification,
            size: [224, 224],
            shorter_side: None,
            in_channels: 3,
            classes: self.classes,
            preprocessing: Preprocessing::Caffe { mean_bgr: [103.939, 116.779, 123.68] },
        }
    }

    fn set_classes(&mut self, classes: usize) {
        self.classes = classes;
    }

    fn build(&self, name: &str, image: Shape, mode: Mode) -> Result<Model, GraphError> {
        let mut b = Builder::new(Naming::Keras, mode);
        let x = b.input("input", image)?;
        let y = b.zero_pad("conv1_pad", x, Padding::symmetric(3, 3))?;
        let y = b.conv2d("conv1_conv", y, Conv::new(64, 7).stride(2).bias())?;
        let y = b.batch_norm("conv1_bn", y, NORM)?;
        let y = b.relu("conv1_relu", y)?;
        let y = b.zero_pad("pool1_pad", y, Padding::symmetric(1, 1))?;
        let mut y = b.max_pool("pool1_pool", y, Pool::new(3, 2))?;
        for (stage, blocks) in self.stages.into_iter().enumerate() {
            for block in 1..=blocks {
                let stride = if stage > 0 && block == 1 { 2 } else { 1 };
                let name = format!("conv{}_block{block}", stage + 2);
                y = bottleneck(&mut b, &name, y, 64 << stage, stride, block == 1)?;
            }
        }
        let y = b.global_avg_pool("avg_pool", y)?;
        let logits = b.linear("predictions", y, self.classes, true)?;
        Ok(b.finish(name, x, &[("out", logits)]))
    }
}

fn bottleneck(
    b: &mut Builder,
    name: &str,
    x: NodeId,
    width: usize,
    stride: usize,
    project: bool,
) -> Result<NodeId, GraphError> {
    let at = |part: &str| format!("{name}_{part}");
    let y = b.conv2d(&at("1_conv"), x, Conv::new(width, 1).stride(stride).bias())?;
    let y = b.batch_norm(&at("1_bn"), y, NORM)?;
    let y = b.relu(&at("1_relu"), y)?;
    let y = b.conv2d(&at("2_conv"), y, Conv::new(width, 3).same().bias())?;
    let y = b.batch_norm(&at("2_bn"), y, NORM)?;
    let y = b.relu(&at("2_relu"), y)?;
    let mut shortcut = x;
    if project {
        shortcut = b.conv2d(&at("0_conv"), x, Conv::new(4 * width, 1).stride(stride).bias())?;
    }
    let y = b.conv2d(&at("3_conv"), y, Conv::new(4 * width, 1).bias())?;
    if project {
        shortcut = b.batch_norm(&at("0_bn"), shortcut, NORM)?;
    }
    let y = b.batch_norm(&at("3_bn"), y, NORM)?;
    let y = b.sum(&at("add"), shortcut, y)?;
    b.relu(&at("out"), y)
}
