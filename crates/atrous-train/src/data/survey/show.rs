//! Surveys and findings as text.

use super::super::mnist::Part;
use super::findings::{Finding, IgnoredAs};
use super::{ClassCount, Survey};
use std::fmt;

/// Most classes that are listed with their counts, and that are named in a finding.
const LISTED: usize = 24;
const NAMED: usize = 8;

impl fmt::Display for Survey {
    /// A line on the samples and their pictures, and one on the classes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.read < self.samples {
            true => write!(f, "{} of {} samples, chosen at random", self.read, self.samples)?,
            false => write!(f, "{} samples", self.samples)?,
        }
        if self.broken > 0 {
            write!(f, ", {} of them broken", self.broken)?;
        }
        let size = |(w, h): (u32, u32)| format!("{w}×{h}");
        let (least, most) = ((self.widths.0, self.heights.0), (self.widths.1, self.heights.1));
        match least == most {
            true => write!(f, "; pictures of {}", size(least))?,
            false => write!(f, "; pictures from {} to {}", size(least), size(most))?,
        }
        for (i, (channels, count)) in self.channels.iter().enumerate() {
            let name =
                ["", "grey", "grey with alpha", "RGB", "RGB with alpha"].get(usize::from(*channels)).unwrap_or(&"");
            let number = if self.channels.len() > 1 { format!("{count} ") } else { String::new() };
            write!(f, "{}{number}{name}", if i == 0 { ", " } else { " and " })?;
        }
        if self.classes.is_empty() { Ok(()) } else { write!(f, "\n{}", self.class_line()) }
    }
}

impl Survey {
    /// Every class with its share, and the ignored share.
    fn class_line(&self) -> String {
        let share = |count: &ClassCount| format!("{} %", percent(count.labels as f64 / self.labels().max(1) as f64));
        let one = |(name, count): (&String, &ClassCount)| match self.pixels {
            true => format!("{name} {} in {}", share(count), count.samples),
            false => format!("{name} {}", count.samples),
        };
        let listed = self.class_names.iter().zip(&self.classes).take(LISTED).map(one).collect::<Vec<_>>().join(", ");
        let more = self.classes.len().saturating_sub(LISTED);
        let more = if more > 0 { format!(", and {more} more classes") } else { String::new() };
        let ignored = match self.ignored.labels {
            0 => String::new(),
            _ => format!("; ignored ({}) {} in {}", self.ignore_label, share(&self.ignored), self.ignored.samples),
        };
        let of = if self.pixels { "of the pixels" } else { "pictures" };
        format!("{of}: {listed}{more}{ignored}")
    }
}

/// A fraction in percent, with as many digits as tell it from 0 and 100.
fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    match percent {
        0.0 | 100.0 => format!("{percent}"),
        _ if percent < 0.01 => "<0.01".to_owned(),
        _ if percent > 99.99 => ">99.99".to_owned(),
        _ if !(1.0..=99.0).contains(&percent) => format!("{percent:.2}"),
        _ => format!("{percent:.1}"),
    }
}

impl fmt::Display for IgnoredAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { label, share, class: (class, name) } = self;
        write!(f, "{} % of the pixels have the value {label} and are ignored; ", percent(*share))?;
        write!(f, "if they are of the class \"{name}\", `--map {label}={class}` says so")
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outside { label, count, first, classes, ignored } => {
                write!(f, "{first}: label {label} is none of the {classes} classes, 0 to {}, ", classes - 1)?;
                write!(f, "nor the ignored {ignored}; it is in {}; ", samples(count.samples))?;
                write!(f, "`--map {label}=CLASS` gives it a class, `--map {label}={ignored}` ignores it")
            }
            Self::NothingCounts { ignored, pixels } => {
                write!(f, "every label has the value {ignored} and is ignored, so nothing can be learnt")?;
                if *pixels { write!(f, "; `--map {ignored}=CLASS` gives it a class") } else { Ok(()) }
            }
            Self::OneClass { class, other, part } => {
                let so = match part {
                    Part::Train => "so nothing can be learnt",
                    Part::Test => "so the metrics say little",
                };
                write!(f, "every label that counts is of the class \"{class}\", {so}")?;
                other.iter().try_for_each(|other| write!(f, "; {other}"))
            }
            Self::Absent { classes, read, pixels, other, part } => {
                let (masks, s) =
                    (if *pixels { "masks" } else { "pictures" }, if classes.len() > 1 { "es" } else { "" });
                write!(f, "the class{s} {} {} in none of the {read} {masks}", quoted(classes), verb(classes.len()))?;
                let so = if *part == Part::Train { "not learnt" } else { "not measured" };
                write!(f, ", and {so}")?;
                other.iter().try_for_each(|other| write!(f, "; {other}"))
            }
            Self::Rare { share, count, other } => {
                write!(f, "only {} % of the pixels, in {}, ", percent(*share), samples(count.samples))?;
                write!(f, "are of the class \"{}\"; {other}", other.class.1)
            }
            Self::MuchIgnored { ignored, share } => {
                write!(f, "{} % of the labels have the value {ignored} and are ignored", percent(*share))
            }
            Self::Parts { names, all } => {
                let so = if *all { "which are no classes" } else { "which may be no classes" };
                write!(f, "the folders {} are taken as classes, {so} but parts of the data; ", quoted(names))?;
                write!(f, "`--path FOLDER/train --validation FOLDER/val` uses them so")
            }
            Self::Turned { count, read, first, orientation } => turned(f, *count, *read, first, *orientation),
            Self::Broken { count, read, first } => {
                write!(f, "{count} of {read} samples cannot be read and are skipped; the first: {first}")
            }
            Self::NoWeight => write!(f, "all classes that occur have the class weight 0, so nothing can be learnt"),
            Self::ZeroWeight { classes } => {
                let have = if classes.len() > 1 { "have" } else { "has" };
                write!(f, "{} {have} the class weight 0 and {} not learnt", quoted(classes), verb(classes.len()))
            }
        }
    }
}

/// Pictures whose masks may have been drawn on the pictures as stored.
fn turned(f: &mut fmt::Formatter<'_>, count: usize, read: usize, first: &str, orientation: u8) -> fmt::Result {
    write!(f, "{count} of {read} pictures are turned by their EXIF orientation, such as {first} ")?;
    write!(f, "(orientation {orientation}); if their masks were drawn on the pictures as stored, `--exif raw` ")?;
    write!(f, "is needed, else `--exif apply` says that all is well")
}

fn samples(count: usize) -> String {
    if count == 1 { "1 sample".to_owned() } else { format!("{count} samples") }
}

fn verb(count: usize) -> &'static str {
    if count > 1 { "are" } else { "is" }
}

fn quoted(names: &[String]) -> String {
    let shown = names.iter().take(NAMED).map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
