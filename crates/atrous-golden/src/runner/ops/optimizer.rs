//! Optimizers: a few steps from given gradients, on the adapter and by the reference.

use std::collections::HashMap;

use atrous_gpu::InputData;
use atrous_graph::autodiff::{Recompute, backward};
use atrous_graph::op::{Binary, Fill};
use atrous_graph::optim::{Convention, Optimizer, Training};
use atrous_graph::{DType, Graph, Layout, NodeId, Op, Shape};
use atrous_io::WeightFile;

use super::super::{CaseError, Executor, array::Array, compare, folder::stored, params::Params};
use super::case::Case;

/// The update rule of a case and its settings.
struct Rule {
    optimizer: Optimizer,
    maximize: bool,
    lr: f64,
    weight_decay: f64,
    clip_norm: Option<f64>,
    steps: usize,
}

/// Takes the steps and compares the parameters after each.
pub(super) fn check(case: &Case, file: &WeightFile, executor: &Executor) -> Result<(), CaseError> {
    let rule = rule(case)?;
    let names: Vec<&str> = case.outputs.keys().filter_map(|output| output.strip_suffix("_steps")).collect();
    if names.is_empty() || names.len() != case.outputs.len() {
        return Err(CaseError::Unsupported(format!("results {:?}", case.outputs.keys())));
    }
    let (graph, training, first) = network(case, &names, &rule)?;
    let mut batches = Vec::new();
    for step in 1..=rule.steps {
        let of = |name: &&str| Ok((format!("g{name}"), array(case, &format!("g{name}{step}"))?.values));
        batches.push(names.iter().map(of).collect::<Result<Vec<(String, Vec<f32>)>, CaseError>>()?);
    }
    let parameters = executor.upload(&graph, &first)?;
    let inputs: Vec<Vec<(&str, InputData<'_>)>> =
        batches.iter().map(|b| b.iter().map(|(name, g)| (name.as_str(), InputData::F32(g))).collect()).collect();
    let after = executor.parameters_after_steps(&graph, parameters, &training, &inputs, rule.lr)?;
    for name in names {
        let expected = &case.outputs[&format!("{name}_steps")];
        let want = stored(file, &expected.key)?;
        let got: Vec<f32> = after.iter().flat_map(|values| values[name].clone()).collect();
        compare::close(&format!("{name} after each step"), &want.shape, &got, &want.values, expected.atol)?;
    }
    Ok(())
}

fn array(case: &Case, name: &str) -> Result<Array, CaseError> {
    let missing = || CaseError::Unsupported(format!("the input \"{name}\" is missing"));
    case.inputs.get(name).ok_or_else(missing)?.array()
}

/// Reads the update rule from the case's name: one of its words, separated by underscores, is the optimizer; the first word is the
/// framework unless a parameter states it.
fn rule(case: &Case) -> Result<Rule, CaseError> {
    let mut p = Params::new(case.params.clone());
    let unknown = || CaseError::Unsupported(format!("the optimizer of {}", case.name));
    let mut words = case.name.rsplit('/').next().unwrap_or_default().split('_');
    let convention = match case.framework.as_deref().or_else(|| words.clone().next()) {
        Some("torch") => Convention::Torch,
        Some("keras") => Convention::Keras,
        _ => return Err(unknown()),
    };
    let kind = words
        .find(|word| ["sgd", "rmsprop", "adam", "adamw", "nadam", "adagrad"].contains(word))
        .ok_or_else(unknown)?;
    let optimizer = match kind {
        "sgd" => {
            let momentum = p.optional("momentum")?.unwrap_or(0.0);
            let dampening = p.optional("dampening")?.unwrap_or(0.0);
            Optimizer::Sgd { momentum, dampening, nesterov: p.optional("nesterov")?.unwrap_or(false), convention }
        }
        "rmsprop" => {
            let alpha = match p.optional("rho")? {
                Some(rho) => rho,
                None => p.take("alpha")?,
            };
            let momentum = p.optional("momentum")?.unwrap_or(0.0);
            let centered = p.optional("centered")?.unwrap_or(false);
            Optimizer::RmsProp { alpha, eps: p.take("eps")?, momentum, centered, convention }
        }
        "nadam" => {
            let (beta1, beta2, eps) = (p.take("beta1")?, p.take("beta2")?, p.take("eps")?);
            let keras = convention == Convention::Keras;
            let momentum_decay = p.optional("momentum_decay")?.unwrap_or(if keras { 1.0 } else { 4e-3 });
            let decoupled = p.optional("decoupled_weight_decay")?.unwrap_or(keras);
            Optimizer::NAdam { beta1, beta2, eps, momentum_decay, decoupled }
        }
        "adagrad" => {
            let lr_decay = p.optional("lr_decay")?.unwrap_or(0.0);
            let initial_accumulator = p.optional("initial_accumulator_value")?.unwrap_or(0.0);
            Optimizer::Adagrad { lr_decay, initial_accumulator, eps: p.take("eps")?, convention }
        }
        _ => {
            let amsgrad = p.optional("amsgrad")?.unwrap_or(false);
            let (beta1, beta2, eps) = (p.take("beta1")?, p.take("beta2")?, p.take("eps")?);
            Optimizer::Adam { beta1, beta2, eps, decoupled: kind == "adamw", amsgrad, convention }
        }
    };
    let _: Option<String> = p.optional("rule")?;
    p.says("meaning", &["parameters after step t+1 with gradients"])?;
    let rule = Rule {
        optimizer,
        maximize: p.optional("maximize")?.unwrap_or(false),
        lr: p.take("lr")?,
        weight_decay: p.optional("weight_decay")?.unwrap_or(0.0),
        clip_norm: p.optional("clip_grad_norm")?,
        steps: p.take("steps")?,
    };
    p.finish()?;
    Ok(rule)
}

/// A graph, the update of a step, and the parameters before the first step.
type Trained = (Graph, Training, HashMap<String, Vec<f32>>);

/// A graph with the loss `Σ parameter · input`, so that the inputs are the gradients of the parameters.
fn network(case: &Case, names: &[&str], rule: &Rule) -> Result<Trained, CaseError> {
    let mut graph = Graph::new();
    let mut first = HashMap::new();
    let (mut parameters, mut terms) = (Vec::new(), Vec::new());
    for name in names {
        let array = array(case, name)?;
        let shape = match array.shape[..] {
            [] => Shape::channels(1),
            [n] => Shape::channels(n),
            [h, w] => Shape::new(1, 1, h, w),
            [n, h, w, c] => Shape::new(n, h, w, c),
            _ => return Err(CaseError::Unsupported(format!("a parameter of shape {:?}", array.shape))),
        };
        let p = graph.parameter(name, shape, Layout::Image)?;
        let g = graph.input(&format!("g{name}"), shape, DType::F32)?;
        terms.push(graph.add("term", Op::Binary(Binary::Mul), &[p, g])?);
        parameters.push(p);
        first.insert((*name).to_owned(), array.values);
    }
    let losses: Vec<(NodeId, f32)> = terms.iter().map(|term| (*term, 1.0)).collect();
    let gradients = backward(&mut graph, &losses, &parameters, &Recompute::Nothing)?;
    // A step is applied only if its loss is finite; its value is not used otherwise.
    let loss = graph.add("loss", Op::Fill(Fill { shape: Shape::channels(1), value: 0.0 }), &[])?;
    let gradients = parameters.into_iter().zip(gradients).filter_map(|(p, g)| Some((p, g?)));
    let training = Training::new(loss, gradients, rule.optimizer)
        .maximize(rule.maximize)
        .weight_decay(rule.weight_decay)
        .clip_norm(rule.clip_norm);
    Ok((graph, training, first))
}
