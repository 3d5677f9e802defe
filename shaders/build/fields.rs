//! What all variants of a kernel declare, taken together: the fields that its Rust interface has.

use std::collections::BTreeMap;

use crate::interface::{Interface, Type};
use crate::variants::Variant;

/// The constants of a kernel by name, without those of its bindings; and its bindings, ordered by index.
pub(crate) struct Fields {
    pub(crate) constants: BTreeMap<String, Constant>,
    pub(crate) bindings: Vec<Bound>,
}

/// An override, or several of one kind: `KIND_0`, `KIND_1` and so on are an array `KIND`.
pub(crate) struct Constant {
    pub(crate) ty: Type,
    pub(crate) declared: Declared,
    /// The overrides of an array; of a single one, itself.
    pub(crate) overrides: Vec<String>,
}

/// Which variants declare something.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Declared {
    /// All.
    Always,
    /// Those with this flag, and no others.
    With(String),
    /// Some.
    Sometimes,
}

/// A binding, and whether its variable has a base and a stride.
pub(crate) struct Bound {
    pub(crate) name: String,
    pub(crate) always: bool,
    pub(crate) base: bool,
    pub(crate) stride: bool,
}

impl Fields {
    /// The fields of a kernel with these variants. Kernels that are planned have a base of each binding.
    pub(crate) fn of(file: &str, variants: &[(Variant, Interface)], planned: bool) -> Self {
        let bindings = bindings(file, variants, planned);
        let owned = |name: &str| {
            let bound = |end: &str| bindings.iter().any(|b| format!("{}{end}", b.name.to_uppercase()) == name);
            bound("_BASE") || bound("_STRIDE")
        };
        let mut constants: BTreeMap<String, Constant> = BTreeMap::new();
        for (name, ty) in variants.iter().flat_map(|(_, interface)| &interface.overrides) {
            if owned(name) {
                assert!(*ty == Type::U32, "{file}: {name} is of the type {ty:?}, not u32");
                continue;
            }
            assert!(!name.ends_with("_BASE"), "{file}: {name} is the base of no binding");
            let new = || Constant::new(name, *ty, declared(variants, |interface| interface.takes(name)));
            let constant = constants.entry(name.clone()).or_insert_with(new);
            assert!(constant.ty == *ty, "{file}: {name} is {ty:?} in some variants and {:?} in others", constant.ty);
        }
        Self { constants: arrays(file, constants), bindings }
    }
}

impl Constant {
    fn new(name: &str, ty: Type, declared: Declared) -> Self {
        Self { ty, declared, overrides: vec![name.to_owned()] }
    }
}

/// The same constants, numbered ones as arrays.
fn arrays(file: &str, constants: BTreeMap<String, Constant>) -> BTreeMap<String, Constant> {
    let mut all: BTreeMap<String, Constant> = BTreeMap::new();
    for (name, constant) in constants {
        let numbered = name.rsplit_once('_').and_then(|(array, number)| Some((array, number.parse::<usize>().ok()?)));
        let Some((array, number)) = numbered else {
            assert!(all.insert(name.clone(), constant).is_none(), "{file}: {name} is a constant and an array");
            continue;
        };
        let Constant { ty, declared, overrides } = constant;
        let entry = all.entry(array.to_owned());
        let known = entry.or_insert_with(|| Constant { ty, declared: declared.clone(), overrides: Vec::new() });
        let fits = known.overrides.len() == number && known.ty == ty && known.declared == declared;
        assert!(fits, "{file}: {name} does not go with {:?}", known.overrides);
        known.overrides.extend(overrides);
    }
    all
}

fn declared(variants: &[(Variant, Interface)], has: impl Fn(&Interface) -> bool) -> Declared {
    if variants.iter().all(|(_, interface)| has(interface)) {
        return Declared::Always;
    }
    let flags = variants[0].0.flags.iter().map(|(flag, _)| flag);
    let brings = |flag: &&String| variants.iter().all(|(variant, interface)| has(interface) == variant.has(flag));
    flags.into_iter().find(brings).map_or(Declared::Sometimes, |flag| Declared::With(flag.clone()))
}

fn bindings(file: &str, variants: &[(Variant, Interface)], planned: bool) -> Vec<Bound> {
    // By name: the largest index that it has in a variant.
    let mut indices: BTreeMap<&str, usize> = BTreeMap::new();
    for (variant, interface) in variants {
        for (i, binding) in interface.bindings.iter().enumerate() {
            let base = format!("{}_BASE", binding.name.to_uppercase());
            let has = interface.takes(&base);
            assert!(has == planned, "{file}, variant \"{}\": {base} is {}", variant.text(), missing(planned));
            let index = indices.entry(&binding.name).or_default();
            *index = i.max(*index);
        }
    }
    let mut names: Vec<(usize, &str)> = indices.into_iter().map(|(name, index)| (index, name)).collect();
    names.sort_unstable();
    let bound = |name: &str| Bound {
        name: name.to_owned(),
        always: variants.iter().all(|(_, interface)| interface.bindings.iter().any(|b| b.name == name)),
        base: planned,
        stride: variants.iter().any(|(_, interface)| interface.takes(&format!("{}_STRIDE", name.to_uppercase()))),
    };
    names.into_iter().map(|(_, name)| bound(name)).collect()
}

fn missing(planned: bool) -> &'static str {
    if planned { "missing" } else { "of no use: what a program binds begins where it says" }
}
