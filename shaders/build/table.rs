//! The table of all linked texts.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::interface::Interface;
use crate::variants::Variant;
use crate::version::Version;

/// One linked text and what the table says of it.
pub(crate) struct Entry {
    /// Kernel and variant, by which the table is ordered.
    key: (String, String),
    text: String,
    bindings: Vec<&'static str>,
    overrides: Vec<String>,
    sizes: Vec<(String, u32)>,
}

impl Entry {
    /// A text that reads `sizes` from a table in its last binding, if there are any.
    pub(crate) fn new(
        kernel: &str,
        variant: &Variant,
        interface: &Interface,
        text: String,
        sizes: Vec<(String, u32)>,
    ) -> Self {
        let mut bindings: Vec<&str> = interface.bindings.iter().map(|binding| binding.access).collect();
        bindings.extend((!sizes.is_empty()).then_some("Read"));
        let names = interface.overrides.iter().map(|(name, _)| name.clone());
        let overrides = names.filter(|name| sizes.iter().all(|(size, _)| size != name)).collect();
        Self { key: (kernel.to_owned(), variant.text()), text, bindings, overrides, sizes }
    }

    /// The file of the text in `OUT_DIR`.
    fn file(&self) -> String {
        let (kernel, variant) = &self.key;
        format!("{}.{variant}.wgsl", kernel.replace('/', ".")).replace(',', ".")
    }
}

/// All linked texts, ordered by kernel and variant.
#[derive(Default)]
pub(crate) struct Table {
    entries: Vec<Entry>,
}

impl Table {
    pub(crate) fn add(&mut self, entry: Entry) {
        let at = self.entries.binary_search_by(|other| other.key.cmp(&entry.key));
        self.entries.insert(at.expect_err("a variant is linked once"), entry);
    }

    /// The place of a text among all.
    pub(crate) fn index(&self, kernel: &str, variant: &str) -> usize {
        let key = (kernel, variant);
        let found = self.entries.binary_search_by(|other| (&*other.key.0, &*other.key.1).cmp(&key));
        found.expect("every variant is in the table")
    }

    /// Writes the texts and `shaders.rs`; returns their version.
    pub(crate) fn write(&self, out: &Path) -> u64 {
        let mut table = String::from("&[\n");
        let mut version = Version::default();
        for entry in &self.entries {
            let ((name, variant), file) = (&entry.key, entry.file());
            version.add(&file);
            version.add_lines(&entry.text);
            fs::write(out.join(&file), &entry.text).expect("OUT_DIR is writable");
            let bindings: Vec<String> = entry.bindings.iter().map(|access| format!("Access::{access}")).collect();
            writeln!(
                table,
                "Shader {{ name: {name:?}, variant: {variant:?}, \
                 source: Cow::Borrowed(include_str!(concat!(env!(\"OUT_DIR\"), \"/\", {file:?}))), \
                 bindings: Cow::Borrowed(&[{}]), overrides: Cow::Borrowed(&{:?}), sizes: &{:?} }},",
                bindings.join(", "),
                entry.overrides,
                entry.sizes,
            )
            .expect("writing to a string");
        }
        table.push(']');
        fs::write(out.join("shaders.rs"), table).expect("OUT_DIR is writable");
        version.0
    }
}
