//! Passes over graphs: what they do and decline, in f64; whole networks with and without them, on the device.

mod half;
mod mixed;
mod net;
mod networks;
mod rules;
mod training;
