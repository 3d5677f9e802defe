//! Interpolation by each framework's coordinates.

use atrous_graph::{
    Op, Shape,
    op::{Coordinates, Interpolation, Resize},
};
use serde::{Deserialize, de::DeserializeOwned};

use super::super::{CaseError, array::image_shape, params::Params};
use super::draft::Draft;

/// Beginning of the `rule` of cases with a scale factor, which says how coordinates follow from the factor.
const BY_SCALE: &str = "source coordinate uses 1/";

/// One number for both axes, or `[rows, columns]`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Pair<T> {
    Both(T),
    Each([T; 2]),
}

/// Takes a parameter for both axes that may be missing, as `[rows, columns]`.
fn pair<T: Copy + DeserializeOwned>(p: &mut Params, key: &str) -> Result<Option<[T; 2]>, CaseError> {
    Ok(p.optional::<Pair<T>>(key)?.map(|pair| match pair {
        Pair::Both(value) => [value; 2],
        Pair::Each(values) => values,
    }))
}

/// Adds a resize. The case states the size, a whole `factor`, or a `scale_factor`; the step between source coordinates is then the
/// reciprocal of the scale factor.
fn add(d: &mut Draft<'_>, p: &mut Params, interpolation: Interpolation) -> Result<(), CaseError> {
    let x: Shape = image_shape(d.stored_shape("x")?)?;
    let (size, factor, scale) = (pair(p, "size")?, pair::<usize>(p, "factor")?, pair::<f64>(p, "scale_factor")?);
    let ([h, w], step) = match (size, factor, scale) {
        (Some(size), None, None) => (size, None),
        (None, Some([rows, columns]), None) => ([x.h * rows, x.w * columns], None),
        (None, None, Some([rows, columns])) => {
            let scaled = |n: usize, factor: f64| (n as f64 * factor).floor() as usize;
            // If the size of an axis does not change, PyTorch copies along it whatever the factor, except in nearest-exact.
            let copies = interpolation != Interpolation::NearestExact;
            let step = |n, factor| if copies && scaled(n, factor) == n { 1.0 } else { 1.0 / factor };
            ([scaled(x.h, rows), scaled(x.w, columns)], Some([step(x.h, rows), step(x.w, columns)]))
        }
        _ => return Err(CaseError::Unsupported("not one of a size, a factor and a scale factor".to_owned())),
    };
    let x = d.image("x")?;
    let out = d.add(Op::Resize(Resize { h, w, interpolation, step }), &[x])?;
    d.output(out);
    Ok(())
}

pub(super) fn bilinear(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    let align_corners = p.optional("align_corners")?.unwrap_or(false);
    let antialias = p.optional("antialias")?.unwrap_or(false);
    // Only cases of TensorFlow 1 turn half-pixel centres off; all others have them unless corners are aligned.
    let half_pixel = p.optional("half_pixel_centers")?.unwrap_or(true);
    let by_flags =
        "source = i*(in-1)/(out-1) if align_corners, else (i+0.5)*in/out-0.5 if half_pixel_centers, else i*in/out";
    p.says("rule", &[BY_SCALE, by_flags])?;
    let interpolation = match (antialias, align_corners, half_pixel) {
        (true, false, true) => Interpolation::BilinearAntialias,
        (true, ..) => return Err(CaseError::Unsupported("antialiasing with such coordinates".to_owned())),
        (false, true, _) => Interpolation::Bilinear(Coordinates::AlignCorners),
        (false, false, true) => Interpolation::Bilinear(Coordinates::HalfPixel),
        (false, false, false) => Interpolation::Bilinear(Coordinates::Asymmetric),
    };
    add(d, p, interpolation)
}

pub(super) fn nearest(d: &mut Draft<'_>, p: &mut Params) -> Result<(), CaseError> {
    let rules = ["nearest-exact: source = floor((i+0.5) * ", "source = floor(i * ", BY_SCALE];
    let exact = p.says("rule", &rules)? == Some(0);
    add(d, p, if exact { Interpolation::NearestExact } else { Interpolation::Nearest })
}
