//! Convolutions.

mod forward;
mod fused;
mod grad_weight;
#[cfg(test)]
mod tests;
mod transposed;

pub(crate) use forward::tap;
