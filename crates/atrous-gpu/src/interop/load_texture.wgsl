// A picture to one sample of an input: resized, rounded to bytes, and looked up in a table as by image/normalize.
//
// Each byte is the mean of texels under a triangle around the centre of the new pixel, which is as wide as two texels, or as two
// new pixels where those are larger (Pillow's BILINEAR; it rounds once more, between rows and columns). At the picture's own size
// it is the texel's.

struct Params {
    // The first texel of the part that is seen, and texels for a new pixel, across and down.
    origin: vec2<f32>,
    scale: vec2<f32>,
    // Width and height of the sample.
    size: vec2<u32>,
    channels: u32,
    // 1 where the format decodes sRGB.
    srgb: u32,
    // By channel: the one of the picture.
    sources: vec3<u32>,
    // Where the sample begins in y.
    y_base: u32,
}

@group(0) @binding(0) var<storage, read> params: Params;
@group(0) @binding(1) var<storage, read> tables: array<f32>;
@group(0) @binding(2) var picture: texture_2d<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;

// A texel's bytes as they are stored.
fn stored(at: vec2<i32>) -> vec3<f32> {
    let v = textureLoad(picture, at, 0).rgb;
    let encoded = select(1.055 * pow(v, vec3(1.0 / 2.4)) - 0.055, 12.92 * v, v <= vec3(0.0031308));
    return floor(select(v, encoded, params.srgb == 1u) * 255.0 + 0.5);
}

fn resized(at: vec2<u32>) -> vec3<u32> {
    let support = max(params.scale, vec2(1.0));
    let centre = params.origin + (vec2<f32>(at) + 0.5) * params.scale;
    let first = max(vec2<i32>(floor(centre - support + 0.5)), vec2(0));
    let end = min(vec2<i32>(floor(centre + support + 0.5)), vec2<i32>(textureDimensions(picture)));
    var sum = vec3<f32>();
    var weights = 0.0;
    for (var row = first.y; row < end.y; row++) {
        for (var column = first.x; column < end.x; column++) {
            let distance = abs(vec2<f32>(vec2(column, row)) + 0.5 - centre) / support;
            let weight = max(1.0 - distance.x, 0.0) * max(1.0 - distance.y, 0.0);
            sum += weight * stored(vec2(column, row));
            weights += weight;
        }
    }
    return vec3<u32>(clamp(floor(sum / weights + 0.5), vec3(0.0), vec3(255.0)));
}

fn number(bytes: vec3<u32>, c: u32) -> f32 {
    if c >= params.channels { return 0.0; }
    return tables[256u * c + bytes[params.sources[c]]];
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) { return; }
    let bytes = resized(id.xy);
    let pixel = id.y * params.size.x + id.x;
    y[params.y_base + pixel] = vec4(number(bytes, 0u), number(bytes, 1u), number(bytes, 2u), 0.0);
}
