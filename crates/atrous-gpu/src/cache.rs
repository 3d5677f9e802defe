//! Sessions of one network for several input shapes.

use std::sync::Arc;
#[cfg(not(target_arch = "wasm32"))]
use std::time::Duration;

use atrous_graph::{Graph, GraphError, ParameterSource, Shape};
#[cfg(not(target_arch = "wasm32"))]
use atrous_kernels::Plan;
use atrous_kernels::{Compiled, Purpose};

#[cfg(not(target_arch = "wasm32"))]
use crate::TuneReport;
use crate::{Device, GpuError, Parameters, Session};

/// Builds a network's graph for one input shape and compiles it for any purpose except training.
#[cfg(not(target_arch = "wasm32"))]
pub type BuildCompiled = Box<dyn Fn(Shape) -> Result<Compiled, GpuError> + Send + Sync>;
/// Builds a network's graph for one input shape and compiles it for any purpose except training. In browsers it need not be `Send`: it may
/// hold a [`Device`], which belongs to one thread there.
#[cfg(target_arch = "wasm32")]
pub type BuildCompiled = Box<dyn Fn(Shape) -> Result<Compiled, GpuError>>;

/// Builds a network's graph, its outputs declared, for one input shape.
#[cfg(not(target_arch = "wasm32"))]
pub type BuildGraph = Box<dyn Fn(Shape) -> Result<Graph, GraphError> + Send + Sync>;
/// Builds a network's graph, its outputs declared, for one input shape. In browsers it need not be `Send`.
#[cfg(target_arch = "wasm32")]
pub type BuildGraph = Box<dyn Fn(Shape) -> Result<Graph, GraphError>>;

/// A network for inputs of any batch and size: the first call with an input shape plans it, and the most recently used sessions are
/// kept. All sessions share one set of parameters.
pub struct SessionCache {
    device: Device,
    parameters: Arc<Parameters>,
    build: BuildCompiled,
    capacity: usize,
    /// The most recently used session is the last.
    sessions: Vec<(Shape, Session)>,
}

impl SessionCache {
    /// A cache of at most `capacity` sessions (at least one) over parameters that are on the device already. Graphs are compiled for
    /// [inference](Purpose::Inference), folded if the parameters [are](Parameters::upload_folded).
    pub fn new(parameters: Arc<Parameters>, build: BuildGraph, capacity: usize) -> Self {
        let (device, fold) = (parameters.device().clone(), parameters.are_folded());
        let compiled = move |shape| {
            let graph = build(shape)?;
            device.compile(&graph, &Purpose::Inference { outputs: graph.outputs(), fold })
        };
        Self::compiled(parameters, Box::new(compiled), capacity)
    }

    /// A cache whose graphs are compiled by `build`, for any purpose except training.
    pub fn compiled(parameters: Arc<Parameters>, build: BuildCompiled, capacity: usize) -> Self {
        let device = parameters.device().clone();
        Self { device, parameters, build, capacity: capacity.max(1), sessions: Vec::new() }
    }

    /// Builds the graph for one input shape, uploads its parameters, and makes a cache over them.
    ///
    /// # Errors
    /// [`GpuError::Graph`] if the graph cannot be built for this shape; those of [`Parameters::upload`].
    pub fn upload(
        device: &Device,
        shape: Shape,
        source: &dyn ParameterSource,
        build: BuildGraph,
        capacity: usize,
    ) -> Result<Self, GpuError> {
        let parameters = Parameters::upload(device, &build(shape)?, source)?;
        Ok(Self::new(Arc::new(parameters), build, capacity))
    }

    /// The session for this input shape. If the cache is full, the least recently used session is dropped before the new one is made.
    ///
    /// # Errors
    /// [`GpuError::Graph`] if the graph cannot be built for this shape; those of [`Session::new`].
    pub fn session(&mut self, shape: Shape) -> Result<&mut Session, GpuError> {
        let entry = match self.sessions.iter().position(|(known, _)| *known == shape) {
            Some(index) => self.sessions.remove(index),
            None => {
                let compiled = (self.build)(shape)?;
                if self.sessions.len() >= self.capacity {
                    self.sessions.remove(0);
                }
                (shape, Session::from_compiled(&self.device, compiled, self.parameters.clone())?)
            }
        };
        self.sessions.push(entry);
        let last = self.sessions.last_mut().expect("a session was just pushed");
        Ok(&mut last.1)
    }

    /// Searches for the fastest kernels for one input shape with [`Device::tune`]. All sessions are dropped, so that new ones use the
    /// kernels that were found.
    ///
    /// # Errors
    /// [`GpuError::Graph`] if the graph cannot be built for this shape, [`GpuError::Plan`] if it does not fit the device; those
    /// of [`Device::tune`].
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn tune(&mut self, shape: Shape, budget: Duration) -> Result<TuneReport, GpuError> {
        let plan = self.begin_tuning(shape)?;
        self.device.tune(&plan, budget).await
    }

    /// [`Self::tune`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::tune`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn tune_blocking(&mut self, shape: Shape, budget: Duration) -> Result<TuneReport, GpuError> {
        let plan = self.begin_tuning(shape)?;
        self.device.tune_blocking(&plan, budget)
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn begin_tuning(&mut self, shape: Shape) -> Result<Plan, GpuError> {
        let compiled = (self.build)(shape)?;
        self.clear();
        Ok(compiled.plan)
    }

    /// Drops all sessions; later calls of [`Self::session`] plan new ones.
    pub fn clear(&mut self) {
        self.sessions.clear();
    }

    /// Input shapes of the sessions that are kept; the most recently used is the last.
    pub fn shapes(&self) -> impl Iterator<Item = Shape> {
        self.sessions.iter().map(|(shape, _)| *shape)
    }

    /// The parameters that all sessions share.
    pub fn parameters(&self) -> &Arc<Parameters> {
        &self.parameters
    }
}

impl std::fmt::Debug for SessionCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shapes: Vec<Shape> = self.shapes().collect();
        f.debug_struct("SessionCache")
            .field("shapes", &shapes)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
