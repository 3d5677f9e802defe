//! Interpolation by each framework's coordinates.

use atrous_graph::{
    Op, Shape,
    op::{Coordinates, Interpolation, Resize},
};

use super::super::{CaseError, array::image_shape, params::Params};
use super::draft::Draft;

/// The size of the result: stated, or by a whole factor. Nothing if the case states neither.
fn target(x: Shape, p: &mut Params) -> Result<Option<[usize; 2]>, CaseError> {
    match (p.optional::<[usize; 2]>("size")?, p.optional::<usize>("factor")?) {
        (Some(size), None) => Ok(Some(size)),
        (None, Some(factor)) => Ok(Some([x.h * factor, x.w * factor])),
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(CaseError::Unsupported("both a size and a factor".to_owned())),
    }
}

fn add(d: &mut Draft<'_>, resize: Resize) -> Result<(), CaseError> {
    let x = d.image("x")?;
    let out = d.add(Op::Resize(resize), &[x])?;
    d.output(out);
    Ok(())
}

pub(super) fn bilinear(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    let x = image_shape(d.stored_shape("x")?)?;
    let align_corners = p.optional("align_corners")?.unwrap_or(false);
    let antialias = p.optional("antialias")?.unwrap_or(false);
    // Only TensorFlow 1 has pixels without a half; elsewhere they have one unless corners are aligned.
    let half_pixel = p.optional("half_pixel_centers")?.unwrap_or(true);
    p.says(
        "rule",
        &[
            "output floor(n*2.3); source coordinate uses 1/2.3, not in/out",
            "source = i*(in-1)/(out-1) if align_corners, else (i+0.5)*in/out-0.5 if half_pixel_centers, else i*in/out",
        ],
    )?;
    let interpolation = match (antialias, align_corners, half_pixel) {
        (true, false, true) => Interpolation::BilinearAntialias,
        (true, ..) => return Err(CaseError::Unsupported("antialiasing with such coordinates".to_owned())),
        (false, true, _) => Interpolation::Bilinear(Coordinates::AlignCorners),
        (false, false, true) => Interpolation::Bilinear(Coordinates::HalfPixel),
        (false, false, false) => Interpolation::Bilinear(Coordinates::Asymmetric),
    };
    if let Some([h, w]) = target(x, p)? {
        return add(d, Resize { h, w, interpolation, step: None });
    }
    let factor: f64 = p.take("scale_factor")?;
    let scaled = |n: usize| (n as f64 * factor).floor() as usize;
    add(d, Resize { h: scaled(x.h), w: scaled(x.w), interpolation, step: Some([1.0 / factor; 2]) })
}

pub(super) fn nearest(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    let x = image_shape(d.stored_shape("x")?)?;
    let rules = ["nearest-exact: source = floor((i+0.5) * in/out)", "source = floor(i * (f32)in/out)"];
    let exact = p.says("rule", &rules)? == Some(0);
    let interpolation = if exact { Interpolation::NearestExact } else { Interpolation::Nearest };
    let missing = || CaseError::Unsupported("neither a size nor a factor".to_owned());
    let [h, w] = target(x, p)?.ok_or_else(missing)?;
    add(d, Resize { h, w, interpolation, step: None })
}
