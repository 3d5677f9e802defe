//! Inputs and parameters.

mod given;
