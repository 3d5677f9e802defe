//! The printed form: one line per node.

use std::fmt;

use crate::{Graph, Op};

impl fmt::Display for Graph {
    /// `%12 layer1.0.conv1 = conv2d(%9, %10) Conv2d { … } -> 1×56×56×64 f32`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, node) in self.iter() {
            let inputs: Vec<String> = node.inputs.iter().map(|i| format!("%{}", i.0)).collect();
            write!(f, "%{} {} = {}({})", id.0, node.name, node.op.name(), inputs.join(", "))?;
            let attributes = attributes(&node.op);
            if !attributes.is_empty() {
                write!(f, " {attributes}")?;
            }
            writeln!(f, " -> {}", node.ty)?;
        }
        let outputs: Vec<String> = self.outputs().iter().map(|i| format!("%{}", i.0)).collect();
        writeln!(f, "return {}", outputs.join(", "))
    }
}

impl fmt::Display for Op {
    /// Name and attributes: `conv2d stride [1, 1] dilation [1, 1] padding (1,1,1,1) groups 1`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        let attributes = attributes(self);
        if attributes.is_empty() { Ok(()) } else { write!(f, " {attributes}") }
    }
}

/// The attributes of an operation as text; empty if it has none.
pub(crate) fn attributes(op: &Op) -> String {
    match op {
        Op::Input
        | Op::Parameter
        | Op::BatchStatistics
        | Op::ChannelVariance
        | Op::Softmax
        | Op::LogSoftmax
        | Op::ArgMax
        | Op::Concat
        | Op::ChannelSum
        | Op::SoftmaxGrad
        | Op::LogSoftmaxGrad
        | Op::StopGradient
        | Op::Binary(_) => String::new(),
        Op::Conv2d(c) => conv(c),
        Op::Conv2dGradInput(g) => format!("{} size {}×{}", conv(&g.conv), g.h, g.w),
        Op::FusedConv(f) => fused(f),
        Op::Conv2dGradWeight(g) => format!("{} kernel {:?}", conv(&g.conv), g.kernel),
        Op::BatchNorm(b) => format!("eps {}{}", b.eps, if b.batch { " of the batch" } else { "" }),
        Op::BatchNormGradSums { eps } => format!("eps {eps}"),
        Op::BatchNormGrad(b) => format!("eps {}{}", b.eps, if b.batch { " of the batch" } else { "" }),
        Op::FusedBatchNorm(f) => fused_norm(f),
        Op::FusedBatchNormGradSums(g) | Op::FusedBatchNormGrad(g) => {
            format!("{} then {}", attributes(&Op::BatchNorm(g.norm())), g.activation.name())
        }
        Op::MaxPoolGrad(g) => format!("{} size {}×{}", window(&g.window), g.h, g.w),
        Op::AvgPoolGrad(g) => format!("{} size {}×{}", window(&g.pool.window), g.h, g.w),
        Op::AdaptiveAvgPoolGrad { h, w } => format!("size {h}×{w}"),
        Op::ChannelMaxPoolGrad(p) => format!("window {} stride {}", p.window, p.stride),
        Op::ResizeGrad(g) => format!("{:?} size {}×{}", g.resize.interpolation, g.h, g.w),
        Op::UnaryGrad(u) => u.name().to_owned(),
        Op::Chain(chain) => chain.steps().map(step).collect::<Vec<_>>().join(", "),
        Op::Broadcast(shape) => format!("{shape}"),
        Op::Fill { shape, value } => format!("{shape} of {value}"),
        Op::CrossEntropy(l) | Op::CrossEntropyGrad(l) => {
            let ignore = l.ignore.map_or_else(String::new, |label| format!("ignore {label} "));
            format!("{ignore}smoothing {}", l.smoothing)
        }
        Op::ResizeCrossEntropy(f) | Op::ResizeCrossEntropyGrad(f) => {
            format!("of {} {}", attributes(&Op::Resize(f.resize)), attributes(&Op::CrossEntropy(f.loss)))
        }
        Op::OneHot { classes, .. } | Op::LabelWeight { classes, .. } => format!("classes {classes}"),
        Op::Place(p) => format!("into {} at {:?}", p.shape, p.start),
        Op::PadGrad(g) => format!("{} {:?}", g.pad.padding, g.pad.mode),
        Op::RunningStat(r) if r.sample > 0 => format!("keep {} take {} of sample {}", r.keep, r.take, r.sample),
        Op::RunningStat(r) => format!("keep {} take {}", r.keep, r.take),
        Op::Reduce(r) => {
            let axes = [(r.n, "n"), (r.h, "h"), (r.w, "w")];
            let axes: String = axes.iter().filter(|(on, _)| *on).map(|(_, a)| *a).collect();
            format!("{:?} over {axes}", r.reduction).to_lowercase()
        }
        Op::MaxPool(w) | Op::MaxPoolIndices(w) => window(w),
        Op::AvgPool(a) => match (a.divisor, a.count_include_pad) {
            (Some(d), _) => format!("{} divisor {d}", window(&a.window)),
            (None, false) => format!("{} excluding padding", window(&a.window)),
            (None, true) => window(&a.window),
        },
        Op::AdaptiveAvgPool { h, w } => format!("bins {h}×{w}"),
        Op::ChannelMaxPool(p) => format!("window {} stride {}", p.window, p.stride),
        Op::Resize(r) | Op::ResizeArgMax(r) => format!("{}×{} {:?}", r.h, r.w, r.interpolation),
        Op::Unary(u) => match u {
            crate::op::Unary::LeakyRelu { slope } => format!("slope {slope}"),
            crate::op::Unary::Elu { alpha } => format!("alpha {alpha}"),
            crate::op::Unary::Affine { scale, shift } => format!("scale {scale} shift {shift}"),
            crate::op::Unary::Pow { exponent } => format!("exponent {exponent}"),
            crate::op::Unary::Huber { delta } => format!("delta {delta}"),
            crate::op::Unary::AtLeast { floor } => format!("floor {floor}"),
            _ => String::new(),
        },
        Op::Slice(s) => format!("{} from {:?}", s.size, s.start),
        Op::Pad(p) => format!("{} {:?}", p.padding, p.mode),
        Op::Flip { vertical, horizontal } => [(*vertical, "rows"), (*horizontal, "columns")]
            .iter()
            .filter(|(on, _)| *on)
            .map(|(_, a)| *a)
            .collect::<Vec<_>>()
            .join(" "),
        Op::Cast(dtype) => format!("to {dtype}"),
        Op::Dropout(d) => format!("rate {} per {}", d.rate, d.unit.name()),
        Op::Custom(op) => format!("{op:?}"),
    }
}

fn conv(c: &crate::op::Conv2d) -> String {
    format!("stride {:?} dilation {:?} padding {} groups {}", c.stride, c.dilation, c.padding, c.groups)
}

fn step(step: crate::op::Step) -> String {
    match step {
        crate::op::Step::Unary(f) => f.name().to_owned(),
        crate::op::Step::UnaryGrad(f) => format!("{} gradient", f.name()),
        crate::op::Step::Add => "add".to_owned(),
        crate::op::Step::Mul => "mul".to_owned(),
    }
}

fn fused_norm(f: &crate::op::FusedBatchNorm) -> String {
    let residual = if f.residual { " with a residual" } else { "" };
    let then = f.activation.map_or_else(String::new, |f| format!(" then {}", f.name()));
    format!("{}{residual}{then}", attributes(&Op::BatchNorm(f.norm)))
}

fn fused(f: &crate::op::FusedConv) -> String {
    let function = |what: &str, f: Option<crate::op::Unary>| f.map(|f| format!("{what} {}", f.name()));
    let parts = [
        function("of", f.prologue),
        Some(attributes(&f.conv.op())),
        f.residual.then(|| "with a residual".to_owned()),
        function("then", f.activation),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn window(w: &crate::op::Window) -> String {
    let ceil = if w.ceil_mode { " ceil" } else { "" };
    format!("kernel {:?} stride {:?} dilation {:?} padding {}{ceil}", w.kernel, w.stride, w.dilation, w.padding)
}
