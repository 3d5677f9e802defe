//! Weight files: what fits a model is read, what does not is named, damaged files give errors.

mod binding;
mod damaged;
mod saving;
mod support;
