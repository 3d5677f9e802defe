//! `atrous plan`.

use atrous::Result;
use atrous::graph::passes::{Precision, optimize};
use atrous::kernels::{self, Limits, Target};

use crate::args::PlanOptions;

/// The network's plan and what passes did to its graph before, or the graph as it is for Graphviz.
pub(crate) fn plan(options: &PlanOptions) -> Result<String> {
    let model = options.network.build()?;
    if options.dot {
        return Ok(model.graph.to_dot());
    }
    let (outputs, precision) = ([model.output()], options.precision()?);
    let optimized = optimize(&model.graph, &outputs, options.passes()?).stored(&outputs, precision, true);
    let outputs = optimized.now(&outputs);
    let plan = |target: &Target| kernels::plan::plan(&optimized.graph, &outputs, target);
    let Some(device) = options.device()? else {
        let target = Target { f16: precision == Precision::F16, ..Target::new(Limits::WEBGPU, false) };
        return Ok(format!("{}\n{}", plan(&target)?, optimized.report));
    };
    let tuned = options.tune.run(&device, &plan(&device.target())?)?.unwrap_or_default();
    Ok(format!("{tuned}{}\n{}", plan(&device.target())?, optimized.report))
}
