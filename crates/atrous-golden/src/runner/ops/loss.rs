//! Losses.

use atrous_graph::{Graph, GraphError, NodeId, Op};
use atrous_train::loss::{self, CrossEntropyLoss, ProbabilitiesLoss, Reduction, RegionLoss};

use super::super::{CaseError, params::Params};
use super::draft::Draft;

fn reduction(p: &mut Params) -> Result<Reduction, CaseError> {
    let text: Option<String> = p.optional("reduction")?;
    match text.as_deref() {
        None | Some("mean" | "mean, divided by summed weights") => Ok(Reduction::Mean),
        Some(text) if text.starts_with("Keras sum_over_batch_size with ignore_class: mean over") => Ok(Reduction::Mean),
        Some("sum") => Ok(Reduction::Sum),
        Some("none") => Ok(Reduction::None),
        Some(other) => Err(CaseError::Unsupported(format!("the reduction \"{other}\""))),
    }
}

/// The ignored label, if there is one. A negative one, such as PyTorch's -100, cannot occur among unsigned labels.
fn ignored(p: &mut Params) -> Result<Option<u32>, CaseError> {
    Ok(p.optional::<i64>("ignore_index")?.and_then(|label| u32::try_from(label).ok()))
}

/// One weight per class, if the case has them.
fn class_weights(d: &mut Draft<'_>, p: &mut Params) -> Result<Option<NodeId>, CaseError> {
    let weighted: Option<bool> = p.optional("class_weights")?;
    let weights = d.optional_vector("class_weight")?;
    if weighted.is_some_and(|stated| stated != weights.is_some()) {
        return Err(CaseError::Failed("the case contradicts itself about class weights".to_owned()));
    }
    Ok(weights)
}

fn entropy(d: &mut Draft<'_>, p: &mut Params) -> Result<CrossEntropyLoss, CaseError> {
    Ok(CrossEntropyLoss {
        weights: class_weights(d, p)?,
        ignore: ignored(p)?,
        smoothing: p.optional("label_smoothing")?.unwrap_or(0.0),
        reduction: reduction(p)?,
    })
}

pub(super) fn cross_entropy(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    let how = entropy(d, p)?;
    let (x, target) = (d.image("x")?, d.labels("target")?);
    let out = loss::cross_entropy(&mut d.graph, "loss", x, target, &how)?;
    d.output(out);
    Ok(())
}

/// Adds the target: the softmax of stored logits over the classes.
pub(super) fn cross_entropy_probabilities(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    let how = ProbabilitiesLoss {
        class_weights: class_weights(d, p)?,
        smoothing: p.optional("label_smoothing")?.unwrap_or(0.0),
        reduction: reduction(p)?,
        pixel_weights: None,
    };
    let (x, logits) = (d.image("x")?, d.image("target_logits")?);
    let target = d.add(Op::Softmax, &[logits])?;
    let out = loss::cross_entropy_probabilities(&mut d.graph, "loss", [x, target], &how)?;
    d.output(out);
    Ok(())
}

pub(super) fn nll(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    let inputs = ["log_softmax(x, axis 1)", "x is taken as log-probabilities"];
    let normalises = p.says("input", &inputs)? == Some(0);
    let how = entropy(d, p)?;
    let (mut x, target) = (d.image("x")?, d.labels("target")?);
    if normalises {
        x = d.add(Op::LogSoftmax, &[x])?;
    }
    let out = loss::nll(&mut d.graph, "loss", x, target, &how)?;
    d.output(out);
    Ok(())
}

pub(super) fn bce_with_logits(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    let reduction = reduction(p)?;
    let (x, target) = (d.image("x")?, d.image("target")?);
    let weight = if d.has("weight") { Some(d.image("weight")?) } else { None };
    let pos_weight = if d.has("pos_weight") { Some(d.per_channel("pos_weight", "x")?) } else { None };
    let out = loss::bce_with_logits(&mut d.graph, "loss", [x, target], [weight, pos_weight], reduction)?;
    d.output(out);
    Ok(())
}

pub(super) fn focal(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    let gamma: f32 = p.take("gamma")?;
    let rules = ["torchvision sigmoid_focal_loss", "mean over counted pixels of (1-pt)^gamma * -log pt"];
    let rule = p.says("rule", &rules)?;
    let x = d.image("x")?;
    let out = match rule {
        Some(0) => {
            let (target, alpha) = (d.image("target")?, p.take("alpha")?);
            loss::sigmoid_focal(&mut d.graph, "loss", [x, target], [alpha, gamma], reduction(p)?)?
        }
        Some(_) => {
            let (target, ignore) = (d.labels("target")?, ignored(p)?);
            loss::focal(&mut d.graph, "loss", [x, target], gamma, ignore, reduction(p)?)?
        }
        None => return Err(CaseError::Unsupported("a focal loss without a rule".to_owned())),
    };
    d.output(out);
    Ok(())
}

type Region = fn(&mut Graph, &str, NodeId, NodeId, &RegionLoss) -> Result<NodeId, GraphError>;

pub(super) fn region(d: &mut Draft<'_>, p: &mut Params, function: Region) -> Result<(), CaseError> {
    let rules = ["score=(2*sum(p*y)+smooth)/max(sum(p+y)+smooth, eps", "score=(I+smooth)/max(sum(p+y)-I+smooth, eps)"];
    p.says("rule", &rules)?;
    let multiclass = match p.optional::<String>("mode")?.as_deref() {
        None | Some("multiclass") => true,
        Some("binary" | "multilabel") => false,
        Some(other) => return Err(CaseError::Unsupported(format!("the mode \"{other}\""))),
    };
    let smooth = p.optional("smooth")?.unwrap_or(0.0);
    let how = RegionLoss { multiclass, smooth, ignore: ignored(p)? };
    let x = d.image("x")?;
    let target = if multiclass { d.labels("target")? } else { d.image("target")? };
    let out = function(&mut d.graph, "loss", x, target, &how)?;
    d.output(out);
    Ok(())
}

type Regression = fn(&mut Graph, &str, [NodeId; 2], Reduction) -> Result<NodeId, GraphError>;

pub(super) fn regression(d: &mut Draft<'_>, p: &mut Params, function: Regression) -> Result<(), CaseError> {
    let (reduction, xt) = (reduction(p)?, [d.image("x")?, d.image("target")?]);
    let out = function(&mut d.graph, "loss", xt, reduction)?;
    d.output(out);
    Ok(())
}

type Huber = fn(&mut Graph, &str, [NodeId; 2], f32, Reduction) -> Result<NodeId, GraphError>;

pub(super) fn huber(d: &mut Draft<'_>, p: &mut Params, limit: &str, function: Huber) -> Result<(), CaseError> {
    let (limit, reduction, xt) = (p.take(limit)?, reduction(p)?, [d.image("x")?, d.image("target")?]);
    let out = function(&mut d.graph, "loss", xt, limit, reduction)?;
    d.output(out);
    Ok(())
}

pub(super) fn kl_distillation(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    let rules = [
        "alpha*T^2*KL + (1-alpha)*cross_entropy(student, target)",
        "T^2 * mean over samples (and pixels) of KL(softmax(teacher/T) || softmax(student/T)), axis 1",
    ];
    let mixed = p.says("rule", &rules)? == Some(0);
    let temperature = p.take("temperature")?;
    let (student, teacher) = (d.image("student")?, d.image("teacher")?);
    let mut out = loss::kl_distillation(&mut d.graph, "divergence", student, teacher, temperature)?;
    if mixed {
        let (target, alpha): (_, f32) = (d.labels("target")?, p.take("alpha")?);
        let how = CrossEntropyLoss { ignore: ignored(p)?, ..CrossEntropyLoss::default() };
        let entropy = loss::cross_entropy(&mut d.graph, "entropy", student, target, &how)?;
        out = loss::weighted_sum(&mut d.graph, "loss", &[(out, alpha), (entropy, 1.0 - alpha)])?;
    }
    d.output(out);
    Ok(())
}
