//! `atrous plan`.

use atrous::Result;
use atrous::graph::passes::Precision;
use atrous::kernels::{CompileOptions, Compiled, Limits, Purpose, Target, compile};
use atrous::nn::Mode;

use crate::args::PlanOptions;
use crate::step::step;

/// The network's plan and the number of places that each pass rewrote; with `--dot` the graph before passes, for Graphviz.
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
    let text = |Compiled { plan, report, .. }: &Compiled| match options.why {
        true => format!("{plan:#}\n{report:#}"),
        false => format!("{plan}\n{report}"),
    };
    let Some(device) = options.device()? else {
        let target = Target { f16: precision == Precision::F16, ..Target::new(Limits::WEBGPU, false) };
        return Ok(text(&compiled(&target)?));
    };
    let tuned = options.tune.run(&device, &compiled(&device.target())?.plan)?.unwrap_or_default();
    Ok(format!("{tuned}{}", text(&compiled(&device.target())?)))
}
