//! Data movement.

use atrous_graph::op::Flip;
use atrous_graph::{
    Op,
    op::{Pad, PadMode, Padding, Slice},
};

use super::super::{CaseError, params::Params};
use super::draft::Draft;

/// Concatenates all inputs along the channels, in the order of the file.
pub(super) fn concat(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    p.axis_of_channels()?;
    let inputs = d.input_names().iter().map(|name| d.image(name)).collect::<Result<Vec<_>, _>>()?;
    let out = d.add(Op::Concat, &inputs)?;
    d.output(out);
    Ok(())
}

pub(super) fn pad(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    let [left, right, top, bottom] = p.take("pad_lrtb")?;
    let value: f32 = p.optional("value")?.unwrap_or(0.0);
    let mode = match p.take::<String>("mode")?.as_str() {
        "constant" => PadMode::Constant(value),
        "reflect" => PadMode::Reflect,
        "replicate" => PadMode::Replicate,
        other => return Err(CaseError::Unsupported(format!("the mode \"{other}\""))),
    };
    let x = d.image("x")?;
    let out = d.add(Op::Pad(Pad { padding: Padding { top, bottom, left, right }, mode }), &[x])?;
    d.output(out);
    Ok(())
}

pub(super) fn crop(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    let (top, left) = (p.take("top")?, p.take("left")?);
    let (height, width) = (p.take("height")?, p.take("width")?);
    let x = d.image("x")?;
    let out = d.add(Op::Slice(Slice::crop(d.graph.shape(x), top, left, height, width)), &[x])?;
    d.output(out);
    Ok(())
}

pub(super) fn flip(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    let (vertical, horizontal) = (p.optional("vertical")?.unwrap_or(false), p.optional("horizontal")?.unwrap_or(false));
    let x = d.image("x")?;
    let out = d.add(Op::Flip(Flip { vertical, horizontal }), &[x])?;
    d.output(out);
    Ok(())
}
