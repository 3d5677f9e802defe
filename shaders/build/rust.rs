//! The Rust interface of a kernel: a module with its axes, constants and bindings as structs, and the function `call`.

use crate::catalogue::Kernel;
use crate::constants::{Constant, Constants};
use crate::fields::{Bound, Fields};
use crate::interface::Interface;
use crate::variants::Variant;

/// A kernel and all that was found out about it.
pub(crate) struct Linked<'a> {
    pub(crate) name: &'a str,
    pub(crate) file: String,
    /// The comment that its file opens with.
    pub(crate) header: String,
    pub(crate) kernel: &'a Kernel,
    pub(crate) variants: Vec<(Variant, Interface)>,
    pub(crate) fields: Fields,
    pub(crate) constants: Constants,
}

impl Linked<'_> {
    /// The kernel's family.
    pub(crate) fn family(&self) -> &str {
        self.name.split_once('/').expect("family/kernel").0
    }

    /// The module; `index` tells the place of a variant's text in the table of all.
    pub(crate) fn module(&self, index: impl Fn(&Variant) -> usize) -> String {
        let module = self.name.split_once('/').expect("family/kernel").1;
        let parts = [self.variants(index), self.axes(), self.constants(), self.bindings(), self.call()];
        let docs = doc(&format!("`{}`\n\n```text\n{}\n```", self.name, self.header));
        format!("{docs}pub mod {module} {{\nuse crate::call::{{Call, Variant, find}};\n{}}}\n", parts.concat())
    }

    fn variants(&self, index: impl Fn(&Variant) -> usize) -> String {
        let mut rows: Vec<(Vec<u32>, String)> = Vec::new();
        for (variant, interface) in &self.variants {
            let field = |name: &str| self.fields.bindings.iter().position(|bound| bound.name == name);
            let order = interface.bindings.iter().map(|binding| field(&binding.name).expect("a field of the kernel"));
            let (axes, order) = (variant.values(), order.collect::<Vec<_>>());
            let shader = index(variant);
            let row = format!("Variant {{ axes: &{axes:?}, shader: {shader}, bindings: &{order:?} }},\n");
            rows.push((axes, row));
        }
        rows.sort_unstable();
        let (count, rows) = (rows.len(), rows.into_iter().map(|(_, row)| row).collect::<String>());
        format!("static VARIANTS: [Variant; {count}] = [\n{rows}];\n")
    }

    /// Whether it has a struct of axes.
    pub(crate) fn has_axes(&self) -> bool {
        !self.kernel.flags.is_empty() || !self.kernel.constants.is_empty()
    }

    fn axes(&self) -> String {
        if !self.has_axes() {
            return String::new();
        }
        let flags = self.kernel.flags.iter().map(|flag| match self.constants.with(flag) {
            None => field(&format!("The flag `{flag}`."), flag, "bool"),
            Some(_) => field(
                &format!("The flag `{flag}`, with the constants that it brings."),
                flag,
                &format!("Option<{}>", camel(flag)),
            ),
        });
        let constants = self.kernel.constants.iter();
        let constants = constants.map(|(name, values)| field(&format!("`{name}`: one of {values:?}."), name, "u32"));
        let brought = self.constants.brought.iter().map(|(flag, constants)| {
            let about = format!("The constants that the flag `{flag}` of [`{}`](self) brings.", self.name);
            structure(&about, &camel(flag), constants.iter().map(constant_field))
        });
        let brought: String = brought.collect();
        brought + &structure(&format!("The axes of [`{}`](self).", self.name), "Axes", flags.chain(constants))
    }

    fn constants(&self) -> String {
        if !self.constants.is_struct() {
            return String::new();
        }
        let groups = self.kernel.groups.iter().map(|group| {
            let about = format!("Those that [`{}`](self) declares of them.", self.name);
            field(&about, group, &format!("crate::groups::{}", camel(group)))
        });
        let always = self.constants.always.iter().map(constant_field);
        let sometimes = self.constants.sometimes.iter().map(|constant| {
            let about = format!("`{}`, which not every variant declares.", constant.name);
            field(&about, &constant.name, &format!("Option<{}>", constant.rust_type()))
        });
        let about = format!("The constants of [`{}`](self).", self.name);
        structure(&about, "Constants", groups.chain(always).chain(sometimes))
    }

    fn bindings(&self) -> String {
        let fields = self.fields.bindings.iter().map(|bound| match bound.always {
            true => field(&format!("`{}`", bound.name), &bound.name, "T"),
            false => field(&format!("`{}`, which not every variant binds.", bound.name), &bound.name, "Option<T>"),
        });
        structure(&format!("What [`{}`](self) binds.", self.name), "Bindings<T>", fields)
    }

    fn call(&self) -> String {
        let mut parameters = Vec::new();
        parameters.extend(self.has_axes().then_some("axes: Axes"));
        parameters.extend(self.constants.is_struct().then_some("constants: Constants"));
        parameters.push("bindings: Bindings<T>");
        let (find, sets) = (self.find(), self.sets());
        let new = format!("Call::new(variant, [{}])", self.arguments());
        let body = match sets.as_str() {
            "" => format!("{find}{new}\n"),
            _ => format!("{find}let mut call = {new};\n{sets}call\n"),
        };
        let docs = doc(&format!(
            "A dispatch of [`{}`](self).\n\n# Panics\n\
             If there is no variant at these axes, or one that does not fit the optional constants and bindings: a bug of the planner.",
            self.name
        ));
        format!("{docs}pub fn call<T>({}) -> Call<T> {{\n{body}}}\n", parameters.join(", "))
    }

    /// Finds the variant.
    fn find(&self) -> String {
        let flag = |flag: &String| match self.constants.with(flag) {
            None => format!("u32::from(axes.{})", flag.to_lowercase()),
            Some(_) => format!("u32::from(axes.{}.is_some())", flag.to_lowercase()),
        };
        let constants = self.kernel.constants.keys().map(|name| format!("axes.{}", name.to_lowercase()));
        let values: Vec<String> = self.kernel.flags.iter().map(flag).chain(constants).collect();
        let names: Vec<&String> = self.kernel.flags.iter().chain(self.kernel.constants.keys()).collect();
        format!("let variant = find({:?}, &{names:?}, &VARIANTS, &[{}]);\n", self.name, values.join(", "))
    }

    /// The fields of the bindings as `call::Field`s.
    fn arguments(&self) -> String {
        let argument = |bound: &Bound| {
            let (name, upper) = (&bound.name, bound.name.to_uppercase());
            let value = if bound.always { format!("Some(bindings.{name})") } else { format!("bindings.{name}") };
            let constant = |exists: bool, end: &str| match exists {
                true => format!("Some(\"{upper}_{end}\")"),
                false => "None".to_owned(),
            };
            format!("({name:?}, {value}, {}, {})", constant(bound.base, "BASE"), constant(bound.stride, "STRIDE"))
        };
        self.fields.bindings.iter().map(argument).collect::<Vec<_>>().join(", ")
    }

    /// The statements that set the constants.
    fn sets(&self) -> String {
        let mut statements = String::new();
        for (group, constants) in &self.constants.grouped {
            for constant in constants {
                let how = if constant.always { "set" } else { "set_declared" };
                statements += &set(how, constant, &format!("constants.{group}.{}", constant.field()));
            }
        }
        for constant in &self.constants.always {
            statements += &set("set", constant, &format!("constants.{}", constant.field()));
        }
        for constant in &self.constants.sometimes {
            for (name, number) in constant.numbers("value") {
                let value = format!("constants.{}.map(|value| {number})", constant.field());
                statements += &format!("call.set_optional({name:?}, {value});\n");
            }
        }
        for (flag, constants) in &self.constants.brought {
            let sets = constants.iter().map(|constant| set("set", constant, &format!("brought.{}", constant.field())));
            let sets: String = sets.collect();
            statements += &format!("if let Some(brought) = axes.{} {{\n{sets}}}\n", flag.to_lowercase());
        }
        statements
    }
}

/// The statements that set a constant to the value of an expression.
fn set(how: &str, constant: &Constant, expression: &str) -> String {
    let numbers = constant.numbers(expression).into_iter();
    numbers.map(|(name, number)| format!("call.{how}({name:?}, {number});\n")).collect()
}

fn constant_field(constant: &Constant) -> String {
    field(&format!("`{}`", constant.overrides.join("`, `")), &constant.name, &constant.rust_type())
}

/// A public field.
fn field(about: &str, name: &str, ty: &str) -> String {
    format!("{}pub {}: {ty},\n", doc(about), name.to_lowercase())
}

/// A struct of these fields.
pub(crate) fn structure(about: &str, ty: &str, fields: impl IntoIterator<Item = String>) -> String {
    let fields: String = fields.into_iter().collect();
    format!("{}#[derive(Clone, Copy, Debug, PartialEq)]\npub struct {ty} {{\n{fields}}}\n", doc(about))
}

/// Lines of documentation.
pub(crate) fn doc(text: &str) -> String {
    text.lines().map(|line| format!("/// {line}\n")).collect()
}

/// `LEAKY_RELU` as `LeakyRelu`.
pub(crate) fn camel(name: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + &rest.to_lowercase()
    };
    name.split('_').map(word).collect()
}
