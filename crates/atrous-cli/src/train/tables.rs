//! TOML tables.

use toml::{Table, Value};

/// Lays one table over another. A table of another `type` or `kind` replaces the one below.
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

/// Writes numbers that are those of f32 with as few digits as those need: 0.1, not 0.10000000149011612.
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
