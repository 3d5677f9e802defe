//! What a graph begins with.

mod given;
