// Philox4x32-10, a random generator of counters (Salmon, Moraes, Dror, Shaw: Parallel random numbers, 2011): four words that are
// a function of a counter of four words and a key of two.

fn philox(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
    var c = counter;
    var k = key;
    for (var round = 0u; round < 10u; round++) {
        let p = multiply_wide(0xd2511f53u, c.x);
        let q = multiply_wide(0xcd9e8d57u, c.z);
        c = vec4(q.y ^ c.y ^ k.x, q.x, p.y ^ c.w ^ k.y, p.x);
        k += vec2(0x9e3779b9u, 0xbb67ae85u);
    }
    return c;
}

// The low and the high word of a product, from products of halves: WGSL has no wider type.
fn multiply_wide(a: u32, b: u32) -> vec2<u32> {
    let a0 = a & 0xffffu;
    let a1 = a >> 16u;
    let b0 = b & 0xffffu;
    let b1 = b >> 16u;
    let cross_0 = a0 * b1;
    let cross_1 = a1 * b0;
    let middle = ((a0 * b0) >> 16u) + (cross_0 & 0xffffu) + (cross_1 & 0xffffu);
    return vec2(a * b, a1 * b1 + (cross_0 >> 16u) + (cross_1 >> 16u) + (middle >> 16u));
}
