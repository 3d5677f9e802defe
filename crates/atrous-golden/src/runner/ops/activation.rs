//! Functions of single elements, of pairs, and over channels.

use atrous_graph::{
    Op,
    op::{Binary, Dropout, DropoutUnit, Unary},
};

use super::super::{CaseError, params::Params};
use super::draft::Draft;

pub(super) fn activation(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    let function: String = p.take("function")?;
    let unary = match function.as_str() {
        "relu" => Unary::Relu,
        "relu6" => Unary::Relu6,
        "leaky_relu" => Unary::LeakyRelu { slope: p.take("slope")? },
        "elu" => Unary::Elu { alpha: p.optional("alpha")?.unwrap_or(1.0) },
        "sigmoid" => Unary::Sigmoid,
        "tanh" => Unary::Tanh,
        "swish" | "silu" => Unary::Silu,
        "gelu" | "gelu_erf" => Unary::Gelu,
        "gelu_tanh" => Unary::GeluTanh,
        "hard_sigmoid" => Unary::HardSigmoid,
        "hard_swish" => Unary::HardSwish,
        "softplus" => Unary::Softplus,
        other => match other.strip_prefix("leaky_relu_").and_then(|slope| slope.parse().ok()) {
            Some(slope) => Unary::LeakyRelu { slope },
            None => return Err(CaseError::Unsupported(format!("the function \"{other}\""))),
        },
    };
    let x = d.image("x")?;
    let out = d.add(Op::Unary(unary), &[x])?;
    d.output(out);
    Ok(())
}

/// Softmax and its logarithm.
pub(super) fn over_channels(d: &mut Draft<'_>, p: &mut Params, op: Op) -> Result<(), CaseError> {
    p.axis_of_channels()?;
    let x = d.image("x")?;
    let out = d.add(op, &[x])?;
    d.output(out);
    Ok(())
}

/// A function of `a` and `b`; if the case has no `b`, of `a` and `a`.
pub(super) fn binary(d: &mut Draft<'_>, op: Binary) -> Result<(), CaseError> {
    let a = d.image("a")?;
    let b = if d.has("b") { d.image("b")? } else { a };
    let out = d.add(Op::Binary(op), &[a, b])?;
    d.output(out);
    Ok(())
}

/// torchvision's `StochasticDepth` at inference: the identity.
pub(super) fn stochastic_depth(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    let unit = match p.take::<String>("mode")?.as_str() {
        "row" => DropoutUnit::Sample,
        "batch" => DropoutUnit::Batch,
        other => return Err(CaseError::Unsupported(format!("the mode \"{other}\""))),
    };
    dropout(d, p, unit)
}

/// Dropout at inference: the identity.
pub(super) fn dropout(d: &mut Draft<'_>, p: &mut Params, unit: DropoutUnit) -> Result<(), CaseError> {
    let rate = p.take("rate")?;
    if p.optional::<bool>("training")? == Some(true) {
        return Err(CaseError::Unsupported("dropout in training".to_owned()));
    }
    let x = d.image("x")?;
    let out = d.add(Op::Dropout(Dropout { rate, stream: 0, unit }), &[x])?;
    d.output(out);
    Ok(())
}
