//! Weight files: what fits a model is read, what does not is named, damaged files give errors.

mod binding;
mod checksums;
mod damaged;
mod reading;
mod saving;
mod support;
mod values;
