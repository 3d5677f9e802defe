//! The parts of the Rust interface that kernels have in common: codes and groups.

use crate::catalogue::{Catalogue, Codes, Group};
use crate::constants::Value;
use crate::rust::{Linked, camel, doc, structure};

/// The module of all codes.
pub(crate) fn codes(catalogue: &Catalogue) -> String {
    let enums: String = catalogue.codes.iter().map(|(name, codes)| code(name, codes)).collect();
    format!("/// Numbers with names that overrides hold.\npub mod codes {{\n{enums}}}\n")
}

fn code(table: &str, codes: &Codes) -> String {
    let variant =
        |(name, (constant, value)): (&String, (String, u32))| format!("/// `{constant}`\n{} = {value},\n", camel(name));
    let variants: String = codes.names.iter().zip(codes.constants()).map(variant).collect();
    let derive = "#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]";
    format!("{}{derive}\npub enum {} {{\n{variants}}}\n", doc(&codes.about), camel(table))
}

/// The module of all groups.
pub(crate) fn groups(catalogue: &Catalogue, kernels: &[Linked<'_>]) -> String {
    let structs = catalogue.groups.iter().map(|(name, group)| {
        let field = |(constant, value): (&str, Value)| {
            format!("/// `{constant}`\npub {}: {},\n", constant.to_lowercase(), value.rust_type())
        };
        structure(&group.about, &camel(name), members(name, group, kernels).into_iter().map(field))
    });
    let structs: String = structs.collect();
    format!("/// Constants that several kernels have in common.\npub mod groups {{\n{structs}}}\n")
}

/// The constants of a group. Each is declared by a kernel, and by all with the same type.
pub(crate) fn members<'g>(name: &str, group: &'g Group, kernels: &[Linked<'_>]) -> Vec<(&'g str, Value)> {
    let of = |kernel: &&Linked<'_>| kernel.kernel.groups.iter().any(|g| g == name);
    for kernel in kernels.iter().filter(of) {
        let declares = group.constants.iter().any(|constant| kernel.fields.constants.contains_key(constant));
        assert!(declares, "{} declares no constant of the group {name}", kernel.file);
    }
    let member = |constant: &'g String| {
        let declared = kernels.iter().filter(of).filter_map(|k| Some((k, k.fields.constants.get(constant)?.ty)));
        let declared: Vec<_> = declared.collect();
        let (first, ty) =
            declared.first().unwrap_or_else(|| panic!("no kernel declares {constant} of the group {name}"));
        for (other, other_ty) in &declared {
            let same = ty == other_ty;
            assert!(same, "{constant} of the group {name} has two types, in {} and {}", first.file, other.file);
        }
        (constant.as_str(), Value::of(&first.file, constant, *ty, &group.codes, &[]))
    };
    group.constants.iter().map(member).collect()
}
