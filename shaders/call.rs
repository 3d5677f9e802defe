//! A kernel with the values of all that its text declares: what the generated functions `call` return.

use crate::{SHADERS, Shader};

/// One dispatch of a kernel, but for its grid: which linked text, the values of its constants, and what it binds. `T` is how the caller
/// speaks of memory.
#[derive(Clone, Debug)]
pub struct Call<T> {
    /// The linked text.
    pub shader: &'static Shader,
    /// Every constant that the text declares, but bases and strides of bindings, with its value.
    pub constants: Vec<(&'static str, f64)>,
    /// What is bound, by binding index; a [table of sizes](Shader::sizes) comes behind all.
    pub bindings: Vec<Argument<T>>,
}

/// What a kernel binds under one index.
#[derive(Clone, Debug)]
pub struct Argument<T> {
    /// What the caller gave.
    pub value: T,
    /// The constant that is added to each of its indices; none in the family `interop`.
    pub base: Option<&'static str>,
    /// The constant that says how many vec4s lie from one pixel of it to the next, where the kernel takes ranges of channels.
    pub stride: Option<&'static str>,
}

/// A variant of a kernel in its own list, which is ordered by axes.
pub(crate) struct Variant {
    /// Flags as 0 or 1, then constants.
    pub(crate) axes: &'static [u32],
    /// Its index in [`SHADERS`].
    pub(crate) shader: usize,
    /// By binding index the place of the binding among the kernel's fields.
    pub(crate) bindings: &'static [usize],
}

/// A field of a kernel's bindings: its name, the value if there is one, base and stride.
pub(crate) type Field<T> = (&'static str, Option<T>, Option<&'static str>, Option<&'static str>);

/// The variant of a kernel at a point of its axes.
///
/// # Panics
/// If there is none.
pub(crate) fn find(kernel: &str, names: &[&str], variants: &'static [Variant], axes: &[u32]) -> &'static Variant {
    let found = variants.binary_search_by(|variant| variant.axes.cmp(axes));
    let none = |_| panic!("{kernel} has no variant of the axes {names:?} = {axes:?}: a bug of atrous");
    &variants[found.unwrap_or_else(none)]
}

impl<T> Call<T> {
    /// The same with other values bound: what `value` makes of each, and of its binding index.
    pub fn map<U>(self, value: impl Fn(usize, T) -> U) -> Call<U> {
        let Self { shader, constants, bindings } = self;
        let argument = |(i, argument): (usize, Argument<T>)| {
            let Argument { value: from, base, stride } = argument;
            Argument { value: value(i, from), base, stride }
        };
        Call { shader, constants, bindings: bindings.into_iter().enumerate().map(argument).collect() }
    }

    /// A call without constants, of a variant that binds these fields.
    ///
    /// # Panics
    /// If the variant binds a field that has no value, or has no use for one that has.
    pub(crate) fn new<const N: usize>(variant: &Variant, fields: [Field<T>; N]) -> Self {
        let shader = &SHADERS[variant.shader];
        let mut fields = fields.map(Some);
        let mut argument = |field: &usize| {
            let (name, value, base, stride) = fields[*field].take().expect("a text binds a variable once");
            let missing = || panic!("{} [{}] lacks its binding {name}: a bug of atrous", shader.name, shader.variant);
            let stride = stride.filter(|stride| shader.takes(stride));
            Argument { value: value.unwrap_or_else(missing), base, stride }
        };
        let bindings = variant.bindings.iter().map(&mut argument).collect();
        for (name, value, ..) in fields.iter().flatten() {
            let unused = value.is_none();
            assert!(unused, "{} [{}] has no binding {name}: a bug of atrous", shader.name, shader.variant);
        }
        Self { shader, constants: Vec::new(), bindings }
    }

    /// Sets a constant that the text declares.
    pub(crate) fn set(&mut self, name: &'static str, value: f64) {
        self.constants.push((name, value));
    }

    /// Sets a constant of a group if the text declares it.
    pub(crate) fn set_declared(&mut self, name: &'static str, value: f64) {
        if self.shader.takes(name) {
            self.set(name, value);
        }
    }

    /// Sets a constant that not every variant declares.
    ///
    /// # Panics
    /// If it has a value and the text does not declare it, or the other way round.
    pub(crate) fn set_optional(&mut self, name: &'static str, value: Option<f64>) {
        let Shader { name: kernel, variant, .. } = self.shader;
        let declared = self.shader.takes(name);
        assert!(declared || value.is_none(), "{kernel} [{variant}] has no constant {name}: a bug of atrous");
        assert!(!declared || value.is_some(), "{kernel} [{variant}] lacks its constant {name}: a bug of atrous");
        self.constants.extend(value.map(|value| (name, value)));
    }
}
