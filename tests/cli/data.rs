//! `atrous train`: what it says of data before the first step, and how it reads them.

use std::fs;

use super::png::{crc32, grey};
use super::support::{Folder, Ran, refuse, run};
use super::train::{one_line, refused_whole};

/// An adapter that there is not: a training whose data are sound ends with a message about it.
const NO_ADAPTER: [&str; 2] = ["--adapter", "Voodoo 2"];

/// Writes pictures `images/N.png` of 32×32 with masks `masks/N.png` of these values, left and right.
fn masked(folder: &Folder, masks: &[[u8; 2]]) {
    for name in ["images", "masks"] {
        fs::create_dir_all(folder.path(name)).expect("a new folder");
    }
    for (i, [left, right]) in masks.iter().enumerate() {
        folder.file(&format!("images/{i}.png"), &grey(32, 32, |at| (at * 7 % 251) as u8));
        folder.file(&format!("masks/{i}.png"), &grey(32, 32, |at| if at % 32 < 16 { *left } else { *right }));
    }
}

/// The arguments of a training on [`masked`].
fn training<'a>(images: &'a str, masks: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let fixed = "train --model small_unet --data mask-folder --classes a,b --size 32 --batch 2 --epochs 1";
    fixed.split(' ').chain(["--path", images, "--masks", masks]).chain(more.iter().copied()).collect()
}

/// What is said about the data of a training, up to the missing adapter.
fn sound(arguments: &[&str]) -> String {
    let ran = run("atrous", &[arguments, &NO_ADAPTER].concat());
    assert!(ran.stderr.contains("no adapter is named"), "{arguments:?}: {}", ran.stderr);
    ran.stderr
}

fn refused(arguments: &[&str], texts: &[&str]) -> Ran {
    one_line(&[arguments, &NO_ADAPTER].concat(), texts)
}

#[test]
fn validation_on_what_is_trained_on_is_a_warning() {
    let folder = Folder::new("data-same");
    masked(&folder, &[[0, 1]; 4]);
    let (images, masks) = (folder.path("images"), folder.path("masks"));
    let same = ["--validation", &images, "--validation-masks", &masks];
    let text = sound(&training(&images, &masks, &same));
    let warning = "warning: validation data: 4 of 4 samples are also trained on, such as ";
    assert!(text.contains(warning), "{text}");
    assert!(!sound(&training(&images, &masks, &["--split", "0.25"])).contains("also trained on"));
}

#[test]
fn masks_of_black_and_white_are_refused_with_the_remedy() {
    let folder = Folder::new("data-255");
    masked(&folder, &[[0, 255]; 4]);
    let (images, masks) = (folder.path("images"), folder.path("masks"));
    let with = |more: &[&'static str]| training(&images, &masks, &[&["--split", "0.25"][..], more].concat());
    let ran = refused(&with(&[]), &["training data: every label that counts is of the class \"a\"", "`--map 255=1`"]);
    let held_out = "warning: validation data: every label that counts is of the class \"a\", so the metrics say little";
    assert!(ran.stderr.contains(held_out), "{}", ran.stderr);
    let text = sound(&with(&["--map", "255=1"]));
    let counts = "Training 3 samples; pictures of 32×32, grey\n         of the pixels: a 50.0 % in 3, b 50.0 % in 3\nHeld out 1 s";
    assert!(text.contains(counts) && !text.contains("warning"), "{text}");
    let must =
        "data.map must be a class of each value: a number below that of the classes, or ignore_label, got 255 = 2";
    refused(&with(&["--map", "255=2"]), &[must]);
    refused(&with(&["--map", "255=1", "--map", "255=0"]), &["the flags: --map gives a value two classes"]);
    refuse("atrous", &with(&["--map", "256=1"]), &["expected VALUE=CLASS, each from 0 to 255"]);
    let text = format!(
        "model = 'small_unet'\nsize = [32, 32]\n[data]\nkind = 'mask-folder'\npath = '{images}'\nmasks = '{masks}'\nclasses = ['a', 'b']\n"
    );
    sound(&["train", &folder.file("map.toml", format!("{text}map = {{ 255 = 1 }}\n").as_bytes())]);
    let bad = folder.file("bad.toml", format!("{text}map = {{ 300 = 1 }}\n").as_bytes());
    refused(&["train", &bad], &["300 = 1 must be a value and a class, each from 0 to 255"]);
    let bad = folder.file("bad.toml", format!("{text}map = {{ 255 = 'b' }}\n").as_bytes());
    refused(&["train", &bad], &["255 = \"b\" must be a value and a class"]);
    let bad = folder.file("bad.toml", format!("weights = ['a']\n{text}").as_bytes());
    refused(&["train", &bad], &["line 1: `weights` must be a path, got a list"]);
}

#[test]
fn what_teaches_nothing_is_told_whole() {
    let folder = Folder::new("data-nothing");
    let (images, masks) = (folder.path("images"), folder.path("masks"));
    let all = |more: &[&'static str]| training(&images, &masks, &[&["--split", "0"][..], more].concat());
    masked(&folder, &[[255, 255]; 2]);
    refused(&all(&[]), &["every label has the value 255 and is ignored, so nothing can be learnt"]);
    masked(&folder, &[[7, 0], [1, 9]]);
    let ran = refused_whole(&all(&[]), &["training data: "]);
    let (_, error) = ran.stderr.split_once("error: ").expect("it is refused");
    let lines: Vec<&str> = error.lines().collect();
    assert!(lines.len() == 2 && lines[0].contains("masks/0.png: label 7 is none of the 2 classes"), "{error}");
    assert!(
        lines[1].contains("masks/1.png: label 9 is none") && lines[1].contains("`--map 9=255` ignores it"),
        "{error}"
    );
    masked(&folder, &[[0, 1], [0, 1]]);
    let weights = |weights: &'static str| all(&["--loss", "weighted-cross-entropy", "--class-weights", weights]);
    assert!(sound(&weights("0,1")).contains("warning: training data: \"a\" has the class weight 0"));
    one_line(&weights("0,0"), &["at least one class weight must be above 0"]);
}

#[test]
fn folders_of_parts_are_not_taken_for_classes() {
    let folder = Folder::new("data-parts");
    for part in ["train", "val"] {
        for class in ["cat", "dog"] {
            fs::create_dir_all(folder.path(&format!("{part}/{class}"))).expect("a new folder");
            folder.file(&format!("{part}/{class}/1.png"), &grey(32, 32, |_| 9));
        }
    }
    let (root, train, val) = (folder.path(""), folder.path("train"), folder.path("val"));
    let image_folder = ["train", "--model", "small_resnet", "--data", "image-folder", "--path"];
    let parts = "the folders \"train\", \"val\" are taken as classes, which are no classes but parts of the data";
    refused(&[&image_folder[..], &[&root]].concat(), &[parts, "`--path FOLDER/train --validation FOLDER/val`"]);
    let text = sound(&[&image_folder[..], &[&train, "--validation", &val]].concat());
    assert!(text.contains("pictures: cat 1, dog 1"), "{text}");
}

/// A picture of 48×32 as stored, with an EXIF orientation: a chunk after IHDR, a TIFF with one entry, tag 0x0112.
fn turned(orientation: u8) -> Vec<u8> {
    let mut bytes = grey(48, 32, |at| (at % 251) as u8);
    let mut chunk = b"eXIfMM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    chunk.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let length = (chunk.len() as u32 - 4).to_be_bytes();
    bytes.splice(33..33, [&length[..], &chunk, &crc32(&chunk).to_be_bytes()].concat());
    bytes
}

#[test]
fn turned_pictures_and_suffixes_of_masks_are_told_with_their_flags() {
    let folder = Folder::new("data-exif");
    masked(&folder, &[[0, 1], [0, 1]]);
    let (images, masks) = (folder.path("images"), folder.path("masks"));
    let all = |more: &[&'static str]| training(&images, &masks, &[&["--split", "0"][..], more].concat());
    folder.file("masks/0.png", &grey(48, 32, |at| (at % 2) as u8));
    folder.file("images/0.png", &turned(6));
    refused(&all(&[]), &["masks/0.png: the mask is 48×32, but its picture is 32×48", "orientation 6", "`--exif raw`"]);
    assert!(!sound(&all(&["--exif", "raw"])).contains("warning"));
    folder.file("images/0.png", &turned(3));
    let warning = "warning: training data: 1 of 2 pictures are turned by their EXIF orientation";
    assert!(sound(&all(&[])).contains(warning));
    assert!(!sound(&all(&["--exif", "apply"])).contains("warning"));
    for i in ["0", "1"] {
        fs::rename(folder.path(&format!("masks/{i}.png")), folder.path(&format!("masks/{i}-m.png")))
            .expect("it is there");
    }
    refused(&all(&[]), &["no mask named \"0\"", "`--mask-suffix -m` pairs them"]);
    sound(&all(&["--mask-suffix=-m"]));
    refused(&all(&["--mask-suffix=\u{1b}[2J\n"]), &[r#"masks whose names end with "\u{1b}[2J\n""#]);
}

#[test]
fn absurd_numbers_are_refused_with_their_bounds() {
    let largest = i64::MAX.to_string();
    let shapes = ["train", "--model", "small_unet", "--data", "shapes", "--size", "32"];
    let with = |flags: &[&str], texts: &[&str]| drop(one_line(&[&shapes[..], flags].concat(), texts));
    with(&["--samples", &largest], &["samples of shapes must be at most 1000000, got 9223372036854775807"]);
    with(&["--batch", &largest], &["batch and size must be at most 2147483648 values together"]);
    one_line(&[&shapes[..5], &["--size", "65535"]].concat(), &["size of shapes must be 16 to 4096 pixels"]);
    for flag in ["epochs", "accumulate", "validate-every", "checkpoint-every"] {
        let text = format!("{} must be at most 4294967295, got 9223372036854775807", flag.replace('-', "_"));
        with(&["--samples", "16", &format!("--{flag}"), &largest], &[&text]);
    }
    with(&["--threads", &largest], &["threads must be at most 1024"]);
    for megapixels in ["0", "-1", "nan", "inf", "1e7"] {
        let text = "max_picture must be from 0.000001 to 1000000 megapixels, got";
        with(&["--max-picture", megapixels], &[text]);
    }
    for flag in ["samples", "batch", "epochs", "accumulate", "threads", "steps", "step-size", "milestones", "top-k"] {
        let flag = format!("--{flag}");
        refuse(
            "atrous",
            &[&shapes[..], &[&flag, "18446744073709551615"]].concat(),
            &[&flag, "from 0 to 9223372036854775807"],
        );
    }
    let huge = ["resnet50", "--batch", "65535", "--size", "65535"];
    refuse("atrous", &[&["summary"], &huge[..]].concat(), &["65535×65535×65535×3 has more than"]);
}

#[cfg(unix)]
mod unix {
    use super::super::support::{ROOT, program};
    use super::*;
    use std::ffi::{OsStr, OsString};
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;
    use std::process::{Command, Output};

    /// Runs `atrous` in a folder of any name.
    fn run_in(folder: &Path, arguments: &[&OsStr]) -> Output {
        Command::new(program("atrous")).args(arguments).current_dir(folder).output().expect("it starts")
    }

    #[test]
    fn folders_of_any_name_are_read_and_written_in_their_own_place() {
        let folder = Folder::new("data-bytes");
        masked(&folder, &[[0, 255]; 4]);
        let strange = Path::new(&folder.path("")).join(OsStr::from_bytes(b"gr\xf6\xdfe\n"));
        fs::create_dir_all(&strange).expect("a new folder");
        for name in ["images", "masks"] {
            fs::rename(folder.path(name), strange.join(name)).expect("it is there");
        }
        let line = "train --model small_unet --data mask-folder --classes a,b --size 32 --batch 2 --epochs 1 --split 0.25 --path images \
                    --masks masks --map 255=1 --run-folder";
        let mut arguments: Vec<&OsStr> = line.split_whitespace().map(OsStr::new).collect();
        arguments.push(OsStr::from_bytes(b"r\xfcn"));
        let output = run_in(&strange, &arguments);
        let said = String::from_utf8(output.stdout).expect("text");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains(r"gr\xF6\xDFe\n/r\xFCn:") && said.contains("IoU of the classes: a 0."), "{said}");
        let run = strange.join(OsStr::from_bytes(b"r\xfcn"));
        assert!(run.join("best.safetensors").is_file());
        let written: Vec<OsString> =
            fs::read_dir(&strange).expect("a folder").map(|e| e.expect("an entry").file_name()).collect();
        assert_eq!(written.len(), 3, "{written:?}");
        assert!(fs::read_to_string(run.join("config.toml")).expect("text").contains("[data.map]\n255 = 1"));
        // From another folder: the paths of config.toml are whole.
        let resume = ["train", "--epochs", "2", "--resume"].map(OsStr::new);
        let output = run_in(Path::new(ROOT), &[&resume[..], &[run.as_os_str()]].concat());
        let said = String::from_utf8(output.stdout).expect("text");
        assert!(output.status.success() && said.contains("Finished after epoch 2, step 4"), "{said}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains(r"gr\xF6\xDFe\n/r\xFCn") && stderr.contains("b 50.0 % in 3"), "{stderr}");
    }
}

#[test]
fn a_class_of_which_nothing_is_seen_is_told() {
    let folder = Folder::new("data-cut-off");
    for name in ["images", "masks"] {
        fs::create_dir_all(folder.path(name)).expect("a new folder");
    }
    for i in 0..4 {
        folder.file(&format!("images/{i}.png"), &grey(96, 32, |at| (at * 7 % 251) as u8));
        folder.file(&format!("masks/{i}.png"), &grey(96, 32, |at| u8::from(at % 96 < 24)));
    }
    let (images, masks) = (folder.path("images"), folder.path("masks"));
    let warning =
        "warning: validation data: masks have the class \"b\", but nothing is seen of it at this size: framing";
    for (framing, told) in [("cover", true), ("stretch", false)] {
        let to = folder.path(framing);
        let ran = run("atrous", &training(&images, &masks, &["--framing", framing, "--run-folder", &to]));
        assert!(ran.success && ran.stderr.contains(warning) == told, "{framing}: {}", ran.stderr);
    }
}

#[test]
fn a_class_of_which_all_is_broken_is_told() {
    let folder = Folder::new("data-broken");
    for name in ["cat", "dog"] {
        fs::create_dir_all(folder.path(&format!("pictures/{name}"))).expect("a new folder");
    }
    let picture = grey(32, 32, |at| (at * 7 % 251) as u8);
    // Its header is whole.
    let broken = [&picture[..60], &[0; 20], &picture[80..]].concat();
    for i in 0..4 {
        folder.file(&format!("pictures/cat/{i}.png"), &broken);
        folder.file(&format!("pictures/dog/{i}.png"), &picture);
    }
    let (path, to) = (folder.path("pictures"), folder.path("run"));
    let flags =
        "train --model small_resnet --data image-folder --size 32 --batch 2 --epochs 1 --split 0 --on-broken skip";
    let paths = ["--path", &path, "--run-folder", &to];
    let ran = run("atrous", &flags.split(' ').chain(paths).collect::<Vec<_>>());
    let warning = "warning: training data: every picture of the class \"cat\" was skipped\n";
    assert!(ran.success && ran.stderr.contains(warning), "{}", ran.stderr);
}
