//! Links every (kernel, variant) of `catalogue.toml` to plain WGSL in `OUT_DIR` and writes the table that
//! `lib.rs` includes. The first error stops the build and names the kernel's file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde::Deserialize;
use wesl::syntax::{
    AccessMode, AddressSpace, Attribute, Declaration, DeclarationKind, Expression, GlobalDeclaration,
    LiteralExpression, TranslationUnit,
};
use wesl::{CompileOptions, Feature, ManglerKind, Wesl};

/// The flag with which [`read_sizes`] changes the linked text.
const SIZED: &str = "sized";

/// One kernel's link-time axes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Axes {
    /// Boolean features, tested in the text by `@if(flag)`.
    #[serde(default)]
    flags: Vec<String>,
    /// Integer constants, read by `import constants::NAME`, tested by `@if(NAME_4)`.
    #[serde(default)]
    constants: BTreeMap<String, Vec<u32>>,
    /// Flags that come only with another.
    #[serde(default)]
    requires: BTreeMap<String, String>,
    /// Flags, or constants as `NAME=value`, that a flag never comes with.
    #[serde(default)]
    excludes: BTreeMap<String, Vec<String>>,
    /// The variants to keep of the cross product; absent: all.
    only: Option<Vec<String>>,
    /// Overrides that choose what is computed: they stay such with the flag [`SIZED`].
    #[serde(default)]
    fixed: Vec<String>,
    /// The text uses extensions whose names the linker does not know, so it does not look for undeclared ones; the tests do.
    #[serde(default)]
    extended: bool,
}

/// One point of the axes: a value for each of them.
#[derive(Clone, Default)]
struct Variant {
    flags: Vec<(String, bool)>,
    constants: Vec<(String, u32)>,
}

impl Variant {
    /// The stable text: flags that are on, in catalogue order, then `NAME=value` by name.
    fn text(&self) -> String {
        self.parts().join(",")
    }

    fn parts(&self) -> Vec<String> {
        let flags = self.flags.iter().filter(|(_, on)| *on).map(|(name, _)| name.clone());
        let constants = self.constants.iter().map(|(name, v)| format!("{name}={v}"));
        flags.chain(constants).collect()
    }
}

/// The cross product of the axes, or the part of it that `only` names.
fn variants(kernel: &str, axes: &Axes) -> Vec<Variant> {
    let mut all = vec![Variant::default()];
    for flag in &axes.flags {
        let with = |v: &Variant, on| {
            let mut v = v.clone();
            v.flags.push((flag.clone(), on));
            v
        };
        all = all.iter().flat_map(|v| [with(v, false), with(v, true)]).collect();
    }
    for (name, values) in &axes.constants {
        let with = |v: &Variant, value| {
            let mut v = v.clone();
            v.constants.push((name.clone(), value));
            v
        };
        all = all.iter().flat_map(|v| values.iter().map(|&x| with(v, x)).collect::<Vec<_>>()).collect();
    }
    for (flag, other) in &axes.requires {
        let on = |v: &Variant, flag: &String| v.flags.contains(&(flag.clone(), true));
        all.retain(|v| !on(v, flag) || on(v, other));
    }
    for (flag, others) in &axes.excludes {
        let has = |v: &Variant, part: &String| v.parts().contains(part);
        let known = |part| all.iter().any(|v| has(v, part));
        assert!(
            known(flag) && others.iter().all(known),
            "catalogue.toml: `{kernel}` excludes what is not among its axes"
        );
        all.retain(|v| !has(v, flag) || !others.iter().any(|other| has(v, other)));
    }
    if let Some(only) = &axes.only {
        for text in only {
            let known = all.iter().any(|v| v.text() == *text);
            assert!(known, "catalogue.toml: `{kernel}` has no variant \"{text}\" among its axes");
        }
        all.retain(|v| only.contains(&v.text()));
    }
    all
}

/// Links one variant; panics with the WESL diagnostic, which names file and line.
fn link(root: &Path, kernel: &str, axes: &Axes, variant: &Variant) -> TranslationUnit {
    let mut wesl = Wesl::new(root);
    wesl.set_options(CompileOptions { validate: !axes.extended, ..CompileOptions::default() });
    wesl.set_missing_feature_behavior(Feature::Error);
    // Overrides and bindings that a helper declares keep their names; two of one name do not pass validation.
    wesl.set_mangler(ManglerKind::None);
    for (flag, on) in &variant.flags {
        wesl.set_feature(flag, *on);
    }
    for (name, value) in &variant.constants {
        wesl.add_constant(name, (*value).into());
        for other in &axes.constants[name] {
            wesl.set_feature(&format!("{name}_{other}"), other == value);
        }
    }
    let path = format!("package::{}", kernel.replace('/', "::"));
    let path = path.parse().unwrap_or_else(|e| panic!("{kernel}: not a module path: {e}"));
    match wesl.compile(&path) {
        Ok(linked) => linked.syntax,
        Err(e) => panic!("shaders/{kernel}.wesl, variant \"{}\":\n{e}", variant.text()),
    }
}

/// The index in a `@binding(i)` attribute.
fn binding_index(declaration: &Declaration) -> Option<i64> {
    declaration.attributes.iter().find_map(|attribute| match attribute.node() {
        Attribute::Binding(index) => match index.node() {
            Expression::Literal(LiteralExpression::AbstractInt(i)) => Some(*i),
            other => panic!("@binding({other}): write the index as a number"),
        },
        _ => None,
    })
}

/// The accesses by binding index and the names of the overrides, from the linked syntax tree.
fn interface(kernel: &str, linked: &TranslationUnit) -> (Vec<&'static str>, Vec<String>) {
    let mut bindings = BTreeMap::new();
    let mut overrides = Vec::new();
    for declaration in &linked.global_declarations {
        let GlobalDeclaration::Declaration(declaration) = declaration.node() else {
            continue;
        };
        match declaration.kind {
            DeclarationKind::Override => overrides.push(declaration.ident.to_string()),
            DeclarationKind::Var(Some((AddressSpace::Storage, mode))) => {
                let access = match mode {
                    Some(AccessMode::ReadWrite) => "Access::ReadWrite",
                    _ => "Access::Read",
                };
                let index = binding_index(declaration)
                    .unwrap_or_else(|| panic!("{kernel}: `{}` has no @binding", declaration.ident));
                bindings.insert(index, access);
            }
            DeclarationKind::Var(None) => bindings.extend(texture(declaration)),
            _ => {}
        }
    }
    let dense = bindings.keys().copied().eq(0..bindings.len() as i64);
    assert!(dense, "{kernel}: bindings are not numbered 0.. : {:?}", bindings.keys());
    (bindings.into_values().collect(), overrides)
}

/// The binding index and access of a texture; none if the variable is none.
fn texture(declaration: &Declaration) -> Option<(i64, &'static str)> {
    let access = match declaration.ty.as_ref()?.ident.to_string().as_str() {
        "texture_2d" => "Access::Texture",
        "texture_storage_2d" => "Access::StorageTexture",
        _ => return None,
    };
    binding_index(declaration).map(|index| (index, access))
}

/// Turns the overrides of type u32, but the `fixed` ones, into variables that the kernel reads from one more binding when it begins: words
/// of a table in the order of the text. Returns the new text, and names and default values of the words.
fn read_sizes(kernel: &str, linked: &str, binding: usize, fixed: &[String]) -> (String, Vec<(String, u32)>) {
    for name in fixed {
        assert!(linked.contains(&format!("override {name}: ")), "catalogue.toml: `{kernel}` has no override {name}");
    }
    let mut sizes = Vec::new();
    let mut text = String::new();
    for line in linked.lines() {
        let declared = line.strip_prefix("override ").and_then(|rest| rest.split_once(": u32 = "));
        match declared.filter(|(name, _)| !fixed.iter().any(|other| other == name)) {
            Some((name, value)) => {
                let value = value.trim_end_matches("u;").parse().unwrap_or_else(|e| panic!("{kernel}: {line}: {e}"));
                sizes.push((name.to_owned(), value));
                writeln!(text, "var<private> {name}: u32;").expect("writing to a string");
            }
            None => writeln!(text, "{line}").expect("writing to a string"),
        }
    }
    let main = text.find("fn main(").and_then(|at| Some(at + text[at..].find("{\n")? + 2));
    let reads = sizes.iter().enumerate().map(|(i, (name, _))| format!("    {name} = sizes[{}][{}];\n", i / 4, i % 4));
    text.insert_str(main.unwrap_or_else(|| panic!("{kernel} has no main")), &reads.collect::<String>());
    let table = format!("array<vec4<u32>, {}>", sizes.len().div_ceil(4));
    writeln!(text, "\n@group(0) @binding({binding})\nvar<storage, read> sizes: {table};").expect("writing to a string");
    (text, sizes)
}

/// FNV-1a (<http://www.isthe.com/chongo/tech/comp/fnv/>) of some texts.
struct Version(u64);

impl Default for Version {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Version {
    /// Adds the lines of a linked text in an order of their own: the linker orders declarations as it likes.
    fn add_lines(&mut self, text: &str) {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        lines.into_iter().for_each(|line| self.add(line));
    }

    fn add(&mut self, text: &str) {
        for byte in text.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let catalogue = fs::read_to_string(root.join("catalogue.toml")).expect("shaders/catalogue.toml");
    let catalogue: BTreeMap<String, BTreeMap<String, Axes>> =
        toml::from_str(&catalogue).unwrap_or_else(|e| panic!("shaders/catalogue.toml: {e}"));

    for path in ["build.rs", "catalogue.toml", "helpers"] {
        println!("cargo::rerun-if-changed={path}");
    }
    let mut table = String::from("&[\n");
    let mut version = Version::default();
    for (family, kernels) in &catalogue {
        println!("cargo::rerun-if-changed={family}");
        for (name, axes) in kernels {
            let kernel = format!("{family}/{name}");
            for variant in variants(&kernel, axes) {
                let linked = link(&root, &kernel, axes, &variant);
                let (mut bindings, mut overrides) = interface(&kernel, &linked);
                let text = variant.text();
                let file = format!("{family}.{name}.{text}.wgsl").replace(',', ".");
                let (mut linked, mut sizes) = (linked.to_string(), Vec::new());
                if variant.parts().iter().any(|part| part == SIZED) {
                    (linked, sizes) = read_sizes(&kernel, &linked, bindings.len(), &axes.fixed);
                    bindings.push("Access::Read");
                    overrides.retain(|name| sizes.iter().all(|(size, _)| size != name));
                }
                version.add(&file);
                version.add_lines(&linked);
                fs::write(out.join(&file), linked).expect("OUT_DIR is writable");
                writeln!(
                    table,
                    "Shader {{ name: {kernel:?}, variant: {text:?}, \
                     source: Cow::Borrowed(include_str!(concat!(env!(\"OUT_DIR\"), \"/\", {file:?}))), \
                     bindings: Cow::Borrowed(&[{}]), overrides: Cow::Borrowed(&{overrides:?}), sizes: &{sizes:?} }},",
                    bindings.join(", "),
                )
                .expect("writing to a string");
            }
        }
    }
    table.push(']');
    println!("cargo::rustc-env=ATROUS_KERNELS={:016x}", version.0);
    fs::write(out.join("shaders.rs"), table).expect("OUT_DIR is writable");
}
