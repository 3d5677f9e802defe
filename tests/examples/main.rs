//! What the training examples do, in short: the networks learn, every run gives the same bits, and the programs run.
//!
//! The examples themselves train longer and reach more.

mod determinism;
mod digits;
mod learning;
mod own_network;
mod programs;
mod shapes;
#[path = "../cli/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the other programs, which need more of it")]
mod support;
