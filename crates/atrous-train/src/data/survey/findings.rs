//! What of the data teaches nothing, or is suspicious.

use super::super::mnist::Part;
use super::super::part_name::is_part;
use super::{ClassCount, Survey};

/// Share of ignored labels from which on there is a warning.
const MUCH: f64 = 0.5;

/// Share of a class below which it may be a mistake that there are any labels of it, and how many times as many labels are then ignored.
const RARE: f64 = 1e-3;
const TIMES: u64 = 100;

/// Whether a training can begin with what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The training can begin, but perhaps does not learn what it should.
    Warning,
    /// The training would learn nothing, or cannot begin.
    Error,
}

/// Something in the data that teaches nothing, or is suspicious. Its text names the remedy, in flags of `atrous train`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Finding {
    /// Labels that are neither a class nor ignored.
    Outside { label: u32, count: ClassCount, first: String, classes: usize, ignored: u32 },
    /// All labels are ignored.
    NothingCounts { ignored: u32, pixels: bool },
    /// All labels that count are of one class. The second number is the share of ignored labels, with which another class may be meant.
    OneClass { class: String, other: Option<IgnoredAs>, part: Part },
    /// Classes that do not occur.
    Absent { classes: Vec<String>, read: usize, pixels: bool, other: Option<IgnoredAs>, part: Part },
    /// Hardly any label is of a class, and many are ignored that may be meant as it.
    Rare { share: f64, count: ClassCount, other: IgnoredAs },
    /// Most labels are ignored.
    MuchIgnored { ignored: u32, share: f64 },
    /// The classes are called like parts of data. `all` are.
    Parts { names: Vec<String>, all: bool },
    /// Pictures are turned by their EXIF orientation, and nothing tells whether their masks were drawn on turned pictures.
    Turned { count: usize, read: usize, first: String, orientation: u8 },
    /// Some samples cannot be read and are skipped.
    Broken { count: usize, read: usize, first: String },
    /// The class weights of all classes that occur are 0.
    NoWeight,
    /// Classes that occur have the class weight 0.
    ZeroWeight { classes: Vec<String> },
}

/// A label that is ignored, but may be meant as a class.
#[derive(Clone, Debug, PartialEq)]
pub struct IgnoredAs {
    /// The ignored label.
    pub label: u32,
    /// Its share of all labels.
    pub share: f64,
    /// Number and name of the class.
    pub class: (usize, String),
}

impl Finding {
    /// Whether a training can begin with it.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Outside { .. } | Self::NothingCounts { .. } | Self::NoWeight | Self::Parts { all: true, .. } => {
                Severity::Error
            }
            Self::OneClass { part: Part::Train, .. } => Severity::Error,
            _ => Severity::Warning,
        }
    }
}

impl Survey {
    /// What of the data teaches nothing, or is suspicious, as data of this part of a training. Errors come first.
    pub fn findings(&self, part: Part) -> Vec<Finding> {
        let (present, ignored) = (self.present(), self.ignore_label);
        let mut found: Vec<Finding> =
            self.outside.iter().map(|(label, outside)| self.outside(*label, outside)).collect();
        let labelled = !self.classes.is_empty() && found.is_empty();
        match present[..] {
            [] if labelled => found.push(Finding::NothingCounts { ignored, pixels: self.pixels }),
            [class] if labelled => {
                let class = self.class_names[class].clone();
                found.push(Finding::OneClass { class, other: self.ignored_as(), part });
            }
            [] | [_] => {}
            _ => found.extend(self.absent(part).or_else(|| self.rare())),
        }
        if !present.is_empty() && self.ignored_share() > MUCH {
            found.push(Finding::MuchIgnored { ignored, share: self.ignored_share() });
        }
        found.extend(self.parts().filter(|_| part == Part::Train));
        if let Some((first, orientation)) = self.first_turned.clone() {
            found.push(Finding::Turned { count: self.turned, read: self.read, first, orientation });
        }
        if let Some(first) = self.first_broken.clone() {
            found.push(Finding::Broken { count: self.broken, read: self.read, first });
        }
        found.sort_by_key(|finding| std::cmp::Reverse(finding.severity()));
        found
    }

    /// What class weights make of the classes that occur.
    pub fn weight_findings(&self, weights: &[f32]) -> Vec<Finding> {
        let present = self.present();
        let zero: Vec<usize> = present.iter().copied().filter(|class| weights.get(*class) == Some(&0.0)).collect();
        match zero.len() {
            0 => Vec::new(),
            all if all == present.len() => vec![Finding::NoWeight],
            _ => vec![Finding::ZeroWeight {
                classes: zero.iter().map(|class| self.class_names[*class].clone()).collect(),
            }],
        }
    }

    fn outside(&self, label: u32, (count, first): &(ClassCount, String)) -> Finding {
        let (classes, ignored) = (self.classes.len(), self.ignore_label);
        Finding::Outside { label, count: *count, first: first.clone(), classes, ignored }
    }

    fn absent(&self, part: Part) -> Option<Finding> {
        let classes: Vec<String> = self.absent_classes().map(|class| self.class_names[class].clone()).collect();
        let (read, pixels) = (self.read, self.pixels);
        (!classes.is_empty()).then(|| Finding::Absent { classes, read, pixels, other: self.ignored_as(), part })
    }

    /// The classes that do not occur. A class that is ignored as asked is none of them.
    fn absent_classes(&self) -> impl Iterator<Item = usize> {
        let absent = |class: &usize| self.classes[*class].labels == 0 && *class != self.ignore_label as usize;
        (0..self.classes.len()).filter(absent)
    }

    /// The first class that does not occur, if labels of masks are ignored that may be meant as it.
    fn ignored_as(&self) -> Option<IgnoredAs> {
        self.ignored_as_class(self.absent_classes().next()?)
    }

    fn ignored_as_class(&self, class: usize) -> Option<IgnoredAs> {
        let class = (class, self.class_names[class].clone());
        let other = IgnoredAs { label: self.ignore_label, share: self.ignored_share(), class };
        let is_class = (self.ignore_label as usize) < self.classes.len();
        (self.pixels && self.ignored.labels > 0 && !is_class).then_some(other)
    }

    /// The rarest class, if it is suspiciously rare.
    fn rare(&self) -> Option<Finding> {
        let class = self.present().into_iter().min_by_key(|class| self.classes[*class].labels)?;
        let count = self.classes[class];
        let share = count.labels as f64 / self.labels() as f64;
        let other = self.ignored_as_class(class)?;
        let rare = share < RARE && self.ignored.labels > TIMES * count.labels;
        rare.then_some(Finding::Rare { share, count, other })
    }

    fn parts(&self) -> Option<Finding> {
        let names: Vec<String> = self.class_names.iter().filter(|name| is_part(name)).cloned().collect();
        let all = names.len() == self.class_names.len();
        // One class may well be called so, such as the trains of Pascal VOC.
        (!self.pixels && names.len() > 1).then_some(Finding::Parts { names, all })
    }
}
