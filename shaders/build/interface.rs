//! What one linked text declares: bindings and overrides, from its syntax tree.

use std::collections::BTreeMap;

use wesl::syntax::{
    AccessMode, AddressSpace, Attribute, Declaration, DeclarationKind, Expression, GlobalDeclaration,
    LiteralExpression, TranslationUnit,
};

/// The bindings by index, and the overrides in the order of the text.
pub(crate) struct Interface {
    pub(crate) bindings: Vec<Binding>,
    pub(crate) overrides: Vec<(String, Type)>,
}

pub(crate) struct Binding {
    /// The variable's name in the text.
    pub(crate) name: String,
    /// A variant of `Access`.
    pub(crate) access: &'static str,
}

/// The type of an override.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Type {
    U32,
    F32,
}

impl Interface {
    /// Whether there is an override of this name.
    pub(crate) fn takes(&self, name: &str) -> bool {
        self.overrides.iter().any(|(other, _)| other == name)
    }

    /// Reads it; panics, naming the kernel's file, where the text is not as kernels are.
    pub(crate) fn of(file: &str, linked: &TranslationUnit) -> Self {
        let mut bindings = BTreeMap::new();
        let mut overrides = Vec::new();
        for declaration in &linked.global_declarations {
            let GlobalDeclaration::Declaration(declaration) = declaration.node() else {
                continue;
            };
            let name = declaration.ident.to_string();
            match declaration.kind {
                DeclarationKind::Override => overrides.push((name, override_type(file, declaration))),
                DeclarationKind::Var(Some((AddressSpace::Storage, mode))) => {
                    let access = match mode {
                        Some(AccessMode::ReadWrite) => "ReadWrite",
                        _ => "Read",
                    };
                    let index = binding_index(file, declaration);
                    let index = index.unwrap_or_else(|| panic!("{file}: `{name}` has no @binding"));
                    bindings.insert(index, Binding { name, access });
                }
                DeclarationKind::Var(None) => {
                    let texture = texture(declaration).zip(binding_index(file, declaration));
                    bindings.extend(texture.map(|(access, index)| (index, Binding { name, access })));
                }
                _ => {}
            }
        }
        let dense = bindings.keys().copied().eq(0..bindings.len() as i64);
        assert!(dense, "{file}: bindings are not numbered 0.. : {:?}", bindings.keys());
        Self { bindings: bindings.into_values().collect(), overrides }
    }
}

fn override_type(file: &str, declaration: &Declaration) -> Type {
    let text = declaration.ty.as_ref().map(ToString::to_string).unwrap_or_default();
    match text.as_str() {
        "u32" => Type::U32,
        "f32" => Type::F32,
        _ => panic!("{file}: the override {} is of type \"{text}\", not u32 or f32", declaration.ident),
    }
}

/// The index in a `@binding(i)` attribute.
fn binding_index(file: &str, declaration: &Declaration) -> Option<i64> {
    declaration.attributes.iter().find_map(|attribute| match attribute.node() {
        Attribute::Binding(index) => match index.node() {
            Expression::Literal(LiteralExpression::AbstractInt(i)) => Some(*i),
            other => panic!("{file}: @binding({other}): write the index as a number"),
        },
        _ => None,
    })
}

/// The access of a texture; none if the variable is none.
fn texture(declaration: &Declaration) -> Option<&'static str> {
    match declaration.ty.as_ref()?.ident.to_string().as_str() {
        "texture_2d" => Some("Texture"),
        "texture_storage_2d" => Some("StorageTexture"),
        _ => None,
    }
}
