//! Networks under test.

use std::sync::Arc;

use anyhow::Result;
use atrous_gpu::Parameters;
use atrous_graph::Shape;
use atrous_io::WeightFile;
use atrous_nn::{Mode, Model};

use super::super::{CaseError, Executor, Folder};
use super::definition;
use super::entry::{Detail, Entry};
use crate::fill::FillSource;
use crate::{ConstructorError, from_constructor};

/// A network under test. Its parameters stay on the device until it is dropped.
pub(super) struct Network<'a> {
    pub(super) entry: &'a Entry,
    pub(super) detail: Detail,
    pub(super) stored: WeightFile,
    pub(super) executor: &'a Executor,
    /// The parameters, or why the network cannot be tested at all.
    pub(super) parameters: Result<Arc<Parameters>, CaseError>,
}

impl<'a> Network<'a> {
    /// Builds the network, checks that it is the one the files describe, and uploads its parameters.
    pub(super) fn load(entry: &'a Entry, folder: &Folder, executor: &'a Executor) -> Result<Self> {
        let detail: Detail = folder.json_gz(&entry.detail)?;
        let parameters = build(entry, entry.macs.shape(entry)).and_then(|model| {
            definition::check(entry, &detail, &model)?;
            executor.upload(&model.graph, &FillSource::new(&model, &entry.fill_prefix, entry.wvar))
        });
        Ok(Self { entry, detail, stored: folder.tensors(&entry.file)?, executor, parameters })
    }
}

/// Builds a network for inference on images of shape `[n, c, h, w]`.
pub(super) fn build(entry: &Entry, [n, c, h, w]: [usize; 4]) -> Result<Model, CaseError> {
    build_in(entry, [n, c, h, w], Mode::Inference)
}

/// Builds a network for images of shape `[n, c, h, w]` in this mode.
pub(super) fn build_in(entry: &Entry, [n, c, h, w]: [usize; 4], mode: Mode) -> Result<Model, CaseError> {
    from_constructor(&entry.constructor, Shape::new(n, h, w, c), mode).map_err(|error| match error {
        ConstructorError::Syntax { .. } | ConstructorError::Unsupported { .. } => {
            CaseError::Unsupported(error.to_string())
        }
        ConstructorError::Graph(error) => error.into(),
    })
}
