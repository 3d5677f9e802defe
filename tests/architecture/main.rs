//! Holds the workspace to docs/architecture.md: which crate imports which, which file which, and what belongs where.

mod crates;
mod cycles;
mod families;
mod floors;
mod imports;
mod sizes;
mod source;
