//! `atrous plan`.

use atrous::Result;
use atrous::graph::passes::{Precision, optimize};
use atrous::kernels::plan::{plan as plan_inference, plan_training};
use atrous::kernels::{Limits, Target};
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
    let optimized = match &training {
        None => optimize(&model.graph, &outputs, passes).stored(&outputs, precision, true),
        Some(training) => {
            let kept = training.nodes();
            let optimized = optimize(&model.graph, &kept, passes.keeping_parameters());
            optimized.stored_for_training(&kept, precision, training)
        }
    };
    let plan = |target: &Target| match &training {
        None => plan_inference(&optimized.graph, &optimized.now(&outputs), target),
        Some(training) => plan_training(&optimized.graph, &[], &training.follow(&optimized), target),
    };
    let Some(device) = options.device()? else {
        let target = Target { f16: precision == Precision::F16, ..Target::new(Limits::WEBGPU, false) };
        return Ok(format!("{}\n{}", plan(&target)?, optimized.report));
    };
    let tuned = options.tune.run(&device, &plan(&device.target())?)?.unwrap_or_default();
    Ok(format!("{tuned}{}\n{}", plan(&device.target())?, optimized.report))
}
