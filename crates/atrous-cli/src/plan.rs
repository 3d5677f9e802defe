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
    let outputs = [model.output()];
    let optimized = optimize(&model.graph, &outputs, options.passes()?).stored(&outputs, options.precision()?, true);
    let plan = kernels::plan::plan(&optimized.graph, &optimized.now(&outputs), &options.target()?)?;
    Ok(format!("{plan}\n{}", optimized.report))
}
