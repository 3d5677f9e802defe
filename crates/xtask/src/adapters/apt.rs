//! Packages of Debian, fetched by apt, which checks signatures and sums, into a folder of their own. Nothing is installed, and the system's
//! sources and lists stay as they are, so this needs no root.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::steps::tell;

/// The keys that sign Debian's archives.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A package that has a Vulkan driver.
#[derive(Clone, Copy, Debug)]
pub(super) struct Package {
    pub(super) name: &'static str,
    pub(super) archive: &'static str,
    pub(super) suite: &'static str,
    /// How the file name of the driver's manifest begins.
    pub(super) manifest: &'static str,
}

/// A package in a folder.
#[derive(Debug)]
pub(super) struct Unpacked {
    pub(super) folder: PathBuf,
    /// Name and version of the package.
    pub(super) version: String,
}

/// Fetches a package's newest version into `cache`, unless it is there. Without a network, or `offline`, what was fetched last serves.
///
/// # Errors
/// If it was never fetched, and cannot be fetched now: why.
pub(super) fn fetch(package: &Package, cache: &Path, offline: bool) -> Result<Unpacked> {
    let fresh = if offline { Err(anyhow::anyhow!("--offline")) } else { download(package, cache) };
    match (fresh, kept(package, cache)) {
        (Ok(unpacked), _) => Ok(unpacked),
        (Err(why), Some(unpacked)) => {
            tell(&format!("{} is used, a newer one cannot be looked for: {why:#}\n", unpacked.version));
            Ok(unpacked)
        }
        (Err(why), None) => Err(why.context(format!("{} of {} was not fetched before", package.name, package.suite))),
    }
}

/// The version that was unpacked last.
fn kept(package: &Package, cache: &Path) -> Option<Unpacked> {
    let folders = std::fs::read_dir(cache).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let of_package = |path: &PathBuf| version(package, path).is_some();
    let newest = folders.filter(of_package).max_by_key(|path| path.metadata().and_then(|m| m.modified()).ok())?;
    Some(Unpacked { version: version(package, &newest)?, folder: newest })
}

/// Name and version from the folder's name, which is that of apt's file: `NAME_VERSION_ARCHITECTURE`.
fn version(package: &Package, folder: &Path) -> Option<String> {
    let file = folder.file_name()?.to_str()?;
    let (version, _) = file.strip_prefix(package.name)?.strip_prefix('_')?.rsplit_once('_')?;
    Some(format!("{} {version}", package.name))
}

fn download(package: &Package, cache: &Path) -> Result<Unpacked> {
    ensure!(cfg!(target_os = "linux"), "drivers are fetched from Debian, for Linux");
    let state = cache.join("apt");
    for folder in ["lists/partial", "cache/archives/partial", "files"] {
        std::fs::create_dir_all(state.join(folder)).with_context(|| state.display().to_string())?;
    }
    let Package { name, archive, suite, .. } = package;
    std::fs::write(state.join("sources.list"), format!("deb [signed-by={KEYS}] {archive} {suite} main\n"))?;
    apt(&state, &["update"])?;
    let wanted = format!("{name}/{suite}");
    let file = apt(&state, &["download", "--print-uris", &wanted])?;
    // 'ADDRESS' FILE SIZE SUM
    let file = file.split_whitespace().nth(1).with_context(|| format!("apt-get names no file of {name}: {file}"))?;
    let stem = file.strip_suffix(".deb").with_context(|| format!("{file} is no package of Debian"))?;
    let folder = cache.join(stem.replace("%3a", ":"));
    let version = version(package, &folder).with_context(|| format!("{file} is not of {name}"))?;
    if !folder.is_dir() {
        tell(&format!("fetching {version}\n"));
        apt(&state, &["download", &wanted])?;
        let part = cache.join("part");
        drop(std::fs::remove_dir_all(&part));
        output(Command::new("dpkg-deb").arg("-x").arg(state.join("files").join(file)).arg(&part))?;
        std::fs::rename(&part, &folder)?;
        std::fs::remove_file(state.join("files").join(file))?;
    }
    Ok(Unpacked { folder, version })
}

/// Runs apt-get with lists and files in `state`. Returns what it prints.
fn apt(state: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("apt-get");
    let settings = [
        format!("Dir::Etc::sourcelist={}", state.join("sources.list").display()),
        "Dir::Etc::sourceparts=/dev/null".to_owned(),
        format!("Dir::State::lists={}", state.join("lists").display()),
        format!("Dir::Cache={}", state.join("cache").display()),
        "Acquire::Languages=none".to_owned(),
        "Acquire::Retries=1".to_owned(),
        "Acquire::http::Timeout=20".to_owned(),
        // A list that cannot be fetched is an error, and not a warning.
        "APT::Update::Error-Mode=any".to_owned(),
        // As root apt would fetch as another user, who may not write here.
        "APT::Sandbox::User=root".to_owned(),
    ];
    command.args(settings.iter().flat_map(|setting| ["-o", setting]));
    output(command.arg("-q").args(arguments).current_dir(state.join("files")).env("LC_ALL", "C"))
}

/// Runs a command and returns what it prints.
fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("starting {program}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("E:")).collect();
        bail!("{program}: {}", if lines.is_empty() { text.trim().to_owned() } else { lines.join(" ") });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGE: Package =
        Package { name: "driver", archive: "http://127.0.0.1:9", suite: "none", manifest: "driver" };

    #[test]
    fn what_cannot_be_fetched_is_an_error_or_what_was_fetched_last() {
        let cache = tempfile::tempdir().unwrap();
        for offline in [true, false] {
            let error = format!("{:#}", fetch(&PACKAGE, cache.path(), offline).unwrap_err());
            assert!(error.starts_with("driver of none was not fetched before: "), "{error}");
        }
        std::fs::create_dir_all(cache.path().join("driver_1:2.3~x_amd64")).unwrap();
        std::fs::create_dir_all(cache.path().join("driver-other_4_amd64")).unwrap();
        for offline in [true, false] {
            let unpacked = fetch(&PACKAGE, cache.path(), offline).unwrap();
            assert_eq!((&*unpacked.version, unpacked.folder.is_dir()), ("driver 1:2.3~x", true));
        }
    }
}
