//! Kernel variants as values, and the lists of variants of each family of problems.

use crate::dispatch::{Declined, NodePlan};
use crate::error::PlanError;
use crate::target::Target;
use crate::tile::Tile;

/// `Ok`, or the reason why a variant does not serve.
pub(crate) type Admission = Result<(), &'static str>;

/// `Ok` if a condition holds, else the reason why a variant does not serve.
pub(crate) const fn require(condition: bool, reason: &'static str) -> Admission {
    if condition { Ok(()) } else { Err(reason) }
}

/// Why a [`Target::avoided`] variant does not serve.
const AVOIDED: &str = "its results were wrong on this adapter and driver";

/// Problems that the same variants may serve.
pub(crate) trait Family: 'static {
    /// One of the problems, with the sizes that its variants need.
    type Problem<'a>;
}

/// Plans a problem. The plan has no variant's name yet.
type Planner<F> = fn(&<F as Family>::Problem<'_>) -> Result<NodePlan, PlanError>;

/// The properties of a variant that do not depend on the problem.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its name, unique in all families.
    pub(crate) name: &'static str,
    /// The tiles that it is linked for; empty if it has no choice of tiles.
    pub(crate) tiles: &'static [Tile],
    /// Variants that are slower wherever this one is legal: textbook forms, and general forms of which this one is a
    /// special case.
    pub(crate) beats: &'static [&'static Self],
    /// Variants that are slower on software adapters wherever this one is legal: those with barriers.
    pub(crate) beats_on_software: &'static [&'static Self],
}

impl Entry {
    /// A variant without tiles that beats no other.
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, tiles: &[], beats: &[], beats_on_software: &[] }
    }

    /// Whether it is faster than another variant wherever it is legal.
    pub(crate) fn is_better(&self, other: &Self, target: &Target) -> bool {
        let on_software = self.beats_on_software.iter().filter(|_| target.software);
        self.beats.iter().chain(on_software).any(|beaten| std::ptr::eq(*beaten, other))
    }

    /// Whether the target asks for it.
    pub(crate) fn is_asked(&self, target: &Target) -> bool {
        target.variant == Some(self.name)
    }
}

/// A variant that serves some of a family's problems.
pub(crate) struct Variant<F: Family> {
    pub(crate) entry: Entry,
    /// Whether its result is right and it is within the adapter's limits.
    pub(crate) legal: fn(&F::Problem<'_>) -> Admission,
    /// Whether it is the fastest known variant. Called only if it is legal.
    pub(crate) preferred: fn(&F::Problem<'_>) -> Admission,
    pub(crate) plan: Planner<F>,
}

/// A variant that serves all problems of a family.
pub(crate) struct General<F: Family> {
    pub(crate) entry: Entry,
    pub(crate) plan: Planner<F>,
}

/// The variants of a family.
pub(crate) struct Variants<F: Family> {
    /// Those that serve some problems, best first on a GPU.
    pub(crate) best_first: &'static [&'static Variant<F>],
    /// The one that serves if all others decline.
    pub(crate) last: &'static General<F>,
}

impl<F: Family> Variants<F> {
    /// The variants, best first.
    pub(crate) fn entries(&self) -> Vec<&'static Entry> {
        self.best_first.iter().map(|variant| &variant.entry).chain([&self.last.entry]).collect()
    }

    /// How many variants there are.
    pub(crate) const fn count(&self) -> usize {
        self.best_first.len() + 1
    }

    /// The names of the variants, best first. `N` must be [`Self::count`].
    pub(crate) const fn names<const N: usize>(&self) -> [&'static str; N] {
        assert!(N == self.count(), "as many names as there are variants");
        let mut names = [self.last.entry.name; N];
        let mut i = 0;
        while i < self.best_first.len() {
            names[i] = self.best_first[i].entry.name;
            i += 1;
        }
        names
    }

    /// Plans a problem with the variant that serves it. The plan says why the variants before it declined.
    ///
    /// # Errors
    /// The error of the variant.
    pub(crate) fn plan(&self, problem: &F::Problem<'_>, target: &Target) -> Result<NodePlan, PlanError> {
        let (entry, plan, declined) = self.choose(problem, target);
        Ok(NodePlan { variant: entry.name, declined, ..plan(problem)? })
    }

    /// The legal variant that the target asks for, or else the first one that is legal and preferred; and those that declined.
    fn choose(&self, problem: &F::Problem<'_>, target: &Target) -> (&'static Entry, Planner<F>, Vec<Declined>) {
        let asked = self.best_first.iter().find(|variant| variant.entry.is_asked(target));
        if let Some(variant) = asked.filter(|variant| (variant.legal)(problem).is_ok()) {
            return (&variant.entry, variant.plan, Vec::new());
        }
        let mut declined = Vec::new();
        if self.last.entry.is_asked(target) {
            return (&self.last.entry, self.last.plan, declined);
        }
        for variant in self.best_first {
            let admitted = require(!target.avoids(variant.entry.name), AVOIDED).and_then(|()| (variant.legal)(problem));
            match admitted.and_then(|()| (variant.preferred)(problem)) {
                Ok(()) => return (&variant.entry, variant.plan, declined),
                Err(reason) => declined.push(Declined { variant: variant.entry.name, reason }),
            }
        }
        (&self.last.entry, self.last.plan, declined)
    }
}

/// The variant of this name.
///
/// # Errors
/// [`PlanError::UnknownVariant`], with the most similar names, if there is none.
pub(crate) fn find(name: &str, entries: &[&'static Entry]) -> Result<&'static Entry, PlanError> {
    let found = entries.iter().copied().find(|entry| entry.name == name);
    found.ok_or_else(|| PlanError::UnknownVariant { name: name.to_owned(), similar: similar(name, entries) })
}

/// Number of similar names in an error.
const SIMILAR: usize = 4;

/// The most similar names.
fn similar(name: &str, entries: &[&Entry]) -> String {
    let mut names: Vec<&str> = entries.iter().map(|entry| entry.name).collect();
    names.sort_by_key(|other| (changes(name, other), *other));
    names.truncate(SIMILAR);
    names.join(", ")
}

/// Number of letters to insert, delete or replace to turn `a` into `b` (Levenshtein distance).
fn changes(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.bytes().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, other) in b.bytes().enumerate() {
            let replaced = before + usize::from(letter != other);
            before = row[j + 1];
            row[j + 1] = replaced.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
