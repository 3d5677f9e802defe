//! `atrous plan`.

use atrous::Result;
use atrous::graph::passes::optimize;
use atrous::kernels::{self, Limits, Target};

use crate::args::PlanOptions;

/// The network's plan and what passes did to its graph before, or the graph as it is for Graphviz.
pub(crate) fn plan(options: &PlanOptions) -> Result<String> {
    let model = options.network.build()?;
    if options.dot {
        return Ok(model.graph.to_dot());
    }
    let optimized = optimize(&model.graph, &[model.output()], options.passes()?);
    let outputs = optimized.now(&[model.output()]);
    let plan = |target: &Target| kernels::plan::plan(&optimized.graph, &outputs, target);
    let Some(device) = options.device()? else {
        return Ok(format!("{}\n{}", plan(&Target::new(Limits::WEBGPU, false))?, optimized.report));
    };
    let tuned = options.tune.run(&device, &plan(&device.target())?)?.unwrap_or_default();
    Ok(format!("{tuned}{}\n{}", plan(&device.target())?, optimized.report))
}
