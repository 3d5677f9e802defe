// Colours of classes over a picture, as atrous_vision::overlay: (1 - alpha) * pixel + alpha * colour, in bytes. The class of a texel is
// that under its centre; where a class has no colour the picture stays.

struct Params {
    // Width and height of the class map.
    size: vec2<u32>,
    // Its first value, and from pixel to pixel.
    base: u32,
    stride: u32,
    // 1 where the picture's format decodes sRGB.
    srgb: u32,
    colours: u32,
    alpha: f32,
}

@group(0) @binding(0) var<storage, read> params: Params;
@group(0) @binding(1) var<storage, read> classes: array<u32>;
// Red in the lowest bits.
@group(0) @binding(2) var<storage, read> palette: array<u32>;
@group(0) @binding(3) var picture: texture_2d<f32>;
@group(0) @binding(4) var result: texture_storage_2d<rgba8unorm, write>;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let size = textureDimensions(result);
    if any(id.xy >= size) { return; }
    let at = ((2u * id.xy + 1u) * params.size) / (2u * size);
    let class_id = classes[params.base + (at.y * params.size.x + at.x) * params.stride];
    let texel = textureLoad(picture, id.xy, 0);
    let encoded = select(1.055 * pow(texel.rgb, vec3(1.0 / 2.4)) - 0.055, 12.92 * texel.rgb, texel.rgb <= vec3(0.0031308));
    let pixel = floor(select(texel.rgb, encoded, params.srgb == 1u) * 255.0 + 0.5);
    var colour = pixel;
    if class_id < params.colours {
        colour = vec3<f32>((vec3(palette[class_id]) >> vec3(0u, 8u, 16u)) & vec3(0xffu));
    }
    let mixed = floor((1.0 - params.alpha) * pixel + params.alpha * colour + 0.5);
    textureStore(result, id.xy, vec4(mixed / 255.0, texel.a));
}
