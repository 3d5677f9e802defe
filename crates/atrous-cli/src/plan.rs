//! `atrous plan`.

use atrous::Result;
use atrous::kernels;

use crate::args::PlanOptions;

/// The network's plan, or its graph for Graphviz.
pub(crate) fn plan(options: &PlanOptions) -> Result<String> {
    let model = options.network.build()?;
    if options.dot {
        return Ok(model.graph.to_dot());
    }
    let plan = kernels::plan::plan(&model.graph, &[model.output()], &options.target()?)?;
    Ok(plan.to_string())
}
