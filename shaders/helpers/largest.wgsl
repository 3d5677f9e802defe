// The channel of the largest value of a pixel, the lowest on a tie.

// Lane by lane the largest value so far and its channel.
struct Largest {
    value: vec4<f32>,
    channel: vec4<u32>,
}

// That of the first vec4 of a pixel.
fn first_largest(v: vec4<f32>) -> Largest {
    return Largest(v, vec4(0u, 1u, 2u, 3u));
}

// One more vec4, the one of index `c`, of a pixel of `channels`. Channels ascend, so a later value must be larger.
fn take_larger(best: Largest, v: vec4<f32>, c: u32, channels: u32) -> Largest {
    let index = vec4(0u, 1u, 2u, 3u) + 4u * c;
    let better = (v > best.value) & (index < vec4(channels));
    return Largest(select(best.value, v, better), select(best.channel, index, better));
}

// The winner of the four lanes.
fn winner(best: Largest, channels: u32) -> u32 {
    var value = best.value.x;
    var channel = best.channel.x;
    for (var lane = 1u; lane < min(channels, 4u); lane++) {
        if best.value[lane] > value || (best.value[lane] == value && best.channel[lane] < channel) {
            value = best.value[lane];
            channel = best.channel[lane];
        }
    }
    return channel;
}
