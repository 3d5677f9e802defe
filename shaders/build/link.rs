//! From WESL files to linked texts.

use std::fs;
use std::path::Path;

use wesl::syntax::TranslationUnit;
use wesl::{CompileOptions, Feature, ManglerKind, Wesl};

use crate::catalogue::{Catalogue, Kernel};
use crate::variants::Variant;

/// The file of a kernel, below the workspace: what messages name.
pub(crate) fn file(root: &Path, name: &str) -> String {
    let end = if root.join(name).with_extension("wgsl").exists() { "wgsl" } else { "wesl" };
    format!("shaders/{name}.{end}")
}

/// The text of a file that [`file()`] names.
pub(crate) fn read(root: &Path, file: &str) -> String {
    let path = root.join(file.trim_start_matches("shaders/"));
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// The comment that a kernel's file opens with, without its slashes.
pub(crate) fn header(root: &Path, file: &str) -> String {
    let text = read(root, file);
    let comment = text.lines().map_while(|line| line.strip_prefix("//"));
    comment.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// Links one variant; panics with the WESL diagnostic, which names file and line.
pub(crate) fn link(
    root: &Path,
    name: &str,
    kernel: &Kernel,
    variant: &Variant,
    catalogue: &Catalogue,
) -> TranslationUnit {
    let mut wesl = Wesl::new(root);
    wesl.set_options(CompileOptions { validate: !kernel.extended, ..CompileOptions::default() });
    wesl.set_missing_feature_behavior(Feature::Error);
    // Overrides and bindings that a helper declares keep their names; two of one name do not pass validation.
    wesl.set_mangler(ManglerKind::None);
    for (flag, on) in &variant.flags {
        wesl.set_feature(flag, *on);
    }
    for (constant, value) in &variant.constants {
        wesl.add_constant(constant, (*value).into());
        for other in catalogue.values(constant) {
            wesl.set_feature(&format!("{constant}_{other}"), other == *value);
        }
    }
    for (code, value) in catalogue.code_constants() {
        wesl.add_constant(code, value.into());
    }
    let path = format!("package::{}", name.replace('/', "::"));
    let path = path.parse().unwrap_or_else(|e| panic!("{name}: not a module path: {e}"));
    match wesl.compile(&path) {
        Ok(linked) => linked.syntax,
        Err(e) => panic!("{}, variant \"{}\":\n{e}", file(root, name), variant.text()),
    }
}
