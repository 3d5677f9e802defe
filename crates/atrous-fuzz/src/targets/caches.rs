//! Files beside the compiled kernels, and these.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use atrous_gpu::{AdapterInfo, AdapterKind, DeviceOptions, PipelineCache, readers};
use atrous_kernels::{Choice, Choices, Found, Limits, known_variant};

use crate::target::Place;
use crate::warnings;

/// An adapter that does not exist.
fn adapter() -> AdapterInfo {
    AdapterInfo {
        index: None,
        name: "A GPU".to_owned(),
        backend: "vulkan".to_owned(),
        kind: AdapterKind::Discrete,
        driver: "driver 1.2".to_owned(),
        id: (0, 0),
        limits: Limits::WEBGPU,
        timestamps: false,
        f16: false,
        cooperative: Vec::new(),
        features: Vec::new(),
    }
}

fn options(folder: &Path) -> DeviceOptions {
    DeviceOptions { pipeline_cache: PipelineCache::Folder(folder.to_owned()), ..DeviceOptions::default() }
}

/// Name and content of the one file that `write` makes.
fn written(write: impl FnOnce(&DeviceOptions)) -> (String, Vec<u8>) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    write(&options(folder.path()));
    let mut files = fs::read_dir(folder.path()).expect("a folder");
    let path = files.next().expect("a file was written").expect("a file").path();
    (path.file_name().expect("a name").to_string_lossy().into_owned(), fs::read(&path).expect("a file was written"))
}

/// What [`written`] made once.
type Written = OnceLock<(String, Vec<u8>)>;

fn choices_file() -> &'static (String, Vec<u8>) {
    static FILE: Written = OnceLock::new();
    FILE.get_or_init(|| written(|options| readers::choose(&adapter(), options, choices())))
}

fn choices() -> Choices {
    let mut choices = Choices::default();
    for (i, name) in ["direct", "gemm_tiled", "depthwise"].into_iter().enumerate() {
        let Ok(variant) = known_variant(name) else { continue };
        let tile = atrous_kernels::conv::tiles(variant).ok().and_then(|tiles| tiles.first().copied());
        let key = format!("conv2d: {i}×56×56×64 f32, 3×3×64×64 f32 -> 1×56×56×64 f32");
        choices.insert(key, Found { choice: Choice { variant, tile }, tried: 3 + i });
    }
    choices
}

fn avoided_file() -> &'static (String, Vec<u8>) {
    static FILE: Written = OnceLock::new();
    let names = ["direct", "gemm_tiled"].into_iter().filter_map(|name| known_variant(name).ok());
    let names = || names.map(|name| (name, "wrong results: 0.5 instead of 1".to_owned())).collect();
    FILE.get_or_init(|| written(|options| readers::avoid(&adapter(), options, names())))
}

pub(super) fn choices_name() -> String {
    choices_file().0.clone()
}

pub(super) fn avoided_name() -> String {
    avoided_file().0.clone()
}

pub(super) fn choices_seeds() -> Vec<Vec<u8>> {
    vec![choices_file().1.clone()]
}

pub(super) fn avoided_seeds() -> Vec<Vec<u8>> {
    vec![avoided_file().1.clone()]
}

/// The warnings about the file, if any, as the message of an error.
fn refused() -> Result<(), String> {
    let warnings = warnings::take();
    if warnings.is_empty() { Ok(()) } else { Err(warnings.join("\n")) }
}

/// What tuning chose; kept again, it is the same.
pub(super) fn read_choices(place: &Place) -> Result<(), String> {
    let choices = readers::choices(&adapter(), &options(place.folder));
    refused()?;
    let again = options(&place.folder.join("again"));
    // Another file may be there from the case before.
    let _ = fs::remove_dir_all(place.folder.join("again"));
    readers::choose(&adapter(), &again, choices.clone());
    assert_eq!(readers::choices(&adapter(), &again), choices, "other choices");
    Ok(())
}

/// What is avoided; kept again, it is the same.
pub(super) fn read_avoided(place: &Place) -> Result<(), String> {
    let names = readers::avoided(&adapter(), &options(place.folder));
    refused()?;
    let again = options(&place.folder.join("again"));
    readers::avoid(&adapter(), &again, names.clone());
    assert_eq!(readers::avoided(&adapter(), &again), names, "other variants");
    Ok(())
}

pub(super) fn kernel_seeds() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("kernels");
    let content = |data: &[u8]| {
        readers::compile(&path, data).expect("a file can be written");
        fs::read(&path).expect("a file was written")
    };
    vec![content(b""), content(&(0..100).collect::<Vec<u8>>())]
}

/// Compiled kernels; kept again, they are the same.
pub(super) fn read_kernels(place: &Place) -> Result<(), String> {
    let data = readers::compiled(place.path)?.expect("there is a file");
    let again = place.folder.join("again");
    readers::compile(&again, &data).expect("a file can be written");
    assert_eq!(readers::compiled(&again), Ok(Some(data)), "other kernels");
    Ok(())
}
