//! Trainings of tiny networks on the device of the environment; an adapter must be there.

mod changed;
mod common;
mod evaluate;
mod failures;
mod files;
mod flaky;
mod lacking;
mod loops;
mod lost;
mod memory;
mod metrics;
mod mixed;
mod networks;
mod objectives;
mod ragged;
mod resume;
mod saved;
mod weights;
