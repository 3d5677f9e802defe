//! What must hold between the catalogue, the files and the linked texts.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use wesl::syntax::{GlobalDeclaration, TranslationUnit};

use crate::catalogue::{Catalogue, Kernel};
use crate::fields::Fields;
use crate::link;
use crate::rust::Linked;

/// Codes and switches of the catalogue are overrides of the kernel.
pub(crate) fn catalogued_constants_exist(file: &str, kernel: &Kernel, fields: &Fields) {
    for name in kernel.codes.keys().chain(&kernel.switches) {
        assert!(fields.constants.contains_key(name), "{file} has no override {name}, which catalogue.toml describes");
    }
}

/// Every name in capitals that a linked text uses is a constant that it declares: the linker does not look into functions for that.
pub(crate) fn constants_are_declared(file: &str, variant: &str, linked: &TranslationUnit) {
    let declared = linked.global_declarations.iter().filter_map(|declaration| match declaration.node() {
        GlobalDeclaration::Declaration(declaration) => Some(declaration.ident.to_string()),
        _ => None,
    });
    let declared: BTreeSet<String> = declared.collect();
    let text = linked.to_string();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_constant = |word: &&str| {
        word.starts_with(|c: char| c.is_ascii_uppercase()) && !word.contains(|c: char| c.is_ascii_lowercase())
    };
    for word in words.filter(is_constant) {
        assert!(declared.contains(word), "{file}, variant \"{variant}\": nothing declares {word}");
    }
}

/// Every file of a family is a kernel of the catalogue.
pub(crate) fn files_are_catalogued(root: &Path, family: &str, catalogue: &Catalogue) {
    for entry in fs::read_dir(root.join(family)).unwrap_or_else(|e| panic!("shaders/{family}: {e}")) {
        let file = entry.expect("an entry").file_name();
        let name = format!("{family}/{}", Path::new(&file).with_extension("").display());
        assert!(catalogue.kernels.contains_key(&name), "shaders/{family}/{} is not in catalogue.toml", file.display());
    }
}

/// Every override that a kernel's file or a helper declares is one of a linked text: the linker leaves out what nothing reads.
pub(crate) fn overrides_are_used(root: &Path, kernels: &[Linked<'_>]) {
    let of = |kernel: &Linked<'_>| -> BTreeSet<String> {
        let overrides = kernel.variants.iter().flat_map(|(_, interface)| &interface.overrides);
        overrides.map(|(name, _)| name.clone()).collect()
    };
    let mut all = BTreeSet::new();
    for kernel in kernels {
        let linked = of(kernel);
        for name in declared(root, &kernel.file) {
            assert!(linked.contains(&name), "{} declares the override {name}, which nothing reads", kernel.file);
        }
        all.extend(linked);
    }
    for entry in fs::read_dir(root.join("helpers")).expect("shaders/helpers") {
        let name = entry.expect("an entry").file_name();
        let file = link::file(root, &format!("helpers/{}", Path::new(&name).with_extension("").display()));
        for name in declared(root, &file) {
            assert!(all.contains(&name), "{file} declares the override {name}, which nothing reads");
        }
    }
}

/// The names that a file declares as overrides.
fn declared(root: &Path, file: &str) -> BTreeSet<String> {
    let text = link::read(root, file);
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let declarations = code.flat_map(|line| line.split("override ").skip(1));
    declarations.filter_map(|rest| Some(rest.split_once(':')?.0.trim().to_owned())).collect()
}
