//! What is timed.

use anyhow::{Result, bail};
use atrous_graph::op::{Conv2d, Conv2dGradInput, Padding};
use atrous_graph::{DType, Graph, Layout, Op, Shape};
use atrous_io::FillSource;
use atrous_kernels::conv::{CONV2D_VARIANTS, GRAD_INPUT_VARIANTS};
use atrous_nn::zoo::{self, BuildOptions};

/// A graph to run and what fills its parameters.
pub(super) struct Workload {
    /// Number and description, such as `W1 ResNet-50 224² b1`.
    pub(super) name: &'static str,
    kind: Kind,
}

enum Kind {
    /// A network of the zoo at batch 1 and this image size.
    Network { name: &'static str, size: usize },
    /// A convolution.
    Conv { image: Shape, out: usize, kernel: usize, conv: Conv2d },
    /// A 2×2 transposed convolution of stride 2.
    Transposed { image: Shape, out: usize },
}

/// A graph with what its parameters hold.
pub(super) struct Built {
    pub(super) graph: Graph,
    pub(super) parameters: Box<dyn atrous_graph::ParameterSource>,
}

pub(super) fn all() -> Vec<Workload> {
    let network = |name, model, size| Workload { name, kind: Kind::Network { name: model, size } };
    let conv = |name, [size, c, out, kernel]: [usize; 4], dilation, groups| {
        let pad = kernel / 2 * dilation;
        let conv = Conv2d { stride: [1, 1], dilation: [dilation; 2], padding: Padding::symmetric(pad, pad), groups };
        Workload { name, kind: Kind::Conv { image: Shape::new(1, size, size, c), out, kernel, conv } }
    };
    vec![
        network("W1 ResNet-50 224² b1", "resnet50", 224),
        network("W2 Xception 299² b1", "keras_xception", 299),
        network("W3 U-Net 64…1024 256² b1", "unet", 256),
        network("W4 DeepLabV3+ ResNet-50 OS16 256² b1", "smp_deeplabv3plus_resnet50", 256),
        conv("O1 conv 3×3 64→64 56²", [56, 64, 64, 3], 1, 1),
        conv("O2 conv 1×1 256→64 56²", [56, 256, 64, 1], 1, 1),
        conv("O3 depthwise 3×3 728 19²", [19, 728, 728, 3], 1, 728),
        conv("O4 atrous 3×3 rate 12 256→256 33²", [33, 256, 256, 3], 12, 1),
        Workload {
            name: "O5 transposed 2×2 s2 256→128 32²",
            kind: Kind::Transposed { image: Shape::new(1, 32, 32, 256), out: 128 },
        },
        conv("O6 GEMM 1024³", [32, 1024, 1024, 1], 1, 1),
    ]
}

/// The names, for an error.
pub(super) fn names() -> String {
    all().iter().map(|w| w.name).collect::<Vec<_>>().join(", ")
}

/// A variant as the kernels know it.
pub(super) fn known_variant(name: &str) -> Result<&'static str> {
    let known = || CONV2D_VARIANTS.iter().chain(GRAD_INPUT_VARIANTS).copied();
    match known().find(|v| *v == name) {
        Some(variant) => Ok(variant),
        None => bail!("no variant is named \"{name}\"; there are {}", known().collect::<Vec<_>>().join(", ")),
    }
}

impl Workload {
    pub(super) fn build(&self) -> Result<Built> {
        match self.kind {
            Kind::Network { name, size } => {
                let options = BuildOptions { input: Some((1, size, size)), ..BuildOptions::default() };
                let model = zoo::build(name, &options)?;
                let parameters = Box::new(FillSource::new(&model, "bench/", 1.0));
                let mut graph = model.graph;
                // Auxiliary heads are for training.
                graph.set_outputs(graph.outputs()[..1].to_vec());
                Ok(Built { graph, parameters })
            }
            Kind::Conv { image, out, kernel, conv } => {
                let filter = Shape::new(kernel, kernel, image.c / conv.groups, out);
                operator(image, filter, Op::Conv2d(conv))
            }
            Kind::Transposed { image, out } => {
                let conv = Conv2d { stride: [2, 2], ..Conv2d::default() };
                let op = Conv2dGradInput { conv, h: image.h * 2, w: image.w * 2 };
                operator(image, Shape::new(2, 2, out, image.c), Op::Conv2dGradInput(op))
            }
        }
    }
}

fn operator(image: Shape, filter: Shape, op: Op) -> Result<Built> {
    let mut graph = Graph::new();
    let x = graph.input("x", image, DType::F32)?;
    let w = graph.parameter("w", filter, Layout::Filter)?;
    let y = graph.add("y", op, &[x, w])?;
    graph.set_outputs(vec![y]);
    let scale = atrous_io::fill::weight_scale(filter.n * filter.h * filter.w, 1.0);
    let values = atrous_io::fill::uniform("bench/w", filter.len(), 0.0, scale);
    Ok(Built { graph, parameters: Box::new(std::collections::HashMap::from([("w".to_owned(), values)])) })
}
