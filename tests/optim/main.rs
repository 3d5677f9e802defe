//! Training steps on the device: optimizers against what PyTorch and Keras compute and against their formulas in f64, and all
//! that a step promises besides.

mod accumulate;
mod maximize;
mod network;
mod own;
mod pieces;
mod reference;
mod rules;
mod scaling;
mod session;
mod step;
mod whole;
