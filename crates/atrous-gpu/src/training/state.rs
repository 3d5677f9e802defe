//! The optimizer's state, which a training keeps on the device beside the parameters.

use std::collections::HashMap;

use atrous_graph::{Shape, TensorType, optim::LossScaling};
use atrous_kernels::plan::{BufferKind, Piece};

use super::session::TrainingSession;
use crate::GpuError;
use crate::download::{Download, read_pieces, write_pieces};

/// Name of the loss scale in a training's state: the factor of the next step's loss.
pub const LOSS_SCALE: &str = "loss_scale";
/// Name of two counts in a training's state: the updates applied in a row since the loss scale changed, and all updates that were
/// skipped.
pub const LOSS_SCALE_COUNTS: &str = "loss_scale.counts";

impl TrainingSession {
    /// Copies the optimizer's state back: dense values by `STATE/PARAMETER`, such as `momentum/layer1.0.conv1.weight`, the
    /// states named as in [`Optimizer::state`](atrous_graph::optim::Optimizer::state). A training with a loss scale also has
    /// [`LOSS_SCALE`] and [`LOSS_SCALE_COUNTS`]. Accumulated gradients that wait for an update are not
    /// part of the state.
    ///
    /// # Errors
    /// [`GpuError::DeviceLost`], [`GpuError::OutOfMemory`].
    pub async fn download_state(&self) -> Result<HashMap<String, Vec<f32>>, GpuError> {
        let mut downloads = self.request_state()?;
        for (_, download) in &mut downloads {
            download.arrive().await?;
        }
        self.unpack_state(&downloads)
    }

    /// [`Self::download_state`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::download_state`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn download_state_blocking(&self) -> Result<HashMap<String, Vec<f32>>, GpuError> {
        let mut downloads = self.request_state()?;
        downloads.iter_mut().try_for_each(|(_, download)| download.wait())?;
        self.unpack_state(&downloads)
    }

    /// Sets the optimizer's state. `state` has all tensors that [`Self::download_state`] returns, and no others.
    ///
    /// # Errors
    /// Before anything is written: [`GpuError::UnknownTensor`] with the name of an unknown or missing tensor, [`GpuError::TensorLength`],
    /// [`GpuError::StepOption`] if the loss scale is no power of two. Later: [`GpuError::DeviceLost`].
    pub fn upload_state(&self, state: &HashMap<String, Vec<f32>>) -> Result<(), GpuError> {
        let tensors = self.state_tensors();
        let unknown = |what, name: &str, mut available: Vec<String>| {
            available.sort();
            GpuError::UnknownTensor { what, name: name.to_owned(), available: available.join(", ") }
        };
        if let Some(name) = state.keys().filter(|name| !tensors.iter().any(|t| t.name == **name)).min() {
            return Err(unknown("optimizer state", name, tensors.into_iter().map(|t| t.name).collect()));
        }
        for StateTensor { name, ty, .. } in &tensors {
            let given = state.get(name);
            let values =
                given.ok_or_else(|| unknown("value for the optimizer state", name, state.keys().cloned().collect()))?;
            if values.len() != ty.shape.len() {
                let (shape, needs, got) = (ty.shape, ty.shape.len(), values.len());
                return Err(GpuError::TensorLength { name: name.clone(), shape, needs, got });
            }
        }
        if let Some(scale) = state.get(LOSS_SCALE).map(|scale| scale[0]).filter(|scale| !LossScaling::allows(*scale)) {
            let (expected, value) = ("a power of two from 2^-126 to 2^126", scale.to_string());
            return Err(GpuError::StepOption { option: "loss scale", expected, value });
        }
        let buffer = |index: usize| &self.executable.buffers[index];
        tensors.iter().try_for_each(|StateTensor { name, ty, pieces }| {
            write_pieces(&self.executable.device, name, *ty, pieces, buffer, &state[name])
        })
    }

    /// Discards the gradients that were accumulated for an update which is not completed: the next run is the first of
    /// its update.
    ///
    /// # Errors
    /// [`GpuError::DeviceLost`].
    pub fn discard_accumulated(&self) -> Result<(), GpuError> {
        let executable = &self.executable;
        let buffers = executable.plan.buffers.iter().zip(&executable.buffers);
        let accumulated: Vec<_> =
            buffers.filter(|(planned, _)| matches!(planned.kind, BufferKind::Accumulated(_))).collect();
        if accumulated.is_empty() {
            return Ok(());
        }
        let device = &executable.device;
        device.check()?;
        device.scope("clearing accumulated gradients", || {
            let mut encoder = device.raw().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            accumulated.iter().for_each(|(_, buffer)| encoder.clear_buffer(buffer, 0, None));
            device.queue().submit([encoder.finish()]);
        })
    }

    fn state_tensors(&self) -> Vec<StateTensor> {
        let names = self.executable.plan.training.as_ref().map_or(&[][..], |training| training.optimizer.state());
        let mut tensors = Vec::new();
        for (k, state) in names.iter().enumerate() {
            let beside = |piece: &Piece| {
                let buffers = &self.executable.plan.buffers;
                let buffer = buffers.iter().position(|b| b.kind == BufferKind::State(k, piece.buffer));
                Piece { buffer: buffer.expect("a plan has state for every parameter it updates"), ..*piece }
            };
            for (name, ty) in &self.trained {
                let pieces = self.executable.plan.parameters.places[name].iter().map(beside).collect();
                tensors.push(StateTensor { name: format!("{state}/{name}"), ty: *ty, pieces });
            }
        }
        if let Some((_, place)) = self.executable.plan.training.as_ref().and_then(|training| training.loss_scale) {
            for (i, (name, len)) in [(LOSS_SCALE, 1), (LOSS_SCALE_COUNTS, 2)].into_iter().enumerate() {
                let (ty, offset) = (TensorType::image(Shape::channels(len)), place.offset + 16 * i as u64);
                let pieces = vec![Piece { first: 0, ty, buffer: place.buffer, offset }];
                tensors.push(StateTensor { name: name.to_owned(), ty, pieces });
            }
        }
        tensors
    }

    fn request_state(&self) -> Result<Vec<(usize, Download)>, GpuError> {
        let buffers = self.executable.plan.buffers.iter().zip(&self.executable.buffers).enumerate();
        let states =
            buffers.filter(|(_, (planned, _))| matches!(planned.kind, BufferKind::State(..) | BufferKind::LossScale));
        states.map(|(i, (_, buffer))| Ok((i, Download::request(&self.executable.device, buffer, false)?))).collect()
    }

    fn unpack_state(&self, downloads: &[(usize, Download)]) -> Result<HashMap<String, Vec<f32>>, GpuError> {
        let one = |tensor: StateTensor| {
            let download = |index: usize| {
                let download = downloads.iter().find(|(buffer, _)| *buffer == index);
                &download.expect("all buffers of states were asked for").1
            };
            Ok((tensor.name, read_pieces(tensor.ty, &tensor.pieces, download)?))
        };
        self.state_tensors().into_iter().map(one).collect()
    }
}

/// A tensor of the optimizer's state.
struct StateTensor {
    name: String,
    ty: TensorType,
    /// Its pieces, in buffers of the plan.
    pieces: Vec<Piece>,
}
