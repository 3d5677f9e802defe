// One sample of a tensor of 32-bit values to the layout that kernels read: channels innermost, padded to vec4s with zero.
//
//   y[p, c] = x[p * per_pixel + c * per_channel]

struct Params {
    // vec4s of the sample.
    count: u32,
    channels: u32,
    per_pixel: u32,
    per_channel: u32,
    // Where the sample begins: in values of x, in vec4s of y.
    x_base: u32,
    y_base: u32,
}

@group(0) @binding(0) var<storage, read> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<u32>>;

fn value(pixel: u32, c: u32) -> u32 {
    if c >= params.channels { return 0u; }
    return x[params.x_base + pixel * params.per_pixel + c * params.per_channel];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
    let id = (group.y * groups.x + group.x) * 64u + local;
    if id >= params.count { return; }
    let quads = (params.channels + 3u) / 4u;
    let pixel = id / quads;
    let c = 4u * (id % quads);
    y[params.y_base + id] = vec4(value(pixel, c), value(pixel, c + 1u), value(pixel, c + 2u), value(pixel, c + 3u));
}
