// The functions of helpers/activation that take but comparisons, sums and products, by the same codes and parameters, and their
// derivatives. What kernels import beside other work: the text of the others would make every pipeline several times slower to
// compile.

// f(x); x for other codes.
fn piecewise(x: vec4<f32>, code: u32, p: f32, q: f32) -> vec4<f32> {
    let zero = vec4<f32>();
    // Not a switch: what an override decides is then gone before drivers begin to optimise.
    if code == 1u { return max(x, zero); }
    if code == 2u { return clamp(x, zero, vec4(6.0)); }
    if code == 3u { return select(p * x, x, x > zero); }
    if code == 10u { return clamp(x + 3.0, zero, vec4(6.0)) / 6.0; }
    if code == 11u { return x * (clamp(x + 3.0, zero, vec4(6.0)) / 6.0); }
    if code == 13u { return p * x + q; }
    if code == 14u { return abs(x); }
    if code == 20u { return select(p * (abs(x) - 0.5 * p), 0.5 * x * x, abs(x) < vec4(p)); }
    if code == 21u { return max(x, vec4(p)); }
    return x;
}

// dy * f'(x); dy for other codes.
fn piecewise_grad(x: vec4<f32>, dy: vec4<f32>, code: u32, p: f32) -> vec4<f32> {
    let zero = vec4<f32>();
    if code == 1u { return select(zero, dy, x > zero); }
    if code == 2u { return select(zero, dy, (x > zero) & (x < vec4(6.0))); }
    if code == 3u { return select(p * dy, dy, x > zero); }
    if code == 10u { return select(zero, dy / 6.0, abs(x) < vec4(3.0)); }
    if code == 11u { return dy * hard_swish_slope(x); }
    if code == 13u { return p * dy; }
    if code == 14u { return select(select(zero, -dy, x < zero), dy, x > zero); }
    if code == 20u { return dy * clamp(x, vec4(-p), vec4(p)); }
    if code == 21u { return select(zero, dy, x > vec4(p)); }
    return dy;
}

// 0 below -3, 1 above 3, (2x + 3) / 6 between.
fn hard_swish_slope(x: vec4<f32>) -> vec4<f32> {
    let inside = (2.0 * x + 3.0) / 6.0;
    return select(select(vec4<f32>(), inside, x > vec4(-3.0)), vec4(1.0), x >= vec4(3.0));
}
