//! Batch normalisation by each framework's convention.

use atrous_graph::{
    Op,
    op::{BatchNorm, Reduce, RunningStat},
};

use super::super::{CaseError, params::Params};
use super::draft::Draft;

/// PyTorch: `running = (1-m)*running + m*batch`, unbiased variance stored.
const TORCH: usize = 0;
/// Keras: `moving = m*moving + (1-m)*batch`, biased variance stored.
const KERAS: usize = 1;
/// TensorFlow's fused kernel: Keras' momentum, unbiased variance stored.
const TENSORFLOW: usize = 2;

pub(super) fn batch_norm(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    let (training, eps, momentum): (bool, f64, f64) = (p.take("training")?, p.take("eps")?, p.take("momentum")?);
    let calls: usize = p.optional("forward_calls")?.unwrap_or(1);
    let known = [
        "torch: running = (1-m)*running + m*batch; normalises with the biased variance, stores the unbiased (n/(n-1)) one",
        "keras: moving = momentum*moving + (1-momentum)*batch; the stored variance is the BIASED batch variance",
        "TF fused batch-norm as used by TF-slim / TF-DeepLab: the stored variance is the UNBIASED (n/(n-1)) one",
    ];
    let convention = p
        .says("convention", &known)?
        .ok_or_else(|| CaseError::Unsupported("batch normalisation without a convention".to_owned()))?;
    if calls == 0 {
        return Err(CaseError::Unsupported("no forward call at all".to_owned()));
    }

    let x = d.image("x")?;
    let (mut running_mean, mut running_var) = (d.vector("running_mean")?, d.vector("running_var")?);
    let affine: Vec<_> = [d.optional_vector("weight")?, d.optional_vector("bias")?].into();
    let op = Op::BatchNorm(BatchNorm { eps, scale: affine[0].is_some(), shift: affine[1].is_some(), batch: training });
    let inputs = |mean, var| [vec![x, mean, var], affine.iter().copied().flatten().collect()].concat();
    if !training {
        let out = d.add(op, &inputs(running_mean, running_var))?;
        d.output(out);
        return Ok(());
    }

    let mean = d.add(Op::Reduce(Reduce::MEAN_NHW), &[x])?;
    let var = d.add(Op::ChannelVariance, &[x, mean])?;
    let out = d.add(op, &inputs(mean, var))?;
    d.output(out);
    let take = match convention {
        TORCH => momentum,
        KERAS | TENSORFLOW => 1.0 - momentum,
        _ => return Err(CaseError::Unsupported(format!("convention {convention}"))),
    };
    let count = Reduce::MEAN_NHW.count(d.graph.shape(x));
    let new_mean = RunningStat::mean(take);
    let new_var = if convention == KERAS { new_mean } else { RunningStat::unbiased_variance(take, count) };
    for _ in 0..calls {
        running_mean = d.add(Op::RunningStat(new_mean), &[running_mean, mean])?;
        running_var = d.add(Op::RunningStat(new_var), &[running_var, var])?;
    }
    d.outputs.insert("new_running_mean".to_owned(), running_mean);
    d.outputs.insert("new_running_var".to_owned(), running_var);
    Ok(())
}
