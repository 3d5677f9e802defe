// Runs of channels that do not start at a multiple of four.

// Four consecutive lanes of the eight in `a` and `b`, from lane `first` < 4 of `a` on.
fn join_lanes(a: vec4<u32>, b: vec4<u32>, first: u32) -> vec4<u32> {
    switch first {
        case 0u: { return a; }
        case 1u: { return vec4(a.yzw, b.x); }
        case 2u: { return vec4(a.zw, b.xy); }
        default: { return vec4(a.w, b.xyz); }
    }
}
