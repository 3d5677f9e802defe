// Mean and squared deviations of a set of values, and those of two sets together (Chan, Golub and LeVeque 1979). All terms are
// positive, so nothing cancels.

// How many values, their mean, and the sum of their squared distances from it; lane by lane.
struct Moments {
    count: f32,
    mean: vec4<f32>,
    squares: vec4<f32>,
}

// Those of the values of `a` and `b` together; one of them may be empty, then both its vectors are zero.
fn join_moments(a: Moments, b: Moments) -> Moments {
    let count = a.count + b.count;
    let share = b.count / max(count, 1.0);
    let off = b.mean - a.mean;
    return Moments(count, a.mean + off * share, (a.squares + b.squares) + off * off * (a.count * share));
}
