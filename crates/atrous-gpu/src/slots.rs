//! Inputs and outputs of a run in the buffers for upload and readback.

use std::collections::HashMap;

use atrous_graph::{Graph, Node, NodeId, TensorType};
use atrous_kernels::Plan;
use atrous_kernels::plan::Place;

use crate::data::{Data, Output, dirty_padding};
use crate::{GpuError, InputData, InputError};

/// An input of the graph.
pub(crate) struct InputSlot {
    pub(crate) name: String,
    pub(crate) ty: TensorType,
    /// Its place in the inputs buffer; `None` if no output needs the input.
    pub(crate) place: Option<Place>,
    /// Whether the input may be given as bytes of pictures.
    pub(crate) pixels: bool,
}

/// An output that is read back.
pub(crate) struct OutputSlot {
    pub(crate) name: String,
    pub(crate) ty: TensorType,
    pub(crate) place: Place,
    /// First byte in the readback buffer.
    pub(crate) offset: u64,
}

/// All inputs of the graph, in its order.
pub(crate) fn input_slots(graph: &Graph, plan: &Plan) -> Vec<InputSlot> {
    let place = |id: NodeId| plan.inputs.contains(&id).then_some(plan.tensors[id.0]).flatten().map(|t| t.place);
    let slot = |(id, node): (NodeId, &Node)| InputSlot {
        name: node.name.clone(),
        ty: node.ty,
        place: place(id),
        pixels: false,
    };
    graph.inputs().map(slot).collect()
}

/// The plan's outputs, one after the other in the readback buffer.
pub(crate) fn output_slots(graph: &Graph, plan: &Plan) -> Vec<OutputSlot> {
    let mut end = 0;
    let slot = |id: &NodeId| {
        let node = graph.node(*id);
        let place = plan.tensors[id.0].map(|t| t.place).expect("a plan places its outputs");
        let offset = end;
        end += place.bytes;
        OutputSlot { name: node.name.clone(), ty: node.ty, place, offset }
    };
    plan.outputs.iter().map(slot).collect()
}

/// The value that was given for each input, in the graph's order.
///
/// # Errors
/// If a name is unknown or given twice, or an input that outputs need is missing.
pub(crate) fn given<'a, D>(slots: &[InputSlot], inputs: &'a [(&str, D)]) -> Result<Vec<Option<&'a D>>, InputError> {
    for (i, (name, _)) in inputs.iter().enumerate() {
        if !slots.iter().any(|slot| slot.name == *name) {
            let available: Vec<&str> = slots.iter().map(|slot| slot.name.as_str()).collect();
            return Err(InputError::Unknown { name: (*name).to_owned(), available: available.join(", ") });
        }
        if inputs[..i].iter().any(|(earlier, _)| earlier == name) {
            return Err(InputError::Twice { name: (*name).to_owned() });
        }
    }
    let given = |slot: &InputSlot| {
        let data = inputs.iter().find(|(name, _)| slot.name == *name).map(|(_, data)| data);
        match (data, slot.place) {
            (None, Some(_)) => Err(InputError::Missing { name: slot.name.clone(), ty: slot.ty }),
            _ => Ok(data),
        }
    };
    slots.iter().map(given).collect()
}

/// Checks that an input takes values of this type and number.
pub(crate) fn check(slot: &InputSlot, data: &InputData<'_>) -> Result<(), InputError> {
    let (name, ty) = (slot.name.clone(), slot.ty);
    if !data.fits(ty.dtype) {
        return Err(InputError::Type { name, needs: ty.dtype, got: data.dtype() });
    }
    if matches!(data, InputData::Rgb8(_)) && !slot.pixels {
        return Err(InputError::Pixels { name, ty, reason: "it was not told how" });
    }
    let (needs, got) = (data.needs(ty.shape), data.len());
    match needs == got {
        true => Ok(()),
        false => Err(InputError::Length { name, shape: ty.shape, needs, got }),
    }
}

/// Checks the inputs and packs them into the staging memory, which has the layout of the inputs buffer.
pub(crate) fn pack(
    slots: &[InputSlot],
    staging: &mut [u32],
    inputs: &[(&str, InputData<'_>)],
) -> Result<(), InputError> {
    for (slot, data) in slots.iter().zip(given(slots, inputs)?) {
        let Some(data) = data else { continue };
        check(slot, data)?;
        if let Some(place) = slot.place {
            let first = (place.offset / 4) as usize;
            data.pack(slot.ty, &mut staging[first..first + (slot.ty.bytes() / 4) as usize]);
        }
    }
    Ok(())
}

/// The outputs in a readback. With `checks`, their padding must be zero.
pub(crate) fn unpack(slots: &[OutputSlot], readback: &[u8], checks: bool) -> Result<Vec<Output>, GpuError> {
    let output = |slot: &OutputSlot| {
        let first = slot.offset as usize;
        let bytes = &readback[first..first + slot.ty.bytes() as usize];
        if let Some(byte) = checks.then(|| dirty_padding(slot.ty, bytes)).flatten() {
            return Err(GpuError::Validation {
                what: format!("the padding of output \"{}\"", slot.name),
                reason: format!("byte {byte} of {} is not zero", slot.ty),
            });
        }
        Ok(Output { name: slot.name.clone(), shape: slot.ty.shape, data: Data::unpack(slot.ty, bytes) })
    };
    slots.iter().map(output).collect()
}

/// The index in `nodes` of each node, by its names and labels.
pub(crate) fn names(graph: &Graph, nodes: &[NodeId]) -> HashMap<String, usize> {
    let index = |id: NodeId| nodes.iter().position(|node| *node == id);
    graph.names().filter_map(|(name, id)| Some((name.to_owned(), index(id)?))).collect()
}
