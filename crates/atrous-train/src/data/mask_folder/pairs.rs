//! Pairs of pictures and masks by their names.

use super::super::error::{DataError, Result};
use super::super::files::{normal, pictures_in, shown, stem};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What the names of masks often have behind those of their pictures; upper and lower case are not told apart.
const SUFFIXES: [&str; 10] =
    ["_mask", "-mask", ".mask", "_masks", "_label", "_labels", "_seg", "_segmentation", "_gt", "_L"];

/// Files by their names without extension.
type Files = BTreeMap<String, PathBuf>;

/// The pictures of one folder with the masks of another, sorted by name. Without a suffix, that of all masks is found out.
pub(super) fn find(images: &Path, masks: &Path, suffix: Option<&str>) -> Result<Vec<(PathBuf, PathBuf)>> {
    let one_folder = fs::canonicalize(images).is_ok_and(|images| fs::canonicalize(masks).is_ok_and(|m| m == images));
    let (pictures, maps) = (by_stem(images)?, by_stem(masks)?);
    let found_masks = maps.len();
    // As the names of the files are.
    let suffix = suffix.map(|suffix| normal(&shown(suffix)));
    let suffix = suffix.as_deref();
    for (folder, found) in [(images, &pictures), (masks, &maps)] {
        if found.is_empty() {
            let wanted = "pictures (JPEG, PNG or WebP), or masks (PNG), of equal names".to_owned();
            return Err(DataError::NoSamples { name: shown(folder), wanted });
        }
    }
    let with = |suffix: &str| match one_folder {
        true => divided(&pictures, suffix),
        false => Ok((pictures.clone(), stripped(&maps, suffix)?)),
    };
    let fits = |suffix: &&str| {
        let all = |maps: &Files| one_folder || maps.len() == found_masks;
        with(suffix).is_ok_and(|(pictures, maps)| all(&maps) && !maps.is_empty() && pictures.keys().eq(maps.keys()))
    };
    let plain = if one_folder { None } else { Some("") };
    let known = suffix.or_else(|| plain.into_iter().chain(SUFFIXES).find(fits));
    // If nothing fits, the suffix that most masks have makes the clearest message.
    let most = || SUFFIXES.into_iter().find(|suffix| 2 * maps.keys().filter(|n| has(n, suffix)).count() > found_masks);
    let Some(suffix) = known.or_else(most).or(plain) else {
        return Err(DataError::SameFolder { path: shown(images) });
    };
    let (pictures, maps) = with(suffix)?;
    if maps.is_empty() {
        let wanted = format!("masks whose names end with \"{suffix}\"");
        return Err(DataError::NoSamples { name: shown(masks), wanted });
    }
    check_paired(&pictures, &maps, "mask", suffix, masks)?;
    check_paired(&maps, &pictures, "picture", "", images)?;
    Ok(pictures.into_values().zip(maps.into_values()).collect())
}

fn has(name: &str, suffix: &str) -> bool {
    strip(name, suffix).is_some()
}

/// The name without the suffix.
fn strip<'a>(name: &'a str, suffix: &str) -> Option<&'a str> {
    let (name, end) = name.split_at_checked(name.len().checked_sub(suffix.len())?)?;
    end.eq_ignore_ascii_case(suffix).then_some(name)
}

/// The files whose names have the suffix, by their names without it.
fn stripped(files: &Files, suffix: &str) -> Result<Files> {
    let named = files.iter().filter_map(|(name, path)| Some((strip(name, suffix)?.to_owned(), path.clone())));
    unique(named)
}

/// The pictures of a folder, and the masks in it by their names without the suffix.
fn divided(files: &Files, suffix: &str) -> Result<(Files, Files)> {
    let pictures = files.iter().filter(|(name, _)| !has(name, suffix));
    Ok((pictures.map(|(name, path)| (name.clone(), path.clone())).collect(), stripped(files, suffix)?))
}

/// Files by their names; refuses two of one name.
fn unique(files: impl IntoIterator<Item = (String, PathBuf)>) -> Result<Files> {
    let mut found = BTreeMap::new();
    for (name, path) in files {
        if let Some(first) = found.insert(name, path.clone()) {
            return Err(DataError::SameStem { first: shown(first), second: shown(path) });
        }
    }
    Ok(found)
}

/// The pictures of a folder by their names without extension.
fn by_stem(folder: &Path) -> Result<Files> {
    unique(pictures_in(folder)?.into_iter().map(|path| (stem(&path), path)))
}

/// Refuses files without a partner. All names are those without suffixes; `suffix` is that of the partners.
fn check_paired(files: &Files, partners: &Files, missing: &'static str, suffix: &str, folder: &Path) -> Result<()> {
    let mut lonely = files.iter().filter(|(name, _)| !partners.contains_key(*name));
    let Some((name, path)) = lonely.next() else { return Ok(()) };
    let others = lonely.count();
    // `1_final` for the picture `1`: perhaps the names of all masks end so.
    let ends = partners.keys().filter_map(|partner| partner.strip_prefix(name.as_str()));
    let ends = ends.filter(|end| missing == "mask" && end.starts_with(|c: char| !c.is_alphanumeric()));
    let longer = ends.min_by_key(|end| end.len()).map(Into::into);
    let stem = format!("{name}{suffix}");
    Err(DataError::Unpaired { path: shown(path), missing, stem, folder: shown(folder), others, longer })
}
