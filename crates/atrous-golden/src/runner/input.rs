//! Inputs, generated from their names.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use super::{CaseError, array::Array};
use crate::fill::{self, Fill};

/// Inputs by name, in the order of the file.
#[derive(Clone, Debug)]
pub(super) struct Inputs(Vec<(String, Input)>);

impl Inputs {
    /// The input of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Input> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, input)| input)
    }

    /// All names.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.0.iter().map(|(name, _)| name)
    }
}

impl<'de> Deserialize<'de> for Inputs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Inputs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("inputs by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Inputs, A::Error> {
                let mut inputs = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    inputs.push(entry);
                }
                Ok(Inputs(inputs))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// How to make one input.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Input {
    pub(super) shape: Vec<usize>,
    kind: String,
    fill: Option<String>,
    offset: Option<f64>,
    scale: Option<f64>,
    fan_in: Option<usize>,
    wvar: Option<f64>,
    levels: Option<u32>,
    values: Option<Vec<f32>>,
    classes: Option<u32>,
    ignore_percent: Option<u32>,
    ignore_index: Option<u32>,
}

impl Input {
    /// The input's values.
    pub(super) fn array(&self) -> Result<Array, CaseError> {
        let n = self.shape.iter().product();
        let name = || self.fill.as_deref().ok_or_else(|| missing("fill"));
        let uniform = |offset: f64, scale: f64| Fill {
            offset: self.offset.unwrap_or(offset),
            scale: self.scale.unwrap_or(scale),
        };
        let of = |fill: Fill| Ok::<_, CaseError>(fill.values(name()?, n));
        let values = match self.kind.as_str() {
            "uniform" => of(uniform(0.0, 1.0))?,
            "bias" | "bn_bias" | "running_mean" => of(uniform(0.0, 0.1))?,
            "bn_weight" => of(uniform(1.0, 0.1))?,
            "running_var" => of(uniform(1.0, 0.2))?,
            "weight" => of(Fill::weight(self.fan_in.ok_or_else(|| missing("fan_in"))?, self.wvar.unwrap_or(1.0)))?,
            "relu" => fill::relu(name()?, n, self.scale.unwrap_or(1.0)),
            "binary" => fill::binary(name()?, n),
            "labels" => self.labels()?.into_iter().map(|label| label as f32).collect(),
            "quantized" => fill::quantized(name()?, n, self.levels.ok_or_else(|| missing("levels"))?),
            "literal" => self.values.clone().ok_or_else(|| missing("values"))?,
            other => return Err(CaseError::Unsupported(format!("an input of kind \"{other}\""))),
        };
        if values.len() != n {
            return Err(CaseError::Failed(format!("{:?} needs {n} values, the case has {}", self.shape, values.len())));
        }
        Ok(Array { shape: self.shape.clone(), values })
    }

    /// The labels, if the input is of that kind.
    pub(super) fn labels(&self) -> Result<Vec<u32>, CaseError> {
        let name = self.fill.as_deref().ok_or_else(|| missing("fill"))?;
        let classes = self.classes.ok_or_else(|| missing("classes"))?;
        let ignore = self.ignore_index.unwrap_or(255);
        Ok(fill::labels(name, self.shape.iter().product(), classes, self.ignore_percent.unwrap_or(0), ignore))
    }
}

fn missing(what: &str) -> CaseError {
    CaseError::Failed(format!("the input lacks \"{what}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_keep_the_order_of_the_file() {
        let text =
            r#"{"x2": {"shape": [1], "kind": "literal", "values": [2]}, "x10": {"shape": [1], "kind": "uniform"}}"#;
        let inputs: Inputs = serde_json::from_str(text).unwrap();
        assert_eq!(inputs.names().collect::<Vec<_>>(), ["x2", "x10"]);
        assert_eq!(inputs.get("x2").unwrap().array().unwrap().values, [2.0]);
        assert!(inputs.get("x").is_none());
    }
}
