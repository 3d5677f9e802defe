//! Cases of single operations, as the files describe them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::input::{Input, Inputs};

/// A case as it is stored.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) op: String,
    pub(super) framework: Option<String>,
    pub(super) params: Map<String, Value>,
    pub(super) inputs: Inputs,
    pub(super) outputs: BTreeMap<String, Expected>,
    /// Stored gradients, by the name of the input they belong to.
    #[serde(default)]
    pub(super) grads: BTreeMap<String, Expected>,
    pub(super) upstream: Option<Upstream>,
    pub(super) file: String,
}

/// The gradient with respect to the main result, from which all others are computed.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Upstream {
    /// The same number everywhere.
    Constant { constant: f32 },
    /// A tensor that is filled from its name.
    Made(Input),
}

/// A stored result.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Expected {
    pub(super) key: String,
    pub(super) shape: Vec<usize>,
    pub(super) atol: f64,
}
