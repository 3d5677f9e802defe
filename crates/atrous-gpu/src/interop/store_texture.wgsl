// One channel of a sample to a texture of any size: under each texel's centre. `Value` and `Result` stand before this text.

struct Params {
    // Width and height of the sample.
    size: vec2<u32>,
    // Its first value of the channel, and from pixel to pixel.
    base: u32,
    stride: u32,
}

@group(0) @binding(0) var<storage, read> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Value>;
@group(0) @binding(2) var result: Result;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let size = textureDimensions(result);
    if any(id.xy >= size) { return; }
    let at = ((2u * id.xy + 1u) * params.size) / (2u * size);
    let value = x[params.base + (at.y * params.size.x + at.x) * params.stride];
    textureStore(result, id.xy, vec4<Value>(value, Value(0), Value(0), Value(1)));
}
