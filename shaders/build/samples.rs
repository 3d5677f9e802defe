//! A call of every variant of every kernel, for the tests: what is called with them is compared with the texts.

use crate::catalogue::Catalogue;
use crate::constants::{Constant, Value};
use crate::interface::{Interface, Type};
use crate::rust::{Linked, camel};
use crate::shared::members;
use crate::variants::Variant;

/// A function `samples`. All numbers are 1, all switches on, and what is bound is the name of its variable.
pub(crate) fn samples(catalogue: &Catalogue, kernels: &[Linked<'_>]) -> String {
    let groups = catalogue.groups.iter().map(|(name, group)| {
        let ty = format!("groups::{}", camel(name));
        let members = members(name, group, kernels).into_iter();
        let fields: Vec<String> =
            members.map(|(name, value)| format!("{}: {}", name.to_lowercase(), sample(&value, catalogue))).collect();
        format!("pub(crate) fn {name}() -> {ty} {{ {ty} {{ {} }} }}\n", fields.join(", "))
    });
    let groups: String = groups.collect();
    let calls = kernels.iter().map(|kernel| {
        let of_variant =
            |(variant, interface): &(Variant, Interface)| format!("{},\n", call(kernel, variant, interface, catalogue));
        format!("calls.extend([\n{}]);\n", kernel.variants.iter().map(of_variant).collect::<String>())
    });
    let calls: String = calls.collect();
    format!(
        "use atrous_shaders::*;\n{groups}pub(crate) fn samples() -> Vec<Call<&'static str>> {{\nlet mut calls = Vec::new();\n{calls}calls\n}}\n"
    )
}

fn call(kernel: &Linked<'_>, variant: &Variant, interface: &Interface, catalogue: &Catalogue) -> String {
    let path = kernel.name.replace('/', "::");
    let fields = |constants: &[Constant]| -> Vec<String> {
        constants.iter().map(|c| format!("{}: {}", c.field(), array(c, catalogue))).collect()
    };
    let mut arguments = Vec::new();
    if kernel.has_axes() {
        let flags = variant.flags.iter().map(|(flag, on)| {
            let value = match kernel.constants.with(flag) {
                None => on.to_string(),
                Some(brought) => option(*on, &format!("{path}::{} {{ {} }}", camel(flag), fields(brought).join(", "))),
            };
            format!("{}: {value}", flag.to_lowercase())
        });
        let constants = variant.constants.iter().map(|(name, value)| format!("{}: {value}", name.to_lowercase()));
        let axes: Vec<String> = flags.chain(constants).collect();
        arguments.push(format!("{path}::Axes {{ {} }}", axes.join(", ")));
    }
    if kernel.constants.is_struct() {
        let mut constants: Vec<String> =
            kernel.kernel.groups.iter().map(|group| format!("{group}: {group}()")).collect();
        constants.extend(fields(&kernel.constants.always));
        constants.extend(kernel.constants.sometimes.iter().map(|c| {
            let declared = c.overrides.iter().all(|name| interface.takes(name));
            format!("{}: {}", c.field(), option(declared, &array(c, catalogue)))
        }));
        arguments.push(format!("{path}::Constants {{ {} }}", constants.join(", ")));
    }
    let bindings = kernel.fields.bindings.iter().map(|bound| {
        let (name, value) = (&bound.name, format!("{:?}", bound.name));
        let binds = interface.bindings.iter().any(|binding| binding.name == *name);
        format!("{name}: {}", if bound.always { value } else { option(binds, &value) })
    });
    arguments.push(format!("{path}::Bindings {{ {} }}", bindings.collect::<Vec<_>>().join(", ")));
    format!("{path}::call({})", arguments.join(", "))
}

fn option(some: bool, value: &str) -> String {
    if some { format!("Some({value})") } else { "None".to_owned() }
}

fn array(constant: &Constant, catalogue: &Catalogue) -> String {
    let value = sample(&constant.value, catalogue);
    if constant.is_array() { format!("[{value}; {}]", constant.overrides.len()) } else { value }
}

fn sample(value: &Value, catalogue: &Catalogue) -> String {
    match value {
        Value::Number(Type::U32) => "1".to_owned(),
        Value::Number(Type::F32) => "1.0".to_owned(),
        Value::Switch => "true".to_owned(),
        Value::Code(table) => {
            let first = camel(&catalogue.codes[table].names[1]);
            format!("codes::{}::{first}", camel(table))
        }
    }
}
