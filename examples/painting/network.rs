//! A network for one picture: few channels at full size, and atrous convolutions that look ever further around.

use atrous::graph::{GraphError, NodeId, Shape};
use atrous::nn::layers::{Conv, Norm};
use atrous::nn::{Builder, Mode, Model, Naming};

/// Channels of all layers.
const WIDTH: usize = 16;
/// Rates of the atrous convolutions.
const RATES: [usize; 3] = [1, 2, 4];

/// Builds the network for a picture of shape `1×H×W×C`. Every pixel's logits depend on the 15×15 pixels around it; a picture as
/// small as its strokes teaches nothing about more.
pub(super) fn build(classes: usize, picture: Shape, mode: Mode) -> Result<Model, GraphError> {
    let mut b = Builder::new(Naming::Torch, mode);
    let x = b.input("input", picture)?;
    let mut y = layer(&mut b, "colour", x, 1, 1)?;
    for rate in RATES {
        y = layer(&mut b, &format!("rate{rate}"), y, 3, rate)?;
    }
    let logits = b.conv2d("classes", y, Conv::new(classes, 1).bias())?;
    Ok(b.finish("scribble", x, &[("out", logits)]))
}

fn layer(b: &mut Builder, name: &str, x: NodeId, kernel: usize, rate: usize) -> Result<NodeId, GraphError> {
    let conv = Conv::new(WIDTH, kernel).padding(kernel / 2 * rate).dilation(rate);
    let y = b.conv2d(&format!("{name}.conv"), x, conv)?;
    let y = b.batch_norm(&format!("{name}.norm"), y, Norm::TORCH)?;
    b.relu(&format!("{name}.relu"), y)
}
