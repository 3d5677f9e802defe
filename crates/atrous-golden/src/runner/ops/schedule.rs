//! Learning-rate schedules.

use atrous_io::WeightFile;
use atrous_train::Schedule;

use super::super::{CaseError, compare, folder::stored, params::Params};
use super::case::Case;

/// Compares the stored learning rates of all steps.
pub(super) fn check(case: &Case, file: &WeightFile) -> Result<(), CaseError> {
    let mut p = Params::new(case.params.clone());
    let base: f64 = p.take("base_lr")?;
    let base = p.optional("max_lr")?.unwrap_or(base);
    p.says("meaning", &["lr[t]: learning rate used at step t"])?;
    let _: Option<String> = p.optional("rule")?;
    let schedule = schedule(&mut p)?;
    p.finish()?;
    schedule.validate().map_err(CaseError::failed)?;
    for (name, expected) in &case.outputs {
        if name != "lr" {
            return Err(CaseError::Unsupported(format!("the result {name}")));
        }
        let want = stored(file, &expected.key)?;
        let got: Vec<f32> = (0..want.values.len()).map(|step| schedule.rate(base, step as u64) as f32).collect();
        compare::close("lr", &want.shape, &got, &want.values, expected.atol)?;
    }
    Ok(())
}

/// Reads a schedule: each kind is recognised by a parameter that no other kind has.
fn schedule(p: &mut Params) -> Result<Schedule, CaseError> {
    if let Some(steps) = p.optional("linear_iters")? {
        let text: String = p.take("then")?;
        let then = text.strip_prefix("cosine T_max=").and_then(|n| n.parse().ok());
        let steps_then = then.ok_or_else(|| CaseError::Unsupported(format!("a warm-up followed by \"{text}\"")))?;
        let then = Box::new(Schedule::Cosine { steps: steps_then, min: 0.0 });
        return Ok(Schedule::Warmup { steps, start: p.take("linear_start")?, then });
    }
    if let Some(steps) = p.optional("T_max")? {
        return Ok(Schedule::Cosine { steps, min: p.optional("eta_min")?.unwrap_or(0.0) });
    }
    if let Some(steps) = p.optional("total_iters")? {
        return Ok(Schedule::Poly { steps, power: p.optional("power")?.unwrap_or(1.0) });
    }
    if let Some(steps) = p.optional("total_steps")? {
        p.off("three_phase")?;
        p.says("anneal_strategy", &["cos"])?;
        return Ok(Schedule::OneCycle {
            steps,
            pct_start: p.optional("pct_start")?.unwrap_or(0.3),
            div_factor: p.optional("div_factor")?.unwrap_or(25.0),
            final_div_factor: p.optional("final_div_factor")?.unwrap_or(1e4),
        });
    }
    let gamma = p.optional("gamma")?;
    if let Some(step_size) = p.optional("step_size")? {
        return Ok(Schedule::Step { step_size, gamma: gamma.unwrap_or(0.1) });
    }
    if let Some(milestones) = p.optional("milestones")? {
        return Ok(Schedule::MultiStep { milestones, gamma: gamma.unwrap_or(0.1) });
    }
    Ok(gamma.map_or(Schedule::Constant {}, |gamma| Schedule::Exponential { gamma }))
}
