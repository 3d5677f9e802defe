//! Gradients of whole graphs against central differences, all in f64 on the reference.

mod networks;
mod rules;
mod support;
