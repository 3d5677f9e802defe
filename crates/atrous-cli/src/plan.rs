//! `atrous plan`.

use atrous::graph::passes::optimize;
use atrous::{Result, kernels};

use crate::args::PlanOptions;

/// The network's plan and what passes did to its graph before, or the graph as it is for Graphviz.
pub(crate) fn plan(options: &PlanOptions) -> Result<String> {
    let model = options.network.build()?;
    if options.dot {
        return Ok(model.graph.to_dot());
    }
    let optimized = optimize(&model.graph, &[model.output()], options.passes()?);
    let plan = kernels::plan::plan(&optimized.graph, &optimized.now(&[model.output()]), &options.target()?)?;
    Ok(format!("{plan}\n{}", optimized.report))
}
