//! Single operations, computed on the adapter and by the CPU reference.

mod activation;
mod case;
mod conv;
mod draft;
mod loss;
mod metric;
mod movement;
mod norm;
mod optimizer;
mod pool;
mod resize;
mod run;
mod schedule;

use std::collections::HashMap;

use anyhow::Result;
use atrous_graph::op::DropoutUnit;
use atrous_io::WeightFile;

use super::{CaseError, Executor, Folder, Options, Report, folder::Listed, params::Params};
use case::Case;
use draft::Draft;

/// Runs all cases the options ask for.
pub(super) fn run(options: &Options, folder: &Folder, executor: &Executor, report: &mut Report<'_>) -> Result<()> {
    let cases: Vec<Listed<Case>> = folder.json("ops.json")?;
    let mut files: HashMap<&str, Result<WeightFile, CaseError>> = HashMap::new();
    for case in &cases {
        let (name, result) = match case.known() {
            Ok(case) if !options.wants(&case.name) => continue,
            Ok(case) => {
                let open = || folder.tensors(&case.file).map_err(|error| CaseError::failed(format!("{error:#}")));
                let file = files.entry(&case.file).or_insert_with(open);
                (case.name.clone(), file.as_ref().map_err(Clone::clone).and_then(|file| check(case, file, executor)))
            }
            Err((name, _)) if !options.wants(&name) => continue,
            Err((name, why)) => (name, Err(why)),
        };
        report.case(&name, &result)?;
    }
    Ok(())
}

/// Computes a case and compares the results.
fn check(case: &Case, file: &WeightFile, executor: &Executor) -> Result<(), CaseError> {
    match case.op.as_str() {
        "optimizer" => optimizer::check(case, file, executor),
        "schedule" => schedule::check(case, file),
        "metric" => metric::check(case, file, executor),
        _ => run::check(case, &build(case)?, file, executor),
    }
}

/// Builds the operation that a case describes. Unknown parameters and inputs are errors.
fn build(case: &Case) -> Result<Draft<'_>, CaseError> {
    let mut draft = Draft::new(case);
    let mut params = Params::new(case.params.clone());
    let (d, p) = (&mut draft, &mut params);
    match case.op.as_str() {
        "conv2d" => conv::conv2d(d, p),
        "conv_transpose2d" => conv::conv_transpose2d(d, p),
        "separable_conv2d" => conv::separable_conv2d(d, p),
        "dense" => conv::dense(d, p),
        "batch_norm" => norm::batch_norm(d, p),
        "max_pool2d" => pool::max_pool2d(d, p),
        "avg_pool2d" => pool::avg_pool2d(d, p),
        "adaptive_avg_pool2d" => pool::adaptive_avg_pool2d(d, p),
        "channel_max_pool" => pool::channel_max_pool(d, p),
        "global_avg_pool" => pool::global(d, atrous_graph::op::Reduce::MEAN_HW),
        "global_max_pool" => pool::global(d, atrous_graph::op::Reduce::MAX_HW),
        "resize_bilinear" => resize::bilinear(d, p),
        "resize_nearest" => resize::nearest(d, p),
        "activation" => activation::activation(d, p),
        "softmax" => activation::over_channels(d, p, atrous_graph::Op::Softmax),
        "log_softmax" => activation::over_channels(d, p, atrous_graph::Op::LogSoftmax),
        "add" => activation::binary(d, atrous_graph::op::Binary::Add),
        "mul" => activation::binary(d, atrous_graph::op::Binary::Mul),
        "dropout" => activation::dropout(d, p, DropoutUnit::Element),
        "dropout2d" => activation::dropout(d, p, DropoutUnit::Channel),
        "stochastic_depth" => activation::stochastic_depth(d, p),
        "concat" => movement::concat(d, p),
        "pad" => movement::pad(d, p),
        "crop" => movement::crop(d, p),
        "flip" => movement::flip(d, p),
        "cross_entropy" => loss::cross_entropy(d, p),
        "cross_entropy_probabilities" => loss::cross_entropy_probabilities(d, p),
        "nll_loss" => loss::nll(d, p),
        "bce_with_logits" => loss::bce_with_logits(d, p),
        "focal_loss" => loss::focal(d, p),
        "dice_loss" => loss::region(d, p, atrous_train::loss::dice),
        "jaccard_loss" => loss::region(d, p, atrous_train::loss::jaccard),
        "mse_loss" => loss::regression(d, p, atrous_train::loss::mse),
        "l1_loss" => loss::regression(d, p, atrous_train::loss::l1),
        "huber_loss" => loss::huber(d, p, "delta", atrous_train::loss::huber),
        "smooth_l1_loss" => loss::huber(d, p, "beta", atrous_train::loss::smooth_l1),
        "kl_distill" => loss::kl_distillation(d, p),
        other => Err(CaseError::Unsupported(format!("there is no operation \"{other}\""))),
    }?;
    params.finish()?;
    draft.finish()?;
    draft.differentiate()?;
    Ok(draft)
}
