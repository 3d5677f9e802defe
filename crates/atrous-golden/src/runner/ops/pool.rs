//! Pooling.

use atrous_graph::op::{AdaptiveAvgPool, Gradient, MaxPool, MaxPoolIndices};
use atrous_graph::{
    Op,
    op::{AvgPool, ChannelMaxPool, Reduce, Window},
};

use super::super::{CaseError, array::image_shape, params::Params};
use super::{conv::padding, draft::Draft};

/// Reads the window of a pooling: kernel, stride, padding, and dilation if the case states it.
fn window(d: &Draft<'_>, p: &mut Params) -> Result<Window, CaseError> {
    let x = image_shape(d.stored_shape("x")?)?;
    let (kernel, stride) = (p.take("kernel")?, p.take("stride")?);
    let dilation = p.optional("dilation")?.unwrap_or([1, 1]);
    let padding = padding(p, [x.h, x.w], kernel, stride, dilation)?;
    Ok(Window { kernel, stride, dilation, padding, ceil_mode: p.optional("ceil_mode")?.unwrap_or(false) })
}

pub(super) fn max_pool2d(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    let window = window(d, p)?;
    p.says("indices", &["flat h*W+w within each plane; on a tie the first in row-major window order wins"])?;
    if p.optional::<bool>("count_include_pad")? == Some(true) {
        return Err(CaseError::Unsupported("padding that takes part in a maximum".to_owned()));
    }
    let x = d.image("x")?;
    let out = d.add(Op::MaxPool(MaxPool { window }), &[x])?;
    d.output(out);
    let indices = d.add(Op::Gradient(Gradient::MaxPoolIndices(MaxPoolIndices { window })), &[x])?;
    d.outputs.insert("indices".to_owned(), indices);
    Ok(())
}

pub(super) fn avg_pool2d(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    let window = window(d, p)?;
    let (count_include_pad, divisor) = (p.take("count_include_pad")?, p.optional("divisor_override")?);
    let x = d.image("x")?;
    let out = d.add(Op::AvgPool(AvgPool { window, count_include_pad, divisor }), &[x])?;
    d.output(out);
    Ok(())
}

pub(super) fn adaptive_avg_pool2d(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    let [h, w] = p.take("bins")?;
    p.says("rule", &["bin i covers floor(i*n/b) .. ceil((i+1)*n/b)"])?;
    let x = d.image("x")?;
    let out = d.add(Op::AdaptiveAvgPool(AdaptiveAvgPool { h, w }), &[x])?;
    d.output(out);
    Ok(())
}

pub(super) fn channel_max_pool(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    let (window, stride) = (p.take("channels_per_window")?, p.take("stride")?);
    p.says("meaning", &["max over k consecutive channels: out[c]=max(x[c*k..c*k+k])"])?;
    let x = d.image("x")?;
    let out = d.add(Op::ChannelMaxPool(ChannelMaxPool { window, stride }), &[x])?;
    d.output(out);
    Ok(())
}

pub(super) fn global(d: &mut Draft<'_>, reduce: Reduce) -> Result<(), CaseError> {
    let x = d.image("x")?;
    let out = d.add(Op::Reduce(reduce), &[x])?;
    d.output(out);
    Ok(())
}
