//! TOML tables.

use toml::{Table, Value};

/// Merges the second table into the first; its values win. A table of another `type` or `kind` replaces the whole table of the same key.
pub(super) fn lay(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) => {
                if ["type", "kind"].iter().any(|tag| new.contains_key(*tag) && old.get(*tag) != new.get(*tag)) {
                    old.clear();
                }
                lay(old, new);
            }
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

/// Replaces f32 values stored as f64 by the f64 with the shortest decimal form of that f32: 0.1, not 0.10000000149011612.
pub(super) fn shorten(value: &mut Value) {
    match value {
        Value::Float(number) if f64::from(*number as f32) == *number => {
            *number = (*number as f32).to_string().parse().unwrap_or(*number);
        }
        Value::Array(values) => values.iter_mut().for_each(shorten),
        Value::Table(table) => table.iter_mut().for_each(|(_, value)| shorten(value)),
        _ => {}
    }
}
