// Exponential functions of four values at once to within a few units in the last place on every adapter. WGSL allows its own
// `exp`, `log` and `tanh` far larger errors, and overflow in between. No function here makes or needs an infinity.

// exp(x) for x <= 88; 0 for x < -87.
fn exp4(x: vec4<f32>) -> vec4<f32> {
    let n = round(clamp(x, vec4(-87.0), vec4(88.0)) * 1.44269504);
    // ln 2 in two parts: the first has few bits, so that its product with n is exact.
    let r = (clamp(x, vec4(-87.0), vec4(88.0)) - n * 0.693359375) + n * 2.12194440e-4;
    let scale = bitcast<vec4<f32>>((vec4<i32>(n) + 127) << vec4(23u));
    return select((1.0 + expm1_small(r)) * scale, vec4<f32>(), x < vec4(-87.0));
}

// exp(r) - 1 for |r| <= 0.35: r + r^2/2! + ... + r^8/8!.
fn expm1_small(r: vec4<f32>) -> vec4<f32> {
    let q = 1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0 + r * (1.0 / 5040.0 + r / 40320.0))));
    return r + r * r * (0.5 + r * q);
}

// exp(x) - 1 for x <= 88, exact to rounding near 0.
fn expm1_4(x: vec4<f32>) -> vec4<f32> {
    return select(exp4(x) - 1.0, expm1_small(x), abs(x) < vec4(0.3466));
}

// ln(1 + x) for 0 <= x <= 1: 2 atanh(s) with s = x / (2 + x), as the odd series up to s^15.
fn log1p_small(x: vec4<f32>) -> vec4<f32> {
    let s = x / (2.0 + x);
    let z = s * s;
    let tail = 1.0 / 7.0 + z * (1.0 / 9.0 + z * (1.0 / 11.0 + z * (1.0 / 13.0 + z / 15.0)));
    return 2.0 * (s + s * z * (1.0 / 3.0 + z * (1.0 / 5.0 + z * tail)));
}

// ln(x) for x >= 1: x = m * 2^e with 1 <= m < 2.
fn log4(x: vec4<f32>) -> vec4<f32> {
    let bits = bitcast<vec4<u32>>(x);
    let e = vec4<f32>(bits >> vec4(23u)) - 127.0;
    let m = bitcast<vec4<f32>>((bits & vec4(0x007fffffu)) | vec4(0x3f800000u));
    return e * 0.693147181 + log1p_small(m - 1.0);
}
