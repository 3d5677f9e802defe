//! The programs as a person meets them: what they print and write, and how they refuse bad input.

mod bad_configurations;
mod bad_networks;
mod bad_pictures;
mod bad_weights;
mod data;
mod folders;
mod good;
mod held_out;
mod own_kernel;
mod png;
mod readme;
mod run_files;
mod scribble;
mod signals;
mod streams;
mod support;
mod train;
mod tune;
