//! The workloads of the benchmark.

use std::collections::HashMap;

use anyhow::Result;
use atrous_golden::fill::{self, FillSource};
use atrous_graph::autodiff::{Recompute, backward, backward_from};
use atrous_graph::op::{BatchNorm, Conv2d, Conv2dGradInput, Padding, Reduce};
use atrous_graph::optim::{Optimizer, Training};
use atrous_graph::{DType, Graph, Layout, NodeId, Op, Shape};
use atrous_nn::zoo::{self, BuildOptions, ResNet, ResNetEncoder, UNet};
use atrous_nn::{Mode, Network};
use atrous_train::loss::{CrossEntropyLoss, cross_entropy};

/// A graph to run, with its description.
pub(super) struct Workload {
    /// Number and description, such as `W1 ResNet-50 224² b1`.
    pub(super) name: &'static str,
    kind: Kind,
}

enum Kind {
    /// A network of the zoo at this batch and image size.
    Network { name: &'static str, batch: usize, size: usize },
    /// A convolution.
    Conv { image: Shape, out: usize, kernel: usize, conv: Conv2d },
    /// A 2×2 transposed convolution of stride 2.
    Transposed { image: Shape, out: usize },
    /// A training step of a network: forward, cross-entropy, backward, SGD with momentum.
    Training { network: fn() -> Box<dyn Network>, image: Shape, classes: usize },
    /// Both gradients of a convolution or transposed convolution.
    Backward(Box<Kind>),
    /// Batch normalisation by the batch's statistics, and its gradients.
    BatchNorm { image: Shape },
}

/// A graph with the values of its parameters, and the update if it is a training step.
pub(super) struct Built {
    pub(super) graph: Graph,
    pub(super) parameters: Box<dyn atrous_graph::ParameterSource>,
    pub(super) training: Option<Training>,
}

pub(super) fn all() -> Vec<Workload> {
    let network = |name, model, batch, size| Workload { name, kind: Kind::Network { name: model, batch, size } };
    let conv = |name, [size, c, out, kernel]: [usize; 4], dilation, groups| {
        let pad = kernel / 2 * dilation;
        let conv = Conv2d { stride: [1, 1], dilation: [dilation; 2], padding: Padding::symmetric(pad, pad), groups };
        Workload { name, kind: Kind::Conv { image: Shape::new(1, size, size, c), out, kernel, conv } }
    };
    let transposed = || Kind::Transposed { image: Shape::new(1, 32, 32, 256), out: 128 };
    let training = |name, network, image, classes| Workload { name, kind: Kind::Training { network, image, classes } };
    let backward = |name, kind| Workload { name, kind: Kind::Backward(Box::new(kind)) };
    let kind = |w: Workload| w.kind;
    vec![
        network("W1 ResNet-50 224² b1", "resnet50", 1, 224),
        network("W1 ResNet-50 224² b8", "resnet50", 8, 224),
        network("W2 Xception 299² b1", "keras_xception", 1, 299),
        network("W3 U-Net 64…1024 256² b1", "unet", 1, 256),
        network("W4 DeepLabV3+ ResNet-50 OS16 256² b1", "smp_deeplabv3plus_resnet50", 1, 256),
        training("W5 ResNet-18 64² b8 training step", resnet18, Shape::new(8, 64, 64, 3), 1000),
        training("W6 U-Net 16…256 128² b2 training step", unet16, Shape::new(2, 128, 128, 3), 21),
        conv("O1 conv 3×3 64→64 56²", [56, 64, 64, 3], 1, 1),
        conv("O2 conv 1×1 256→64 56²", [56, 256, 64, 1], 1, 1),
        conv("O3 depthwise 3×3 728 19²", [19, 728, 728, 3], 1, 728),
        conv("O4 atrous 3×3 rate 12 256→256 33²", [33, 256, 256, 3], 12, 1),
        Workload { name: "O5 transposed 2×2 s2 256→128 32²", kind: transposed() },
        conv("O6 GEMM 1024³", [32, 1024, 1024, 1], 1, 1),
        Workload {
            name: "O7 batch norm training 64 56² b8",
            kind: Kind::BatchNorm { image: Shape::new(8, 56, 56, 64) },
        },
        backward("O1 backward", kind(conv("", [56, 64, 64, 3], 1, 1))),
        backward("O2 backward", kind(conv("", [56, 256, 64, 1], 1, 1))),
        backward("O3 backward", kind(conv("", [19, 728, 728, 3], 1, 728))),
        backward("O4 backward", kind(conv("", [33, 256, 256, 3], 12, 1))),
        backward("O5 backward", transposed()),
    ]
}

fn resnet18() -> Box<dyn Network> {
    Box::new(ResNet::new(ResNetEncoder::RESNET18))
}

fn unet16() -> Box<dyn Network> {
    Box::new(UNet { base: 16, ..UNet::PADDED })
}

/// The names of all workloads, for an error message.
pub(super) fn names() -> String {
    all().iter().map(|w| format!("\"{}\"", w.name)).collect::<Vec<_>>().join(", ")
}

impl Workload {
    pub(super) fn build(&self) -> Result<Built> {
        self.kind.build()
    }
}

impl Kind {
    fn build(&self) -> Result<Built> {
        match self {
            Self::Network { name, batch, size } => {
                let options = BuildOptions { input: Some((*batch, *size, *size)), ..BuildOptions::default() };
                let model = zoo::build(name, &options)?;
                let parameters = Box::new(FillSource::new(&model, "bench/", 1.0));
                let mut graph = model.graph;
                // Auxiliary heads are left out: only training uses them.
                graph.set_outputs(graph.outputs()[..1].to_vec());
                Ok(Built { graph, parameters, training: None })
            }
            Self::Conv { image, out, kernel, conv } => {
                let filter = Shape::new(*kernel, *kernel, image.c / conv.groups, *out);
                operator(*image, filter, Op::Conv2d(*conv))
            }
            Self::Transposed { image, out } => {
                let conv = Conv2d { stride: [2, 2], ..Conv2d::default() };
                let op = Conv2dGradInput { conv, h: image.h * 2, w: image.w * 2 };
                operator(*image, Shape::new(2, 2, *out, image.c), Op::Conv2dGradInput(op))
            }
            Self::Training { network, image, classes } => training(&*network(), *image, *classes),
            Self::Backward(kind) => {
                let mut built = kind.build()?;
                let (x, w) = (built.graph.find("x")?, built.graph.find("w")?);
                gradients(&mut built.graph, "y", &[x, w], &[])?;
                Ok(built)
            }
            Self::BatchNorm { image } => batch_norm(*image),
        }
    }
}

fn operator(image: Shape, filter: Shape, op: Op) -> Result<Built> {
    let mut graph = Graph::new();
    let x = graph.input("x", image, DType::F32)?;
    let w = graph.parameter("w", filter, Layout::Filter)?;
    let y = graph.add("y", op, &[x, w])?;
    graph.set_outputs(vec![y]);
    let scale = fill::weight_scale(filter.n * filter.h * filter.w, 1.0);
    let values = fill::uniform("bench/w", filter.len(), 0.0, scale);
    Ok(Built { graph, parameters: Box::new(HashMap::from([("w".to_owned(), values)])), training: None })
}

/// Adds the gradients of `y` for an upstream gradient that becomes the input `dy`. The graph's outputs become these and `also`.
fn gradients(graph: &mut Graph, y: &str, wrt: &[NodeId], also: &[NodeId]) -> Result<()> {
    let y = graph.find(y)?;
    let dy = graph.input("dy", graph.shape(y), DType::F32)?;
    let gradients = backward_from(graph, &[(y, dy)], wrt, &Recompute::default())?;
    graph.set_outputs(also.iter().copied().chain(gradients.into_iter().flatten()).collect());
    Ok(())
}

fn batch_norm(image: Shape) -> Result<Built> {
    let mut graph = Graph::new();
    let x = graph.input("x", image, DType::F32)?;
    let scale = graph.parameter("scale", Shape::channels(image.c), Layout::Image)?;
    let shift = graph.parameter("shift", Shape::channels(image.c), Layout::Image)?;
    let mean = graph.add("mean", Op::Reduce(Reduce::MEAN_NHW), &[x])?;
    let var = graph.add("var", Op::ChannelVariance, &[x, mean])?;
    let op = Op::BatchNorm(BatchNorm { eps: 1e-5, scale: true, shift: true, batch: true });
    let y = graph.add("y", op, &[x, mean, var, scale, shift])?;
    gradients(&mut graph, "y", &[x, scale, shift], &[y])?;
    let ones = |name: &str, value| (name.to_owned(), vec![value; image.c]);
    let parameters = Box::new(HashMap::from([ones("scale", 1.0), ones("shift", 0.0)]));
    Ok(Built { graph, parameters, training: None })
}

fn training(network: &dyn Network, image: Shape, classes: usize) -> Result<Built> {
    let mut model = network.with_classes(classes)?.build("bench", image, Mode::Training)?;
    let parameters = Box::new(FillSource::new(&model, "bench/", 1.0));
    let labels = Shape { c: 1, ..model.output_shape() };
    let target = model.graph.input("target", labels, DType::U32)?;
    let logits = model.output();
    let loss = cross_entropy(&mut model.graph, "loss", logits, target, &CrossEntropyLoss::default())?;
    let trained: Vec<NodeId> = model.parameters.iter().filter(|p| p.trainable).map(|p| p.node).collect();
    let gradients = backward(&mut model.graph, &[(loss, 1.0)], &trained, &Recompute::default())?;
    let gradients = trained.into_iter().zip(gradients).filter_map(|(p, g)| Some((p, g?)));
    let training = Training::new(loss, gradients, Optimizer::sgd(0.9))
        .weight_decay(1e-4)
        .assignments(model.running.iter().map(|r| (r.parameter, r.value)));
    model.graph.set_outputs(Vec::new());
    Ok(Built { graph: model.graph, parameters, training: Some(training) })
}
