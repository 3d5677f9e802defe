//! The points of a kernel's axes.

use crate::catalogue::Kernel;

/// One point of the axes: a value for each of them.
#[derive(Clone, Default)]
pub(crate) struct Variant {
    pub(crate) flags: Vec<(String, bool)>,
    pub(crate) constants: Vec<(String, u32)>,
}

impl Variant {
    /// The stable text: flags that are on, in catalogue order, then `NAME=value` by name.
    pub(crate) fn text(&self) -> String {
        self.parts().join(",")
    }

    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|(name, on)| name == flag && *on)
    }

    /// Flags as 0 or 1, then constants: what an `Axes` of the generated code is compared by.
    pub(crate) fn values(&self) -> Vec<u32> {
        let flags = self.flags.iter().map(|(_, on)| u32::from(*on));
        flags.chain(self.constants.iter().map(|(_, value)| *value)).collect()
    }

    fn parts(&self) -> Vec<String> {
        let flags = self.flags.iter().filter(|(_, on)| *on).map(|(name, _)| name.clone());
        let constants = self.constants.iter().map(|(name, v)| format!("{name}={v}"));
        flags.chain(constants).collect()
    }
}

/// The cross product of the axes, or the part of it that the catalogue keeps.
pub(crate) fn variants(name: &str, kernel: &Kernel) -> Vec<Variant> {
    let mut all = product(kernel);
    for (flag, other) in &kernel.requires {
        all.retain(|v| !v.has(flag) || v.has(other));
    }
    for (flag, others) in &kernel.excludes {
        let has = |v: &Variant, part: &String| v.parts().contains(part);
        let known = |part| all.iter().any(|v| has(v, part));
        assert!(
            known(flag) && others.iter().all(known),
            "catalogue.toml: `{name}` excludes what is not among its axes"
        );
        all.retain(|v| !has(v, flag) || !others.iter().any(|other| has(v, other)));
    }
    if let Some(only) = &kernel.only {
        for text in only {
            let known = all.iter().any(|v| v.text() == *text);
            assert!(known, "catalogue.toml: `{name}` has no variant \"{text}\" among its axes");
        }
        all.retain(|v| only.contains(&v.text()));
    }
    all
}

fn product(kernel: &Kernel) -> Vec<Variant> {
    let mut all = vec![Variant::default()];
    for flag in &kernel.flags {
        let with = |v: &Variant, on| {
            let mut v = v.clone();
            v.flags.push((flag.clone(), on));
            v
        };
        all = all.iter().flat_map(|v| [with(v, false), with(v, true)]).collect();
    }
    for (name, values) in &kernel.constants {
        let with = |v: &Variant, value| {
            let mut v = v.clone();
            v.constants.push((name.clone(), value));
            v
        };
        all = all.iter().flat_map(|v| values.iter().map(|&x| with(v, x)).collect::<Vec<_>>()).collect();
    }
    all
}
