//! Where the drivers come from.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::apt::{self, Package};
use super::paths;

/// The adapter that must be there: Mesa's driver of the system.
pub(super) const INSTALLED: &str = "lavapipe";
/// The adapter that the environment chooses: for GPUs.
pub(super) const OWN: &str = "own";
/// The adapters that are tested if nothing else is asked for.
pub(super) const NAMES: [&str; 3] = [INSTALLED, "mesa25", "swiftshader"];

const MESA25: Package = Package {
    name: "mesa-vulkan-drivers",
    archive: "http://deb.debian.org/debian",
    suite: "bookworm-backports",
    manifest: "lvp_icd",
};
/// The driver is in the package of what all of Chromium's programs share.
const SWIFTSHADER: Package = Package {
    name: "chromium-common",
    archive: "http://deb.debian.org/debian-security",
    suite: "bookworm-security",
    manifest: "vk_swiftshader_icd",
};

/// A driver that can be loaded.
#[derive(Clone, Debug)]
pub(super) struct Driver {
    /// The adapter's name here.
    pub(super) name: String,
    /// The package and its version.
    pub(super) origin: String,
    /// Vulkan's manifest of the driver; `None`: the drivers that the environment chooses.
    manifest: Option<PathBuf>,
}

/// An adapter's name from the command line.
pub(super) fn known_name(name: &str) -> Result<String, String> {
    if NAMES.contains(&name) || name == OWN {
        return Ok(name.to_owned());
    }
    Err(format!("there are {} and {OWN}", NAMES.join(", ")))
}

/// Finds or fetches a driver.
///
/// # Errors
/// Why it cannot be had.
pub(super) fn obtain(name: &str, offline: bool) -> Result<Driver> {
    let fetched = |package: Package| {
        let unpacked = apt::fetch(&package, &paths::folder().join(name), offline)?;
        let manifest = absolute_manifest(&unpacked.folder, package.manifest)?;
        Ok(Driver { name: name.to_owned(), origin: unpacked.version, manifest: Some(manifest) })
    };
    match name {
        INSTALLED => installed(Path::new("/usr/share/vulkan/icd.d")),
        "mesa25" => fetched(MESA25),
        "swiftshader" => fetched(SWIFTSHADER),
        OWN => Ok(Driver { name: OWN.to_owned(), origin: "this machine".to_owned(), manifest: None }),
        other => bail!("there is no adapter {other}"),
    }
}

/// Mesa's driver of the system.
fn installed(folder: &Path) -> Result<Driver> {
    let manifest = find(folder, MESA25.manifest).with_context(|| {
        format!("{} has no {}*.json: install mesa-vulkan-drivers", folder.display(), MESA25.manifest)
    })?;
    let version = Command::new("dpkg-query").args(["-W", "-f", "${Package} ${Version}", MESA25.name]).output();
    let version = version.ok().filter(|output| output.status.success());
    let origin = version.map_or_else(|| "installed".to_owned(), |o| String::from_utf8_lossy(&o.stdout).into_owned());
    Ok(Driver { name: INSTALLED.to_owned(), origin, manifest: Some(manifest) })
}

/// Writes the driver's manifest beside the unpacked package, with the path at which the library lies there.
fn absolute_manifest(folder: &Path, start: &str) -> Result<PathBuf> {
    let file = find(folder, start).with_context(|| format!("{} has no {start}*.json", folder.display()))?;
    let mut manifest: Value =
        serde_json::from_slice(&std::fs::read(&file)?).with_context(|| file.display().to_string())?;
    let path = manifest["ICD"]["library_path"].as_str().context("the driver's manifest names no library")?;
    let name = Path::new(path).file_name().context("the driver's manifest names no library")?.to_string_lossy();
    let library = find(folder, &name).with_context(|| format!("{} has no {name}", folder.display()))?;
    loads(&library)?;
    manifest["ICD"]["library_path"] = library.to_string_lossy().into();
    let written = folder.join("driver.json");
    std::fs::write(&written, serde_json::to_vec_pretty(&manifest)?)?;
    Ok(written)
}

/// The first file below a folder whose name begins so.
fn find(folder: &Path, start: &str) -> Option<PathBuf> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths.into_iter().find_map(|path| {
        if path.is_dir() && !path.is_symlink() {
            return find(&path, start);
        }
        path.file_name()?.to_str()?.starts_with(start).then_some(path)
    })
}

/// Whether the libraries that a driver needs are installed.
fn loads(library: &Path) -> Result<()> {
    let output = Command::new("ldd").arg(library).output().context("starting ldd")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let missing: Vec<&str> = text.lines().filter(|line| line.contains("not found")).map(str::trim).collect();
    ensure!(missing.is_empty(), "{} needs libraries that are not installed: {}", library.display(), missing.join(", "));
    Ok(())
}

impl Driver {
    /// Lets a command use this driver and nothing else, with atrous's defaults and what is compiled kept for the next time.
    pub(super) fn serve(&self, command: &mut Command) {
        let kept = |name: &str| name == "ATROUS_GOLDEN_DIR" || (self.manifest.is_none() && name == "ATROUS_ADAPTER");
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("ATROUS_") && !kept(name)) {
                command.env_remove(name);
            }
        }
        // Messages without backtraces, which known failures are told by.
        command.env("RUST_BACKTRACE", "0").env("ATROUS_TUNE", "off");
        command.env("ATROUS_CACHE_DIR", paths::folder().join(&self.name).join("kernels"));
        if let Some(manifest) = &self.manifest {
            // The second name is that of loaders before 1.3.207.
            command.env("VK_DRIVER_FILES", manifest).env("VK_ICD_FILENAMES", manifest);
            command.env_remove("VK_ADD_DRIVER_FILES");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn manifests_get_the_path_of_the_library() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("usr/lib/x");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::create_dir_all(folder.path().join("usr/share")).unwrap();
        let manifest = folder.path().join("usr/share/lvp_icd.x86_64.json");
        std::fs::write(&manifest, r#"{"ICD": {"api_version": "1.4.305", "library_path": "./driver.so"}}"#).unwrap();
        let error = absolute_manifest(folder.path(), "lvp_icd").unwrap_err().to_string();
        assert!(error.ends_with("has no driver.so"), "{error}");

        // Any library that is installed here can be loaded here.
        std::fs::copy("/proc/self/exe", deep.join("driver.so")).unwrap();
        let written = absolute_manifest(folder.path(), "lvp_icd").unwrap();
        let read: Value = serde_json::from_slice(&std::fs::read(written).unwrap()).unwrap();
        assert_eq!(read["ICD"]["library_path"].as_str().map(Path::new), Some(&*deep.join("driver.so")));
        assert_eq!(read["ICD"]["api_version"], "1.4.305");
        assert!(absolute_manifest(folder.path(), "other").is_err());
    }

    #[test]
    fn a_system_without_mesa_is_told_what_to_install() {
        let folder = tempfile::tempdir().unwrap();
        let error = installed(folder.path()).unwrap_err().to_string();
        assert!(error.contains("install mesa-vulkan-drivers"), "{error}");
    }

    #[test]
    fn names_are_those_of_adapters() {
        assert!(NAMES.iter().chain([&OWN]).all(|name| known_name(name).is_ok()));
        assert_eq!(known_name("mesa").unwrap_err(), "there are lavapipe, mesa25, swiftshader and own");
    }
}
