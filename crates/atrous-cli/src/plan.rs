//! `atrous plan`.

use atrous::Result;
use atrous::graph::passes::Precision;
use atrous::kernels::{CompileOptions, Limits, Purpose, Target, compile};
use atrous::nn::Mode;

use crate::args::PlanOptions;
use crate::step::step;

/// The network's plan and what passes did to its graph before, or the graph as it is for Graphviz.
pub(crate) fn plan(options: &PlanOptions) -> Result<String> {
    let mode = if options.train { Mode::Training } else { Mode::Inference };
    let mut model = options.network.build_for(mode)?;
    let (precision, passes) = (options.precision()?, options.passes()?);
    let training = options.train.then(|| step(&mut model, precision)).transpose()?;
    if options.dot {
        return Ok(model.graph.to_dot());
    }
    let outputs = [model.output()];
    let purpose = match &training {
        None => Purpose::Inference { outputs: &outputs, fold: true },
        Some(training) => Purpose::Training { training, outputs: &[] },
    };
    let compiled = |target: &Target| compile(&model.graph, &purpose, CompileOptions { passes, precision }, target);
    let Some(device) = options.device()? else {
        let target = Target { f16: precision == Precision::F16, ..Target::new(Limits::WEBGPU, false) };
        let compiled = compiled(&target)?;
        return Ok(format!("{}\n{}", compiled.plan, compiled.report));
    };
    let tuned = options.tune.run(&device, &compiled(&device.target())?.plan)?.unwrap_or_default();
    let compiled = compiled(&device.target())?;
    Ok(format!("{tuned}{}\n{}", compiled.plan, compiled.report))
}
