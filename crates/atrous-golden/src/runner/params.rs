//! Parameters of a case. A parameter that is not known is an error.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::CaseError;

/// Parameters that have not been looked at yet.
#[derive(Clone, Debug)]
pub(super) struct Params(Map<String, Value>);

impl Params {
    pub(super) const fn new(map: Map<String, Value>) -> Self {
        Self(map)
    }

    /// Takes a parameter that must be there.
    pub(super) fn take<T: DeserializeOwned>(&mut self, key: &str) -> Result<T, CaseError> {
        self.optional(key)?.ok_or_else(|| CaseError::Unsupported(format!("the parameter \"{key}\" is missing")))
    }

    /// Takes a parameter that may be missing or null.
    pub(super) fn optional<T: DeserializeOwned>(&mut self, key: &str) -> Result<Option<T>, CaseError> {
        match self.0.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => serde_json::from_value(value.clone())
                .map(Some)
                .map_err(|_| CaseError::Unsupported(format!("the parameter \"{key}\" is {value}"))),
        }
    }

    /// Takes the switch of a feature that atrous does not have: it must be missing or off.
    pub(super) fn off(&mut self, key: &str) -> Result<(), CaseError> {
        match self.optional::<bool>(key)? {
            Some(true) => Err(CaseError::Unsupported(format!("the parameter \"{key}\" is true"))),
            _ => Ok(()),
        }
    }

    /// Takes an explaining sentence, which must be missing or contain one of the `known` texts. Returns that text's index.
    pub(super) fn says(&mut self, key: &str, known: &[&str]) -> Result<Option<usize>, CaseError> {
        let Some(text) = self.optional::<String>(key)? else {
            return Ok(None);
        };
        let found = known.iter().position(|part| text.contains(part));
        found.map(Some).ok_or_else(|| CaseError::Unsupported(format!("the {key} \"{text}\"")))
    }

    /// Takes the axis, which must be 1: the channels in the files' N×C×H×W.
    pub(super) fn axis_of_channels(&mut self) -> Result<(), CaseError> {
        match self.take::<i64>("axis")? {
            1 => Ok(()),
            other => Err(CaseError::Unsupported(format!("axis {other}; channels are axis 1"))),
        }
    }

    /// Checks that all parameters have been taken. A parameter that is null counts as missing.
    pub(super) fn finish(self) -> Result<(), CaseError> {
        let stated = self.0.into_iter().filter(|(_, value)| !value.is_null());
        let left: Vec<String> = stated.map(|(key, value)| format!("\"{key}\": {value}")).collect();
        if left.is_empty() {
            return Ok(());
        }
        Err(CaseError::Unsupported(format!("unknown parameters {}", left.join(", "))))
    }
}

/// Checks that a stated value is equal to the one that follows from other parameters.
pub(super) fn agree<T: PartialEq + std::fmt::Debug>(what: &str, stated: &T, follows: &T) -> Result<(), CaseError> {
    if stated == follows {
        return Ok(());
    }
    Err(CaseError::Failed(format!("the case says {what} {stated:?}, the operation gives {follows:?}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn params() -> Params {
        let Value::Object(map) = json!({"stride": [2, 1], "none": null, "rule": "floor(i*n/b)"}) else {
            unreachable!()
        };
        Params::new(map)
    }

    #[test]
    fn every_parameter_must_be_taken() {
        let mut p = params();
        assert_eq!(p.take::<[usize; 2]>("stride").unwrap(), [2, 1]);
        assert_eq!(p.optional::<usize>("none").unwrap(), None);
        assert_eq!(p.says("rule", &["ceil", "floor"]).unwrap(), Some(1));
        assert_eq!(p.finish(), Ok(()));
        assert_eq!(Params::new(Map::from_iter([("foreach".to_owned(), Value::Null)])).finish(), Ok(()));
        let left = params().finish().unwrap_err();
        assert!(matches!(&left, CaseError::Unsupported(why) if why.contains("\"stride\": [2,1]")), "{left}");
    }

    #[test]
    fn what_is_not_understood_is_unsupported() {
        let unsupported = |r: Result<(), CaseError>| matches!(r, Err(CaseError::Unsupported(_)));
        assert!(unsupported(params().take::<usize>("stride").map(drop)));
        assert!(unsupported(params().take::<usize>("dilation").map(drop)));
        assert!(unsupported(params().says("rule", &["round"]).map(drop)));
        let amsgrad = |on: bool| Params::new(Map::from_iter([("amsgrad".to_owned(), json!(on))])).off("amsgrad");
        assert!(amsgrad(false).is_ok() && unsupported(amsgrad(true)));
        let axis = |axis: i64| Params::new(Map::from_iter([("axis".to_owned(), json!(axis))])).axis_of_channels();
        assert_eq!(axis(1), Ok(()));
        assert!(unsupported(axis(2)));
    }
}
