// The four lanes of a vec4 as channels.

// Which channels of vec4 `c4` of a pixel exist: the lanes past the last of `channels` are padding, which every kernel keeps zero.
fn exist(c4: u32, channels: u32) -> vec4<bool> {
    return vec4(0u, 1u, 2u, 3u) + 4u * c4 < vec4(channels);
}

// Four consecutive lanes of the eight in `a` and `b`, from lane `first` < 4 of `a` on.
fn join_lanes(a: vec4<u32>, b: vec4<u32>, first: u32) -> vec4<u32> {
    switch first {
        case 0u: { return a; }
        case 1u: { return vec4(a.yzw, b.x); }
        case 2u: { return vec4(a.zw, b.xy); }
        default: { return vec4(a.w, b.xyz); }
    }
}
