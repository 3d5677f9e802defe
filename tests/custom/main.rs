//! Operations that a program brings along: their kernels on a device, their check, networks that have one.

mod check;
mod hang;
mod kernels;
mod network;
mod ops;
mod trainer;
