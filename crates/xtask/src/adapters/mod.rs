//! `cargo xtask adapters`: the suites on every software adapter that can be had, with the failures that are known.

mod apt;
mod check;
mod driver;
pub mod examine;
mod known;
mod libtest;
mod paths;
mod suite;
mod table;

use std::time::Instant;

use anyhow::{Context, Result};

use crate::steps::{self, tell};
use driver::{Driver, NAMES};
use known::{Known, Verdict};
use paths::root;
use suite::Suite;
use table::{Line, Passes};

/// Which adapters and suites, and what becomes of the results.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// Only this adapter, which must then be there: lavapipe, mesa25, swiftshader, or own (the one that the environment chooses). Can be
    /// repeated.
    #[arg(long, value_name = "NAME", value_parser = driver::known_name)]
    only: Vec<String>,
    /// Only this suite. Can be repeated.
    #[arg(long, value_name = "NAME")]
    suite: Vec<Suite>,
    /// Only suites that take a few minutes.
    #[arg(long, conflicts_with_all = ["suite", "write"])]
    quick: bool,
    /// All but the installed adapter, on which `cargo xtask test` runs all suites.
    #[arg(long, conflicts_with = "only")]
    others: bool,
    /// Use drivers that were fetched before.
    #[arg(long)]
    offline: bool,
    /// Write the results into docs/adapters.md.
    #[arg(long)]
    write: bool,
}

impl Options {
    /// All adapters but the installed one; if `quick`, only suites that take a few minutes.
    pub fn others(quick: bool) -> Self {
        Self { others: true, quick, ..Self::default() }
    }

    fn adapters(&self) -> Vec<&str> {
        if !self.only.is_empty() {
            return self.only.iter().map(String::as_str).collect();
        }
        NAMES.into_iter().filter(|name| !self.others || *name != driver::INSTALLED).collect()
    }

    fn suites(&self, adapter: &str) -> Vec<Suite> {
        match (self.quick, self.suite.is_empty()) {
            (true, _) => Suite::quick(adapter).to_vec(),
            (_, true) => Suite::ALL.to_vec(),
            (_, false) => self.suite.clone(),
        }
    }
}

/// What an adapter's suites have given.
#[derive(Debug)]
struct Results {
    adapter: String,
    origin: String,
    /// As the driver reports it, and what it does with numbers.
    examined: Option<examine::Examined>,
    passes: Vec<Passes>,
    good: bool,
}

/// Runs the suites on the adapters. Returns whether all results are right but for the failures that are known, and all that must be there
/// is: the installed adapter, and those that are asked for by name.
///
/// # Errors
/// If the list of known failures is invalid, the suites cannot be built or started, or the page cannot be written.
pub fn run(options: &Options) -> Result<bool> {
    steps::this()?;
    let known = known::read(&root().join("crates/xtask/adapters.toml"))?;
    let adapters = options.adapters();
    let compiled = adapters.iter().flat_map(|name| options.suites(name)).any(Suite::is_program);
    let programs = if compiled { libtest::build()? } else { Vec::new() };
    let (mut all, mut absent) = (Vec::new(), Vec::new());
    for name in adapters {
        match driver::obtain(name, options.offline) {
            Ok(driver) => all.push(examine_one(name, &driver, &options.suites(name), &programs, &known)?),
            Err(why) => {
                tell(&format!("\n== {name}: NOT TO BE HAD, nothing was tested on it: {why:#} ==\n"));
                let needed = name == driver::INSTALLED || options.only.iter().any(|only| only == name);
                absent.push((name, needed));
            }
        }
    }
    tell("\n");
    for result in &all {
        for passes in &result.passes {
            tell(&format!("{}\n", passes.line(&result.adapter)));
        }
    }
    for (name, needed) in &absent {
        tell(&format!("{name}: NOT TO BE HAD, nothing was tested on it{}\n", if *needed { ": FAILED" } else { "" }));
    }
    if options.write {
        write(&all)?;
    }
    Ok(all.iter().all(|result| result.good) && absent.iter().all(|(_, needed)| !needed))
}

/// Runs the suites on one adapter.
fn examine_one(
    name: &str,
    driver: &Driver,
    suites: &[Suite],
    programs: &[libtest::Program],
    known: &[Known],
) -> Result<Results> {
    let mut results = Results {
        adapter: name.to_owned(),
        origin: driver.origin.clone(),
        examined: None,
        passes: Vec::new(),
        good: true,
    };
    for suite in suites {
        tell(&format!("\n== {suite} on {name} ({}) ==\n", driver.origin));
        let begun = Instant::now();
        let checks = suite.run(driver, programs, &mut results.examined)?;
        let listed: Vec<&Known> = known.iter().filter(|known| known.is_of(name, *suite)).collect();
        let verdict = Verdict::of(&checks, &listed);
        let passes = Passes::of(*suite, &verdict, begun.elapsed());
        tell(&format!("{verdict}{}\n", passes.line(name)));
        results.good &= verdict.good();
        results.passes.push(passes);
    }
    Ok(results)
}

/// Replaces the results on the page by these; those of other adapters and suites stay.
fn write(all: &[Results]) -> Result<()> {
    let path = root().join("docs/adapters.md");
    let mut text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let passes = |result: &Results| {
        let line = |passes: &Passes| passes.cells(&result.adapter, &today);
        result.passes.iter().map(line).collect::<Vec<Line>>()
    };
    text = table::PASSES.update(&text, &all.iter().flat_map(passes).collect::<Vec<_>>())?;
    let examined = all.iter().filter_map(|result| Some((result, result.examined.as_ref()?)));
    let (drivers, numbers): (Vec<Line>, Vec<Line>) = examined
        .map(|(result, examined)| {
            let driver = vec![result.adapter.clone(), examined.adapter.clone(), result.origin.clone()];
            let answers = examined.numbers.iter().map(|(_, answer)| answer.clone());
            (driver, std::iter::once(result.adapter.clone()).chain(answers).collect())
        })
        .unzip();
    text = table::DRIVERS.update(&text, &drivers)?;
    text = table::NUMBERS.update(&text, &numbers)?;
    std::fs::write(&path, text).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        options: Options,
    }

    fn of(arguments: &str) -> Result<Options, clap::Error> {
        Cli::try_parse_from(["x"].into_iter().chain(arguments.split_whitespace())).map(|cli| cli.options)
    }

    #[test]
    fn all_suites_run_on_all_adapters_unless_fewer_are_asked_for() {
        let all = of("").unwrap();
        assert_eq!((all.adapters(), all.suites("mesa25")), (NAMES.to_vec(), Suite::ALL.to_vec()));
        let one = of("--only own --suite ops --write").unwrap();
        assert_eq!((one.adapters(), one.suites("own")), (vec!["own"], vec![Suite::Ops]));
    }

    #[test]
    fn what_tests_run_is_quick_and_leaves_out_the_installed_adapter() {
        let quick = of("--others --quick").unwrap();
        assert_eq!(quick.adapters(), Options::others(true).adapters());
        assert_eq!(Options::others(false).suites("mesa25"), Suite::ALL);
        assert_eq!(quick.adapters(), ["mesa25", "swiftshader"]);
        assert_eq!(quick.suites("swiftshader"), [Suite::Doctor, Suite::Networks, Suite::Golden]);
        assert_eq!(quick.suites("mesa25"), [Suite::Smallest]);
        assert!(!quick.suites("mesa25").iter().any(|suite| suite.is_program()));
    }

    #[test]
    fn options_that_contradict_are_refused() {
        for wrong in ["--only mesa", "--only own --others", "--quick --suite ops", "--quick --write", "--suite opps"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
