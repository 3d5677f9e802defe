//! The programs as a person meets them: what they print and write, and how they refuse bad input.

mod bad_configurations;
mod bad_networks;
mod bad_pictures;
mod bad_weights;
mod folders;
mod good;
mod own_kernel;
mod png;
mod readme;
mod scribble;
mod streams;
mod support;
mod train;
mod tune;
