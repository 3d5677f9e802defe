//! Element-wise functions, and functions of the channels of a pixel.

mod binary;
mod cast;
mod chain;
mod dropout;
mod functions;
mod rules;
mod softmax;
mod unary;

pub use binary::*;
pub use cast::*;
pub use chain::*;
pub use dropout::*;
pub use functions::*;
pub use softmax::*;
pub use unary::*;
