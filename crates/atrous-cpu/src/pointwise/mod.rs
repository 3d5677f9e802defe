//! Functions of elements, and of the channels of a pixel.

mod binary;
mod cast;
mod chain;
mod derivatives;
mod dropout;
mod functions;
mod softmax;
mod unary;

pub(crate) use unary::steepness;
