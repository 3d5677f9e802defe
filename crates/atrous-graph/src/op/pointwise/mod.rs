//! Functions of elements, and of the channels of a pixel.

mod binary;
mod cast;
mod chain;
mod dropout;
mod rules;
mod softmax;
mod unary;

pub use binary::Binary;
pub use cast::{Cast, StopGradient};
pub use chain::{Chain, Step};
pub use dropout::{Dropout, DropoutUnit};
pub use softmax::{LogSoftmax, LogSoftmaxGrad, Softmax, SoftmaxGrad};
pub use unary::{Unary, UnaryGrad};
