//! A network's weights in device memory.

use std::collections::HashMap;

use atrous_files::Checksum;
use atrous_graph::{Graph, NodeId, ParameterSource, TensorType};
use atrous_kernels::plan::{ParameterPlacement, Piece, place_parameters};
use atrous_kernels::{Limits, Plan, Purpose, rewrite};

use crate::buffer::{mapped, write_mapped};
use crate::data::stored;
use crate::download::{Download, piece_of, read_pieces, write_pieces};
use crate::{Device, GpuError};

/// All parameters of a network, in a few flat buffers that every session of that network shares.
///
/// Their places do not depend on input sizes, so one upload serves graphs of any input size. A filter that is larger than the
/// device's bindings is stored in pieces; reading and writing it hide this.
#[derive(Debug)]
pub struct Parameters {
    device: Device,
    placement: ParameterPlacement,
    types: HashMap<String, TensorType>,
    buffers: Vec<wgpu::Buffer>,
    folded: bool,
    checksum: u32,
}

impl Parameters {
    /// Uploads all parameters of a graph unchanged. The source is asked for each of them once. Values that are not finite are taken:
    /// `atrous_io::Weights::with`, which knows what each parameter is, is where those that a user gives are checked.
    ///
    /// # Errors
    /// [`GpuError::Source`] if the source lacks a parameter or has one of another size, [`GpuError::Plan`] if one is larger
    /// than the device's bindings and cannot be cut, [`GpuError::MemoryBudget`] before anything is allocated, [`GpuError::OutOfMemory`].
    pub fn upload(device: &Device, graph: &Graph, source: &dyn ParameterSource) -> Result<Self, GpuError> {
        Self::upload_for(device, graph, source, &device.target().limits)
    }

    /// Uploads the parameters of a graph for inference of `outputs` alone: with batch normalisations folded into filters and filters
    /// rounded to f16, according to the device's [passes](crate::DeviceOptions::passes) and
    /// [precision](crate::DeviceOptions::precision). [`Session::new`](crate::Session::new) rewrites the same graph, at any input size, in
    /// the same way.
    ///
    /// # Errors
    /// As [`Self::upload`], and [`GpuError::Plan`] if an output is not a node of the graph.
    pub fn upload_folded(
        device: &Device,
        graph: &Graph,
        outputs: &[NodeId],
        source: &dyn ParameterSource,
    ) -> Result<Self, GpuError> {
        let rewritten = rewrite(graph, &Purpose::Inference { outputs, fold: true }, device.options().into())?;
        let uploaded = Self::upload(device, &rewritten.graph, &rewritten.source(source))?;
        Ok(Self { folded: true, ..uploaded })
    }

    /// [`Self::upload`], for plans made with tighter limits than the device's.
    ///
    /// # Errors
    /// As [`Self::upload`].
    pub fn upload_for(
        device: &Device,
        graph: &Graph,
        source: &dyn ParameterSource,
        limits: &Limits,
    ) -> Result<Self, GpuError> {
        let placement = place_parameters(graph, limits)?;
        let needs = placement.buffers.iter().sum();
        if let Some(budget) = device.memory_budget().filter(|budget| needs > *budget) {
            return Err(GpuError::MemoryBudget {
                needs,
                activations: 0,
                parameters: needs,
                gradients: 0,
                state: 0,
                transfer: 0,
                budget,
            });
        }
        let mut uploading = Uploading { device, buffers: Vec::with_capacity(placement.buffers.len()) };
        let (mut words, mut sum) = (Vec::new(), Checksum::default());
        for (_, node) in graph.parameters() {
            words.clear();
            words.resize(node.ty.padded_len(), 0.0f32);
            source.write(&node.name, node.ty, &mut words)?;
            sum.update(bytemuck::cast_slice(&words));
            for piece in &placement.places[&node.name] {
                uploading.write(&placement, piece, &stored(piece.ty, &piece_of(node.ty, piece, &words)))?;
            }
        }
        let buffers = uploading.finish()?;
        let types = graph.parameters().map(|(_, node)| (node.name.clone(), node.ty)).collect();
        Ok(Self { device: device.clone(), placement, types, buffers, folded: false, checksum: sum.value() })
    }

    /// Whether the parameters are for inference alone, see [`Self::upload_folded`].
    pub fn are_folded(&self) -> bool {
        self.folded
    }

    /// CRC-32 of the values as they were uploaded, in the order of the graph: parameters uploaded from the same values have the same.
    pub fn checksum(&self) -> u32 {
        self.checksum
    }

    /// Bytes of device memory.
    pub fn bytes(&self) -> u64 {
        self.buffers.iter().map(wgpu::Buffer::size).sum()
    }

    /// The device that the parameters were uploaded to.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Copies all parameters back: dense values by name. The copy takes as much device memory as the parameters.
    ///
    /// # Errors
    /// [`GpuError::DeviceLost`], [`GpuError::OutOfMemory`].
    pub async fn download(&self) -> Result<HashMap<String, Vec<f32>>, GpuError> {
        let mut downloads = self.request()?;
        for download in &mut downloads {
            download.arrive().await?;
        }
        self.unpack(&downloads)
    }

    /// [`Self::download`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::download`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn download_blocking(&self) -> Result<HashMap<String, Vec<f32>>, GpuError> {
        let mut downloads = self.request()?;
        downloads.iter_mut().try_for_each(Download::wait)?;
        self.unpack(&downloads)
    }

    fn request(&self) -> Result<Vec<Download>, GpuError> {
        self.buffers.iter().map(|buffer| Download::request(&self.device, buffer, false)).collect()
    }

    fn unpack(&self, downloads: &[Download]) -> Result<HashMap<String, Vec<f32>>, GpuError> {
        let one = |(name, ty): (&String, &TensorType)| {
            let values = read_pieces(*ty, &self.placement.places[name], |buffer| &downloads[buffer])?;
            Ok((name.clone(), values))
        };
        self.types.iter().map(one).collect()
    }

    /// Replaces a parameter by dense values. Runs that were submitted before still see the old ones.
    ///
    /// # Errors
    /// [`GpuError::UnknownTensor`], [`GpuError::TensorLength`], [`GpuError::DeviceLost`].
    pub fn write(&self, name: &str, values: &[f32]) -> Result<(), GpuError> {
        let pieces = self.pieces(name)?;
        write_pieces(&self.device, name, self.types[name], pieces, |index| &self.buffers[index], values)
    }

    /// The pieces of the parameter of this name.
    ///
    /// # Errors
    /// [`GpuError::UnknownTensor`].
    pub(crate) fn pieces(&self, name: &str) -> Result<&[Piece], GpuError> {
        let unknown = || {
            let mut available: Vec<&str> = self.types.keys().map(String::as_str).collect();
            available.sort_unstable();
            GpuError::UnknownTensor { what: "parameter", name: name.to_owned(), available: available.join(", ") }
        };
        self.placement.places.get(name).map(|pieces| &pieces[..]).ok_or_else(unknown)
    }

    /// The buffers, in the order of [`ParameterPlacement::buffers`].
    pub(crate) fn buffers(&self) -> &[wgpu::Buffer] {
        &self.buffers
    }

    /// Checks that a graph has exactly these parameters, and that its plan expects them in the same places.
    ///
    /// # Errors
    /// [`GpuError::ParameterMismatch`] naming the first parameter that differs.
    pub(crate) fn check(&self, graph: &Graph, plan: &Plan) -> Result<(), GpuError> {
        let mismatch = |name: &str, needs: Option<TensorType>, uploaded: Option<TensorType>| {
            let text = |ty: Option<TensorType>| ty.map_or("nothing".to_owned(), |ty| format!("{ty} ({:?})", ty.layout));
            Err(GpuError::ParameterMismatch { name: name.to_owned(), needs: text(needs), uploaded: text(uploaded) })
        };
        for (_, node) in graph.parameters() {
            let uploaded = self.types.get(&node.name).copied();
            if uploaded != Some(node.ty) {
                return mismatch(&node.name, Some(node.ty), uploaded);
            }
        }
        if graph.parameters().count() < self.types.len() {
            let known: Vec<&str> = graph.parameters().map(|(_, node)| node.name.as_str()).collect();
            let missing = self.types.iter().filter(|(name, _)| !known.contains(&name.as_str())).min_by_key(|(n, _)| *n);
            if let Some((name, ty)) = missing {
                return mismatch(name, None, Some(*ty));
            }
        }
        for (_, node) in graph.parameters() {
            let [planned, uploaded] = [&plan.parameters, &self.placement].map(|p| &p.places[&node.name]);
            if planned != uploaded {
                let text = |pieces: &[Piece]| {
                    let place = |piece: &Piece| format!("buffer {} byte {}", piece.buffer, piece.offset);
                    pieces.iter().map(place).collect::<Vec<_>>().join(", ")
                };
                let (needs, uploaded) = (text(planned), text(uploaded));
                return Err(GpuError::ParameterMismatch { name: node.name.clone(), needs, uploaded });
            }
        }
        Ok(())
    }
}

/// Parameter buffers that are being filled one after the other.
struct Uploading<'a> {
    device: &'a Device,
    /// All except the last are full and unmapped; the last is being filled.
    buffers: Vec<wgpu::Buffer>,
}

impl Uploading<'_> {
    /// Writes the next piece in the order of the placement; makes a new buffer if the piece begins one.
    fn write(&mut self, placement: &ParameterPlacement, piece: &Piece, content: &[u8]) -> Result<(), GpuError> {
        if piece.buffer == self.buffers.len() {
            self.submit()?;
            self.buffers.push(mapped(self.device, "parameters", placement.buffers[piece.buffer])?);
        }
        write_mapped(self.device, &self.buffers[piece.buffer], piece.offset, piece.ty.bytes(), content)
    }

    /// Unmaps the last buffer, so that the device can use it.
    fn submit(&self) -> Result<(), GpuError> {
        let Some(buffer) = self.buffers.last() else { return Ok(()) };
        self.device.scope("uploading parameters", || {
            buffer.unmap();
            self.device.queue().submit([])
        })?;
        Ok(())
    }

    fn finish(self) -> Result<Vec<wgpu::Buffer>, GpuError> {
        self.submit()?;
        Ok(self.buffers)
    }
}
