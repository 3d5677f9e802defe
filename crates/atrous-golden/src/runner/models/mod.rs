//! Whole networks.

mod bounds;
mod definition;
mod entry;
mod eval;
mod images;
mod steps;
mod taps;
mod train;

use std::{sync::Arc, time::Instant};

use anyhow::Result;
use atrous_gpu::Parameters;
use atrous_graph::{Shape, passes::Precision};
use atrous_io::WeightFile;
use atrous_nn::{Mode, Model};

use super::{CaseError, Executor, Folder, Options, Report, folder::Listed};
use crate::fill::FillSource;
use crate::{ConstructorError, from_constructor};
use entry::{Detail, Entry};
use images::Photographs;

/// Runs all cases of all networks that the options ask for, one network after the other.
pub(super) fn run(options: &Options, folder: &Folder, executor: &Executor, report: &mut Report<'_>) -> Result<()> {
    let entries: Vec<Listed<Entry>> = folder.json("models.json")?;
    let photographs = Photographs::read(folder)?;
    for entry in &entries {
        let entry = match entry.known() {
            Ok(entry) => entry,
            Err((name, why)) => {
                if options.wants(&name) {
                    report.case(&name, &Err(why))?;
                }
                continue;
            }
        };
        // What asks for activations stores them in f32.
        let runs = |name: &String| executor.precision() == Precision::F32 || !name.ends_with("/taps");
        let wanted = entry.cases().into_iter().filter(|name| options.wants(name)).filter(runs);
        let wanted: Vec<String> = wanted.collect();
        if wanted.is_empty() {
            continue;
        }
        let network = Network::load(entry, folder, executor).map_err(|error| CaseError::failed(format!("{error:#}")));
        for name in &wanted {
            let start = Instant::now();
            let result = network.as_ref().map_err(Clone::clone).and_then(|network| network.case(name, &photographs));
            report.case(name, &result)?;
            eprintln!("  {name}: {:.1} s", start.elapsed().as_secs_f64());
        }
    }
    Ok(())
}

/// A network under test. Its parameters are on the device as long as this lives.
struct Network<'a> {
    entry: &'a Entry,
    detail: Detail,
    stored: WeightFile,
    executor: &'a Executor,
    /// The parameters, or why the network cannot be tested at all.
    parameters: Result<Arc<Parameters>, CaseError>,
}

impl<'a> Network<'a> {
    fn load(entry: &'a Entry, folder: &Folder, executor: &'a Executor) -> Result<Self> {
        let detail: Detail = folder.json_gz(&entry.detail)?;
        let parameters = build(entry, entry.macs.shape(entry)).and_then(|model| {
            definition::check(entry, &detail, &model)?;
            executor.upload(&model.graph, &FillSource::new(&model, &entry.fill_prefix, entry.wvar))
        });
        Ok(Self { entry, detail, stored: folder.tensors(&entry.file)?, executor, parameters })
    }

    fn case(&self, name: &str, photographs: &Photographs) -> Result<(), CaseError> {
        let parameters = self.parameters.clone()?;
        match name.strip_prefix(&self.entry.name).unwrap_or(name) {
            "/taps" => taps::check(self, parameters, photographs),
            "/train" => train::check(self, photographs),
            other => match other.strip_prefix("/eval.").and_then(|id| self.entry.eval.get(id)) {
                Some(eval) => eval::check(self, eval, photographs),
                None => Err(CaseError::Unsupported(format!("a case named \"{other}\""))),
            },
        }
    }
}

/// Builds a network for images of shape `[n, c, h, w]`.
fn build(entry: &Entry, [n, c, h, w]: [usize; 4]) -> Result<Model, CaseError> {
    build_in(entry, [n, c, h, w], Mode::Inference)
}

fn build_in(entry: &Entry, [n, c, h, w]: [usize; 4], mode: Mode) -> Result<Model, CaseError> {
    from_constructor(&entry.constructor, Shape::new(n, h, w, c), mode).map_err(|error| match error {
        ConstructorError::Syntax { .. } | ConstructorError::Unsupported { .. } => {
            CaseError::Unsupported(error.to_string())
        }
        ConstructorError::Graph(error) => error.into(),
    })
}
