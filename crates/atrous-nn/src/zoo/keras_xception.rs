//! Xception as Keras builds it (Chollet, "Xception", arXiv:1610.02357).

use atrous_graph::{GraphError, NodeId, Shape};

use super::{Info, Network, Preprocessing, Task};
use crate::layers::{Conv, Norm, Pool};
use crate::{Builder, Mode, Model, Naming};

const NORM: Norm = Norm::keras(1e-3, 0.99);

/// `keras.applications.Xception`; the result is logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KerasXception {
    /// Classes of the dense layer.
    pub classes: usize,
}

impl Default for KerasXception {
    fn default() -> Self {
        Self { classes: 1000 }
    }
}

impl Network for KerasXception {
    fn info(&self) -> Info {
        Info {
            task: Task::Classification,
            size: [299, 299],
            shorter_side: None,
            in_channels: 3,
            classes: self.classes,
            preprocessing: Preprocessing::Tf,
        }
    }

    fn set_classes(&mut self, classes: usize) {
        self.classes = classes;
    }

    fn build(&self, name: &str, image: Shape, mode: Mode) -> Result<Model, GraphError> {
        let mut b = Builder::new(Naming::Keras, mode);
        let x = b.input("input", image)?;
        let y = b.conv2d("block1_conv1", x, Conv::new(32, 3).stride(2))?;
        let y = b.batch_norm("block1_conv1_bn", y, NORM)?;
        let y = b.relu("block1_conv1_act", y)?;
        let y = b.conv2d("block1_conv2", y, Conv::new(64, 3))?;
        let y = b.batch_norm("block1_conv2_bn", y, NORM)?;
        let y = b.relu("block1_conv2_act", y)?;
        let y = strided(&mut b, 2, y, [128, 128], "")?;
        let y = strided(&mut b, 3, y, [256, 256], "_1")?;
        let mut y = strided(&mut b, 4, y, [728, 728], "_2")?;
        for block in 5..=12 {
            y = middle(&mut b, block, y)?;
        }
        let mut y = strided(&mut b, 13, y, [728, 1024], "_3")?;
        for (unit, out) in [(1, 1536), (2, 2048)] {
            let name = format!("block14_sepconv{unit}");
            y = separable(&mut b, &name, y, out)?;
            y = b.relu(&format!("{name}_act"), y)?;
        }
        let y = b.global_avg_pool("avg_pool", y)?;
        let logits = b.linear("predictions", y, self.classes, true)?;
        Ok(b.finish(name, x, &[("out", logits)]))
    }
}

/// Two separable convolutions and a max-pool of stride 2, beside a 1×1 convolution of stride 2. Keras numbers the unnamed
/// layers of the shortcut and the addition: `number`.
fn strided(b: &mut Builder, block: usize, x: NodeId, out: [usize; 2], number: &str) -> Result<NodeId, GraphError> {
    let mut y = x;
    for (i, out) in out.into_iter().enumerate() {
        let name = format!("block{block}_sepconv{}", i + 1);
        if (block, i) != (2, 0) {
            y = b.relu(&format!("{name}_act"), y)?;
        }
        y = separable(b, &name, y, out)?;
    }
    let shortcut = b.conv2d(&format!("conv2d{number}"), x, Conv::new(out[1], 1).stride(2).same())?;
    let y = b.max_pool(&format!("block{block}_pool"), y, Pool::new(3, 2).same())?;
    let shortcut = b.batch_norm(&format!("batch_normalization{number}"), shortcut, NORM)?;
    b.sum(&format!("add{}", if block == 13 { "_11" } else { number }), y, shortcut)
}

/// Three separable convolutions of 728 channels beside the identity.
fn middle(b: &mut Builder, block: usize, x: NodeId) -> Result<NodeId, GraphError> {
    let mut y = x;
    for unit in 1..=3 {
        let name = format!("block{block}_sepconv{unit}");
        y = b.relu(&format!("{name}_act"), y)?;
        y = separable(b, &name, y, 728)?;
    }
    b.sum(&format!("add_{}", block - 2), y, x)
}

fn separable(b: &mut Builder, name: &str, x: NodeId, out: usize) -> Result<NodeId, GraphError> {
    let y = b.separable_conv2d(name, x, Conv::new(out, 3).same())?;
    b.batch_norm(&format!("{name}_bn"), y, NORM)
}
