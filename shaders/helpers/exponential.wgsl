// Exponential functions of four values at once to within a few units in the last place on every adapter. WGSL allows its own
// `exp`, `log`, `pow` and `tanh` far larger errors, and overflow in between. Only results beyond single precision are infinite.

// exp(x) for x <= 88; 0 for x < -87.
fn exp4(x: vec4<f32>) -> vec4<f32> {
    let n = round(clamp(x, vec4(-87.0), vec4(88.0)) * 1.44269504);
    // ln 2 in two parts: the first has few bits, so that its product with n is exact.
    let r = (clamp(x, vec4(-87.0), vec4(88.0)) - n * 0.693359375) + n * 2.12194440e-4;
    let scale = bitcast<vec4<f32>>((vec4<i32>(n) + 127) << vec4(23u));
    return select((1.0 + expm1_small(r)) * scale, vec4<f32>(), x < vec4(-87.0));
}

// k * exp(x) for all x, wherever the product is a number of single precision: exp(x) alone need not be.
fn scaled_exp(k: vec4<f32>, x: vec4<f32>) -> vec4<f32> {
    let z = clamp(x, vec4(-174.0), vec4(174.0));
    let n = round(z * 1.44269504);
    let r = (z - n * 0.693359375) + n * 2.12194440e-4;
    return times_power_of_2(k * (1.0 + expm1_small(r)), n);
}

// v * 2^n for whole n of at most 252, in two steps because 2^n may be no number of single precision.
fn times_power_of_2(v: vec4<f32>, n: vec4<f32>) -> vec4<f32> {
    let whole = vec4<i32>(n);
    let half = whole >> vec4(1u);
    let first = bitcast<vec4<f32>>((half + 127) << vec4(23u));
    let second = bitcast<vec4<f32>>((whole - half + 127) << vec4(23u));
    return v * first * second;
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

// ln(1 + x) for -0.3 <= x <= 1, exact to rounding near 0: 2 atanh(s) with s = x / (2 + x), as the odd series up to s^15, where
// 2s is x - s*x.
fn log1p_small(x: vec4<f32>) -> vec4<f32> {
    let s = x / (2.0 + x);
    let z = s * s;
    let tail = 1.0 / 7.0 + z * (1.0 / 9.0 + z * (1.0 / 11.0 + z * (1.0 / 13.0 + z / 15.0)));
    return x - s * (x - 2.0 * z * (1.0 / 3.0 + z * (1.0 / 5.0 + z * tail)));
}

// x = 2^exponent * (1 + fraction) with 1 + fraction between the square roots of 1/2 and 2.
struct Split {
    exponent: vec4<f32>,
    fraction: vec4<f32>,
}

// Splits a positive normal number.
fn split_number(x: vec4<f32>) -> Split {
    let bits = bitcast<vec4<u32>>(x);
    // The bits of sqrt(1/2), so that the exponent steps there and not at 1.
    let exponent = bitcast<vec4<i32>>(bits - vec4(0x3f3504f3u)) >> vec4(23u);
    let near_1 = bitcast<vec4<f32>>(bits - (bitcast<vec4<u32>>(exponent) << vec4(23u)));
    return Split(vec4<f32>(exponent), near_1 - 1.0);
}

// ln(x) for positive normal x. What it returns for others is no number of use.
fn log4(x: vec4<f32>) -> vec4<f32> {
    let parts = split_number(x);
    return parts.exponent * 0.693359375 + (log1p_small(parts.fraction) - parts.exponent * 2.12194440e-4);
}

// k * x^q for positive normal x, wherever the product is a number of single precision. The relative error is a few 1e-7 as long
// as |q| is below 10, and grows with it.
fn scaled_power(k: vec4<f32>, x: vec4<f32>, q: f32) -> vec4<f32> {
    let parts = split_number(x);
    // q in two parts: the first has few bits, so that its product with the exponent is exact.
    let head = bitcast<f32>(bitcast<u32>(q) & 0xfffff000u);
    let rest = (q - head) * parts.exponent + q * (log1p_small(parts.fraction) * 1.44269504);
    let n = round(clamp(head * parts.exponent + rest, vec4(-252.0), vec4(252.0)));
    let f = clamp((head * parts.exponent - n) + rest, vec4(-0.5), vec4(0.5));
    return times_power_of_2(k * (1.0 + expm1_small(f * 0.693147181)), n);
}
