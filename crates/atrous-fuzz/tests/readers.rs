//! Every source file that reads files or parses their content has targets that reach it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Source files below `crates/` that read, each with the targets that reach it.
const READERS: [(&str, &[&str]); 25] = [
    // The system's own /proc/self/status.
    ("atrous-cli/src/signals.rs", &[]),
    ("atrous-cli/src/train/mistake.rs", &["configurations"]),
    ("atrous-cli/src/train/mod.rs", &["weights"]),
    ("atrous-cli/src/train/source.rs", &["configurations", "arguments", "run_folders"]),
    ("atrous-files/src/read.rs", &["weights", "labels"]),
    ("atrous-files/src/write.rs", &["checkpoints"]),
    ("atrous-gpu/src/disk_cache.rs", &["kernels"]),
    ("atrous-gpu/src/sealed.rs", &["choices", "avoided"]),
    ("atrous-gpu/src/whole_file.rs", &["choices", "avoided", "kernels"]),
    ("atrous-io/src/origin.rs", &["weights", "run_folders"]),
    ("atrous-io/src/weights/file.rs", &["weights", "own_weights"]),
    ("atrous-io/src/weights/header.rs", &["weights", "own_weights"]),
    ("atrous-train/src/checkpoint/load.rs", &["checkpoints", "old_checkpoints"]),
    // The file is part of the program.
    ("atrous-train/src/data/digits.rs", &[]),
    ("atrous-train/src/data/files.rs", &["image_folders", "mask_folders", "voc", "mnist", "cifar"]),
    ("atrous-train/src/data/mask_file.rs", &["masks", "mask_folders"]),
    ("atrous-train/src/data/survey/kept.rs", &["surveys"]),
    ("atrous-train/src/log.rs", &["logs"]),
    ("atrous-train/src/trainer/lock.rs", &["run_folders"]),
    ("atrous-train/src/trainer/run_folder.rs", &["run_folders"]),
    ("atrous-vision/src/labels.rs", &["labels"]),
    ("atrous-vision/src/photos/jpeg.rs", &["jpeg"]),
    ("atrous-vision/src/photos/load.rs", &["jpeg", "png", "webp"]),
    ("atrous-vision/src/photos/source.rs", &["jpeg", "png", "webp"]),
    ("atrous-vision/src/photos/stated_size.rs", &["jpeg", "png", "webp"]),
];

/// What reads a file, or parses the content of one.
const CALLS: [&str; 17] = [
    "File::open(",
    "fs::read(",
    "fs::read_to_string(",
    "atrous_files::open(",
    "atrous_files::open_no_follow(",
    "atrous_files::read(",
    "atrous_files::read_text(",
    "content(file,",
    "OpenOptions::new()",
    "read_to_end(",
    "json::from_slice(",
    "json::from_str(",
    "json::from_reader(",
    "toml::from_str(",
    "Table::parse(",
    "Reader::open(",
    "Decoder::new(",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => sources(&path, found),
            false => found.extend(
                Some(path).filter(|path| path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs")),
            ),
        }
    }
}

/// Whether a source calls what reads, outside of its tests and comments.
fn reads(text: &str) -> bool {
    let end = ["#[cfg(test)]", "#[cfg(all(test"].iter().filter_map(|start| text.find(start)).min();
    let code = text[..end.unwrap_or(text.len())].lines().filter(|line| !line.trim_start().starts_with("//"));
    code.into_iter().any(|line| CALLS.iter().any(|call| line.contains(call)))
}

#[test]
fn every_reader_has_a_target() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&crates).expect("a folder") {
        let path = entry.expect("an entry").path();
        // These are no part of what is published.
        if !["atrous-fuzz", "atrous-golden", "xtask"].iter().any(|own| path.ends_with(own)) {
            sources(&path.join("src"), &mut found);
        }
    }
    assert!(found.len() > 300, "{} files", found.len());
    let read = |path: &PathBuf| std::fs::read_to_string(path).expect("text");
    let name = |path: PathBuf| path.strip_prefix(&crates).expect("below").to_string_lossy().replace('\\', "/");
    let mut reading: Vec<String> = found.into_iter().filter(|path| reads(&read(path))).map(name).collect();
    reading.sort();
    let table: BTreeMap<&str, &[&str]> = READERS.into_iter().collect();
    assert_eq!(
        reading,
        table.keys().copied().collect::<Vec<_>>(),
        "source files that read, and the table of this test"
    );
    let list = Command::new(env!("CARGO_BIN_EXE_atrous-fuzz")).arg("list").output().expect("it starts").stdout;
    let list = String::from_utf8(list).expect("text");
    let targets: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    for (file, names) in table {
        assert!(names.iter().all(|name| targets.contains(name)), "{file} has {names:?}, there are {targets:?}");
    }
}

#[test]
fn readers_are_recognised() {
    assert!(reads("fn f() { let x = std::fs::read(\"x\"); }"));
    assert!(reads("use std::fs;\nlet kept: Survey = serde_json::from_str(&text).ok()?;"));
    assert!(!reads("/// as `fs::read(path)` does\nfn f() { a.copy_from_slice(b) }"));
    assert!(!reads("fn f() {}\n#[cfg(test)]\nmod tests { fn g() { File::open(\"x\"); } }"));
}
