//! Selection of parameters by names of layers.

use std::collections::BTreeSet;

use crate::{Model, ModelError, ParameterSpec};

impl Model {
    /// The parameters that the names cover, in the model's order. A name covers:
    ///
    /// 1. the parameter of exactly this name;
    /// 2. everything under it, where `.` and `/` end a name: `layer1` covers `layer1.0.conv1.weight` and not
    ///    `layer10.0.conv1.weight`, `block1_conv1` covers `block1_conv1/kernel` and not `block1_conv1_bn/gamma`;
    /// 3. if it ends in `.`, `/` or `_`, everything that begins with it: `decoder_` covers `decoder_conv0.conv.weight`;
    /// 4. if it covers nothing so far, Keras' parameters (those with a `/`) where `_` ends it: `block1` covers
    ///    `block1_conv1/kernel` and `block1_conv1_bn/gamma`, not `block10_sepconv1/kernel`.
    ///
    /// # Errors
    /// [`ModelError::UnknownName`] for a name that covers nothing.
    pub fn select(&self, names: &[&str]) -> Result<Vec<&ParameterSpec>, ModelError> {
        let selected = select(&self.name, &self.parameters, names)?;
        Ok(self.parameters.iter().zip(selected).filter(|(_, selected)| *selected).map(|(p, _)| p).collect())
    }
}

/// Whether each of the parameters is covered by one of the names.
pub(crate) fn select(model: &str, parameters: &[ParameterSpec], names: &[&str]) -> Result<Vec<bool>, ModelError> {
    let mut selected = vec![false; parameters.len()];
    for name in names {
        let by = |covers: fn(&str, &str) -> bool| -> Vec<usize> {
            (0..parameters.len()).filter(|i| covers(name, &parameters[*i].name)).collect()
        };
        let mut covered = by(covers);
        if covered.is_empty() {
            covered = by(covers_layers);
        }
        if covered.is_empty() {
            let similar = closest(name, &prefixes(parameters));
            return Err(ModelError::UnknownName { model: model.to_owned(), name: (*name).to_owned(), similar });
        }
        covered.into_iter().for_each(|i| selected[i] = true);
    }
    Ok(selected)
}

fn covers(name: &str, parameter: &str) -> bool {
    let open = name.ends_with(['.', '/', '_']);
    parameter.strip_prefix(name).is_some_and(|rest| rest.is_empty() || open || rest.starts_with(['.', '/']))
}

fn covers_layers(name: &str, parameter: &str) -> bool {
    parameter.contains('/') && parameter.strip_prefix(name).is_some_and(|rest| rest.starts_with('_'))
}

/// All names that cover something: each parameter's name, and each part of it that ends before a separator.
fn prefixes(parameters: &[ParameterSpec]) -> Vec<&str> {
    let mut all = BTreeSet::new();
    for name in parameters.iter().map(|p| p.name.as_str()) {
        let ends = |c: char| c == '.' || c == '/' || (c == '_' && name.contains('/'));
        all.extend(name.char_indices().filter(|(_, c)| ends(*c)).map(|(i, _)| &name[..i]));
        all.insert(name);
    }
    all.into_iter().collect()
}

/// The four names most similar to this one, as a text: names that contain it come first, the others in the order of their edit distance.
pub(crate) fn closest(name: &str, known: &[&str]) -> String {
    let name = name.to_lowercase();
    let mut known = known.to_vec();
    known.sort_by_cached_key(|known| (name.is_empty() || !known.contains(&name), edits(&name, known), *known));
    known.truncate(4);
    known.join(", ")
}

/// Levenshtein's edit distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_at_separators() {
        for (name, parameter, covered) in [
            ("layer1", "layer1.0.conv1.weight", true),
            ("layer1.0", "layer1.0.conv1.weight", true),
            ("layer1", "layer10.0.conv1.weight", false),
            ("layer1", "layer1", true),
            ("layer", "layer1.0.conv1.weight", false),
            ("layer1.", "layer1.0.conv1.weight", true),
            ("decoder_", "decoder_conv0.conv.weight", true),
            ("conv1", "layer1.0.conv1.weight", false),
            ("block1_conv1", "block1_conv1/kernel", true),
            ("block1_conv1", "block1_conv1_bn/gamma", false),
            ("block1_", "block1_conv1_bn/gamma", true),
            ("", "fc.weight", false),
        ] {
            assert_eq!(covers(name, parameter), covered, "{name} {parameter}");
        }
        assert!(covers_layers("block1", "block1_conv1/kernel"));
        assert!(!covers_layers("block1", "block10_sepconv1/kernel"));
        assert!(!covers_layers("xception", "xception_65.conv1_1.conv.weight"));
    }

    #[test]
    fn the_closest_names_come_first() {
        assert_eq!(closest("b", &["ab", "x", "b", "bcd", "yz"]), "b, ab, bcd, x");
        assert_eq!(edits("kitten", "sitting"), 3);
    }
}
