// Four f16 in two words, the first in the low bits: core WGSL, which needs no feature.

fn from_halves(v: vec2<u32>) -> vec4<f32> {
    return vec4(unpack2x16float(v.x), unpack2x16float(v.y));
}

// What is infinite in f16, or NaN, is made of its bits: where drivers assume that there is none, packing it changes the other half.
fn to_halves(v: vec4<f32>) -> vec2<u32> {
    let near = nearest(v);
    let bits = bitcast<vec4<u32>>(near);
    let size = bits & vec4(0x7fffffffu);
    let infinite = size >= vec4(0x47800000u);
    let sign = (bits >> vec4(16u)) & vec4(0x8000u);
    let special = sign | select(vec4(0x7c00u), vec4(0x7e00u), size > vec4(0x7f800000u));
    let h = select(vec4<u32>(), special, infinite);
    let finite = select(near, vec4<f32>(), infinite);
    return vec2(pack2x16float(finite.xy) | h.x | (h.y << 16u), pack2x16float(finite.zw) | h.z | (h.w << 16u));
}

// Rounded to the 11 digits of f16, ties to even, so that what drivers do with the others does not matter. NaN stays NaN.
fn nearest(v: vec4<f32>) -> vec4<f32> {
    let bits = bitcast<vec4<u32>>(v);
    let rounded = (bits + 0xfffu + ((bits >> vec4(13u)) & vec4(1u))) & vec4(0xffffe000u);
    return bitcast<vec4<f32>>(select(rounded, bits, (bits & vec4(0x7fffffffu)) > vec4(0x7f800000u)));
}
