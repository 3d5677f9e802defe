//! Configurations of trainings: TOML files and arguments.

use std::ffi::OsString;

use atrous_cli::readers::{arguments, configuration};

use crate::target::Place;

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let whole = include_str!("whole.toml");
    let few = "model = 'small_resnet'\n[data]\nkind = 'digits'\n[optimizer]\ntype = 'sgd'\nmomentum = 0.9\n[schedule]\ntype = 'multi-step'\nmilestones = [10, 20]\ngamma = 0.1\n";
    let weighted = "model = \"small_resnet\"\nsize = [8, 8]\ndata.kind = \"digits\"\nloss = { type = \"weighted-cross-entropy\", weights = [1, 1, 1, 1, 1, 1, 1, 1, 1, 0.5] }\nschedule = { type = \"one-cycle\" }\n";
    [whole, few, weighted].map(|text| text.as_bytes().to_vec()).to_vec()
}

/// The configuration that is kept is read as the same.
pub(super) fn read(place: &Place) -> Result<(), String> {
    let kept = configuration(place.path)?;
    let again = place.folder.join("again.toml");
    std::fs::write(&again, &kept).expect("a file can be written");
    match configuration(&again) {
        Ok(again) => assert_eq!(again, kept, "another configuration"),
        Err(message) => panic!("the configuration that is kept is not one: {message}\n{kept}"),
    }
    Ok(())
}

pub(super) fn argument_seeds() -> Vec<Vec<u8>> {
    [
        "train\n--model\nsmall_unet\n--data\nshapes\n--samples\n30\n--size\n32x48\n--epochs\n3\n--batch\n4\n--loss\ncross-entropy+0.5*dice\n--warmup\n10\n--schedule\npoly\n--power\n0.9",
        "train\n--model\nsmall_resnet\n--data\ndigits\n--split\n0.1\n--optimizer\nsgd\n--momentum\n0.9\n--nesterov\n--part\nstage1=0.1\n--scale\n0.5,2\n--crop\nrandom\n--padding\n2\n--lr\n1e-3",
        "train\n--model\nsmall_resnet\n--data\ndigits\n--schedule\nmulti-step\n--milestones\n10,20\n--gamma\n0.5\n--memory-budget\n800MiB\n--recompute\nsegments=2\n--max-picture\n1.5\n--threads\n3\n--ignore-label\n300\n--patience\n3",
        "plan\nsmall_resnet\n--size\n32x32\n--batch\n2\n--classes\n7\n--tune=0.5",
        "summary\nunet\n--size\n64\n--classes\n2",
        "profile\nsmall_xception\n--runs\n3\n--tune\n--train",
        "info\n--adapter\nsoftware",
        "doctor\n--report\nreport.txt",
        "models",
    ]
    .map(|words| words.as_bytes().to_vec())
    .to_vec()
}

/// One argument a line.
pub(super) fn read_arguments(place: &Place) -> Result<(), String> {
    let lines = place.bytes.split(|byte| *byte == b'\n');
    let words: Vec<OsString> = std::iter::once("atrous".into()).chain(lines.map(word)).collect();
    let read = arguments(&words);
    let most = 16_384 + 8 * place.bytes.len();
    match &read {
        Ok(kept) => assert!(kept.is_empty() || kept.contains("model = "), "{kept}"),
        Err(message) => assert!(message.len() <= most, "a message without end: {} bytes", message.len()),
    }
    // A message may have the help, and words as long as they were given.
    read.map(drop).map_err(|message| {
        message.chars().take(1000).collect::<String>().trim_end_matches([' ', ',', ':', '\n']).to_owned()
    })
}

#[cfg(unix)]
fn word(bytes: &[u8]) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes.iter().copied().filter(|byte| *byte != 0).collect())
}

#[cfg(not(unix))]
fn word(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}
