//! Classes of the values of masks, as keys of a table or as flags.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The class of each value of a mask file that is not the class itself. In TOML a table, such as `{ 255 = 1 }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ValueMap(Vec<(u8, u8)>);

impl ValueMap {
    /// Values with their classes.
    pub(super) fn pairs(&self) -> &[(u8, u8)] {
        &self.0
    }
}

impl Serialize for ValueMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        flags(&Some(self.0.clone()), serializer)
    }
}

impl<'de> Deserialize<'de> for ValueMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entry = |(value, class): (String, i64)| match (value.trim().parse(), u8::try_from(class)) {
            (Ok(value), Ok(class)) => Ok((value, class)),
            _ => Err(D::Error::custom(format!("{value} = {class} must be a value and a class, each from 0 to 255"))),
        };
        let pairs = BTreeMap::deserialize(deserializer)?.into_iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        Ok(Self(pairs))
    }
}

/// Parses a flag, such as `255=1`.
pub(super) fn pair(text: &str) -> Result<(u8, u8), String> {
    let parsed = text.split_once('=').map(|(value, class)| (value.trim().parse(), class.trim().parse()));
    match parsed {
        Some((Ok(value), Ok(class))) => Ok((value, class)),
        _ => Err("expected VALUE=CLASS, each from 0 to 255, such as 255=1".to_owned()),
    }
}

/// Serialises flags as a table.
pub(super) fn flags<S: Serializer>(pairs: &Option<Vec<(u8, u8)>>, serializer: S) -> Result<S::Ok, S::Error> {
    let Some(pairs) = pairs else { return serializer.serialize_none() };
    let table: BTreeMap<String, u8> = pairs.iter().map(|(value, class)| (value.to_string(), *class)).collect();
    if table.len() < pairs.len() {
        return Err(S::Error::custom("--map gives a value two classes"));
    }
    table.serialize(serializer)
}
