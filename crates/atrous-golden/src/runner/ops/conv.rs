//! Convolutions, transposed convolutions, dense layers.

use atrous_graph::{
    NodeId, Op, Shape,
    op::{Conv2d, Conv2dGradInput, Padding},
};
use atrous_nn::StoredLayout;
use serde_json::Value;

use super::super::{
    CaseError,
    array::image_shape,
    params::{Params, agree},
};
use super::draft::Draft;

/// Padding: given as `[rows, columns]`, as Keras' `same` or `valid`, or for each side as `padding_tblr`. If `padding_tblr` is given beside
/// one of the others, it must be equal to the padding that follows from the other.
pub(super) fn padding(
    p: &mut Params,
    size: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
) -> Result<Padding, CaseError> {
    let tblr = p.optional::<[usize; 4]>("padding_tblr")?;
    let sides = |[top, bottom, left, right]: [usize; 4]| Padding { top, bottom, left, right };
    let padding = match (p.optional::<Value>("padding")?, tblr) {
        (None, Some(tblr)) => sides(tblr),
        (Some(Value::String(word)), _) if word == "same" => Padding::same(size, kernel, stride, dilation),
        (Some(Value::String(word)), _) if word == "valid" => Padding::NONE,
        (stated, _) => {
            let stated = stated.unwrap_or_default();
            let pair = serde_json::from_value::<[usize; 2]>(stated.clone());
            let [rows, columns] = pair.map_err(|_| CaseError::Unsupported(format!("padding {stated}")))?;
            Padding::symmetric(rows, columns)
        }
    };
    if let Some(tblr) = tblr {
        agree("padding_tblr", &sides(tblr), &padding)?;
    }
    Ok(padding)
}

fn size(d: &Draft<'_>, name: &str) -> Result<Shape, CaseError> {
    image_shape(d.stored_shape(name)?)
}

/// The kernel's size: the stated one, which must be that of the filter.
fn kernel(d: &Draft<'_>, p: &mut Params, filter: &str) -> Result<[usize; 2], CaseError> {
    let stated: [usize; 2] = p.take("kernel")?;
    let shape = d.stored_shape(filter)?;
    agree("kernel", &stated.to_vec(), &shape.get(2..).unwrap_or_default().to_vec())?;
    Ok(stated)
}

pub(super) fn conv2d(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    let (x, kernel) = (size(d, "x")?, kernel(d, p, "weight")?);
    let (stride, dilation, groups) = (p.take("stride")?, p.take("dilation")?, p.take("groups")?);
    let padding = padding(p, [x.h, x.w], kernel, stride, dilation)?;
    if let Some(multiplier) = p.optional::<usize>("multiplier")? {
        agree("multiplier", &(multiplier * groups), &d.stored_shape("weight")?[0])?;
    }
    let mut inputs = vec![d.image("x")?, d.filter("weight", StoredLayout::Oihw)?];
    inputs.extend(d.optional_vector("bias")?);
    let out = d.add(Op::Conv2d(Conv2d { stride, dilation, padding, groups }), &inputs)?;
    d.output(out);
    Ok(())
}

pub(super) fn separable_conv2d(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    let (x, kernel) = (size(d, "x")?, kernel(d, p, "depthwise")?);
    let (stride, dilation) = (p.take("stride")?, p.take("dilation")?);
    let padding = padding(p, [x.h, x.w], kernel, stride, dilation)?;
    let multiplier: usize = p.take("multiplier")?;
    agree("multiplier", &(multiplier * x.c), &d.stored_shape("depthwise")?[0])?;
    let inputs = [d.image("x")?, d.filter("depthwise", StoredLayout::Oihw)?];
    let depthwise = d.add(Op::Conv2d(Conv2d { stride, dilation, padding, groups: x.c }), &inputs)?;
    let mut inputs = vec![depthwise, d.filter("pointwise", StoredLayout::Oihw)?];
    inputs.extend(d.optional_vector("bias")?);
    let out = d.add(Op::Conv2d(Conv2d::default()), &inputs)?;
    d.output(out);
    Ok(())
}

pub(super) fn conv_transpose2d(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    let (x, kernel) = (size(d, "x")?, kernel(d, p, "weight")?);
    let size = [x.h, x.w];
    let stride: [usize; 2] = p.take("stride")?;
    let stated: Value = p.take("padding")?;
    let op = match stated.as_str() {
        None => {
            let [rows, columns] = serde_json::from_value(stated.clone())
                .map_err(|_| CaseError::Unsupported(format!("padding {stated}")))?;
            let padding = Padding::symmetric(rows, columns);
            let conv = Conv2d { stride, padding, dilation: p.take("dilation")?, groups: p.take("groups")? };
            Conv2dGradInput::transposed(conv, size, kernel, p.take("output_padding")?).map_err(CaseError::Failed)?
        }
        Some("same") => Conv2dGradInput::transposed_same(stride, size, kernel),
        Some("valid") => {
            let conv = Conv2d { stride, ..Conv2d::default() };
            let side = |i: usize| size[i] * stride[i] + kernel[i].saturating_sub(stride[i]);
            Conv2dGradInput { conv, h: side(0), w: side(1) }
        }
        Some(other) => return Err(CaseError::Unsupported(format!("padding \"{other}\""))),
    };
    // Dilation and groups are supported with explicit padding only, where they have been taken above.
    if p.optional("dilation")?.unwrap_or([1, 1]) != [1, 1] || p.optional("groups")?.unwrap_or(1) != 1 {
        return Err(CaseError::Unsupported(format!("dilation or groups with padding {stated}")));
    }
    p.says("rule", &["full transposed convolution of length (n-1)*s+k, cropped by crop_begin_end on each axis"])?;
    if let Some(stated) = p.optional::<[usize; 2]>("output_size")? {
        agree("output_size", &stated, &[op.h, op.w])?;
    }
    if let Some([begin, end]) = p.optional::<[usize; 2]>("crop_begin_end")? {
        let cut = op.conv.padding;
        agree("crop_begin_end", &[begin, end, begin, end], &[cut.top, cut.bottom, cut.left, cut.right])?;
    }
    let mut inputs = vec![d.image("x")?, d.filter("weight", StoredLayout::Iohw)?];
    inputs.extend(d.optional_vector("bias")?);
    let out = d.add(Op::Conv2dGradInput(op), &inputs)?;
    d.output(out);
    Ok(())
}

/// A dense layer, as a convolution whose kernel is the whole map. For an image the rows of the weights are in the order of the flattened
/// image: (c, h, w) in PyTorch, (h, w, c) in Keras.
pub(super) fn dense(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    let channels_last = p.says("rule", &["flattened in (h, w, c) order"])?.is_some();
    let x = size(d, "x")?;
    let weight = d.array("weight")?;
    let [out, inner] = weight.shape[..] else {
        return Err(CaseError::Unsupported(format!("dense weights of shape {:?}", weight.shape)));
    };
    agree("the weight's inputs", &inner, &x.sample_len())?;
    let shape = Shape::new(x.h, x.w, x.c, out);
    let column = |a: usize, b: usize, i: usize| {
        if channels_last { (a * x.w + b) * x.c + i } else { (i * x.h + a) * x.w + b }
    };
    let filter = d.filter_of("weight", shape, &weight.values, |a, b, i, o| o * inner + column(a, b, i))?;
    let mut inputs: Vec<NodeId> = vec![d.image("x")?, filter];
    inputs.extend(d.optional_vector("bias")?);
    let node = d.add(Op::Conv2d(Conv2d::default()), &inputs)?;
    d.output(node);
    Ok(())
}
