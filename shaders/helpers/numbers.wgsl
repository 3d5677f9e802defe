// Limits and maxima that keep what is not a number. WGSL's max, min and clamp may return the other argument.

// Told by its bits: compilers may take x == x to be true.
fn not_a_number(x: vec4<f32>) -> vec4<bool> {
    return (bitcast<vec4<u32>>(x) & vec4(0x7fffffffu)) > vec4(0x7f800000u);
}

// NaN, from any number.
fn to_nan(x: vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>(bitcast<vec4<u32>>(x) | vec4(0x7fc00000u));
}

fn at_least(x: vec4<f32>, low: vec4<f32>) -> vec4<f32> {
    return select(max(x, low), x, not_a_number(x));
}

fn at_most(x: vec4<f32>, high: vec4<f32>) -> vec4<f32> {
    return select(min(x, high), x, not_a_number(x));
}

fn between(x: vec4<f32>, low: vec4<f32>, high: vec4<f32>) -> vec4<f32> {
    return select(clamp(x, low, high), x, not_a_number(x));
}

// The square root of v, of 1e-30 where v is zero or too small to be normal, of which adapters may make zero; NaN for v < 0.
fn root(v: vec4<f32>) -> vec4<f32> {
    let positive = sqrt(select(v, vec4(1e-30), abs(v) < vec4(1.1754944e-38)));
    return select(positive, to_nan(v), v < vec4<f32>());
}

// a - b; NaN if a is, and for an infinity less itself. Compilers may take a - a to be 0.
fn difference(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    let infinite = (bitcast<vec4<u32>>(a) & vec4(0x7fffffffu)) == vec4(0x7f800000u);
    let same = bitcast<vec4<u32>>(a) == bitcast<vec4<u32>>(b);
    return select(a - b, to_nan(a), not_a_number(a) | (infinite & same));
}

// The larger of both; NaN if one of them is.
fn larger(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    return select(select(max(a, b), b, not_a_number(b)), a, not_a_number(a));
}

// Whether the value b takes the place of a, the largest so far: the last NaN does, as in PyTorch.
fn takes_over(b: vec4<f32>, a: vec4<f32>) -> vec4<bool> {
    return (b > a) | not_a_number(b);
}
