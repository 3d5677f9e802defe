//! Links every (kernel, variant) of `catalogue.toml` to plain WGSL in `OUT_DIR`, and writes what `lib.rs` includes: the table of all texts,
//! and of each kernel the Rust interface that its texts have together. The first error stops the build and names the kernel's file.

mod catalogue;
mod check;
mod constants;
mod fields;
mod imports;
mod interface;
mod kept;
mod link;
mod rust;
mod samples;
mod shared;
mod sizes;
mod table;
mod variants;
mod version;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use catalogue::{Catalogue, Kernel};
use constants::Constants;
use fields::Fields;
use interface::Interface;
use kept::{Kept, version_of};
use rust::Linked;
use sizes::SIZED;
use table::{Entry, Table};
use variants::Variant;

/// The family whose kernels no plan has: what they bind is the program's, and they read positions from a binding.
const INTEROP: &str = "interop";

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let catalogue = Catalogue::read(&root);
    let families: BTreeSet<&str> = catalogue.kernels.keys().filter_map(|name| Some(name.split_once('/')?.0)).collect();
    for path in ["build", "catalogue.toml", "helpers"].into_iter().chain(families.iter().copied()) {
        println!("cargo::rerun-if-changed={path}");
    }

    families.iter().for_each(|family| check::files_are_catalogued(&root, family, &catalogue));
    families.iter().copied().chain(["helpers"]).for_each(|folder| imports::imports_exist(&root, folder));

    let mut table = Table::default();
    let common = version_of(&["build", "catalogue.toml"].map(|path| root.join(path)));
    let kernels = catalogue.kernels.iter().map(|(name, kernel)| {
        let kept = Kept::of(&root, &out, name, &common);
        linked(&root, name, kernel, &catalogue, kept, &mut table)
    });
    let kernels: Vec<Linked<'_>> = kernels.collect();
    check::overrides_are_used(&root, &kernels);
    println!("cargo::rustc-env=ATROUS_KERNELS={:016x}", table.write(&out));

    let mut interface = shared::codes(&catalogue) + &shared::groups(&catalogue, &kernels);
    for family in families {
        let modules = kernels.iter().filter(|kernel| kernel.family() == family);
        let modules: String =
            modules.map(|kernel| kernel.module(|variant| table.index(kernel.name, &variant.text()))).collect();
        interface += &format!("/// The kernels of `shaders/{family}`.\npub mod {family} {{\n{modules}}}\n");
    }
    fs::write(out.join("interface.rs"), interface).expect("OUT_DIR is writable");
    fs::write(out.join("samples.rs"), samples::samples(&catalogue, &kernels)).expect("OUT_DIR is writable");
}

/// Links all variants of a kernel, or takes the texts that are kept, and adds them to the table.
fn linked<'a>(
    root: &Path,
    name: &'a str,
    kernel: &'a Kernel,
    catalogue: &Catalogue,
    kept: Kept,
    table: &mut Table,
) -> Linked<'a> {
    let file = link::file(root, name);
    let link = |variant: Variant| {
        let (text, tree) = kept.text(&variant.text(), || link::link(root, name, kernel, &variant, catalogue));
        if !kernel.extended {
            check::constants_are_declared(&file, &variant.text(), &tree);
        }
        let interface = Interface::of(&file, &tree);
        let (text, sizes) = match variant.has(SIZED) {
            true => sizes::read_sizes(&file, &text, interface.bindings.len(), &kernel.fixed),
            false => (text, Vec::new()),
        };
        table.add(Entry::new(name, &variant, &interface, text, sizes));
        (variant, interface)
    };
    let variants: Vec<_> = variants::variants(name, kernel).into_iter().map(link).collect();
    kept.finish();
    let fields = Fields::of(&file, &variants, !name.starts_with(INTEROP));
    check::catalogued_constants_exist(&file, kernel, &fields);
    let constants = Constants::of(&file, kernel, &fields, catalogue);
    Linked { name, header: link::header(root, &file), file, kernel, variants, fields, constants }
}
