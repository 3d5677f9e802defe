// Four f16 in two words, the first in the low bits: core WGSL, which needs no feature.

fn from_halves(v: vec2<u32>) -> vec4<f32> {
    return vec4(unpack2x16float(v.x), unpack2x16float(v.y));
}

fn to_halves(v: vec4<f32>) -> vec2<u32> {
    let near = nearest(v);
    return vec2(pack2x16float(near.xy), pack2x16float(near.zw));
}

// Rounded to the 11 digits of f16, ties to even, so that what drivers do with the others does not matter. NaN stays NaN.
fn nearest(v: vec4<f32>) -> vec4<f32> {
    let bits = bitcast<vec4<u32>>(v);
    let rounded = (bits + 0xfffu + ((bits >> vec4(13u)) & vec4(1u))) & vec4(0xffffe000u);
    return bitcast<vec4<f32>>(select(rounded, bits, (bits & vec4(0x7fffffffu)) > vec4(0x7f800000u)));
}
