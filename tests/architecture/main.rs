//! Holds the workspace to docs/architecture.md: which crate imports which, which file which, and what belongs where.

mod crates;
mod cycles;
mod directions;
mod families;
mod imports;
mod levels;
mod prints;
mod profile;
mod promises;
mod sizes;
mod source;
