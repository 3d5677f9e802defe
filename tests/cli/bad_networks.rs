//! Networks, sizes and adapters that do not exist.

use super::support::{Folder, refuse, run};

const PHOTO: &str = "examples/photos/china.png";

#[test]
fn unknown_networks_are_answered_with_similar_names() {
    let texts = ["no network is named \"resnet5O\"", "resnet50"];
    refuse("atrous", &["summary", "resnet5O"], &texts);
    refuse("atrous", &["plan", "resnet5O", "--limits", "webgpu"], &texts);
    refuse("classify", &[PHOTO, "--model", "resnet5O"], &texts);
    let folder = Folder::new("unknown");
    let mask = folder.path("mask.png");
    refuse("segment", &[PHOTO, "-o", &mask, "--model", "deeplabv3-resnet50"], &["similar names: deeplabv3_resnet50"]);
}

#[test]
fn impossible_sizes_are_refused() {
    for size in ["0", "0x224", "224x", "x", "-1x224", "65536", "99999999999999999999", "large"] {
        let option = format!("--size={size}");
        refuse("atrous", &["summary", "resnet18", &option], &["--size", "HEIGHTxWIDTH"]);
        refuse("classify", &[PHOTO, &option], &["--size", "HEIGHTxWIDTH"]);
    }
    refuse(
        "atrous",
        &["summary", "smp_unet_resnet18", "--size", "100x100"],
        &["multiples of 32", "100×100", "128×128"],
    );
    refuse("atrous", &["summary", "unet_valid", "--size", "100"], &["unet_valid"]);
    refuse(
        "atrous",
        &["summary", "resnet18", "--size", "65535", "--batch", "65535"],
        &["65535×65535×65535×3", "elements"],
    );
    refuse("atrous", &["summary", "resnet18", "--batch", "0"], &["--batch", "from 1"]);
    refuse("atrous", &["summary", "resnet18", "--classes", "0"], &["--classes", "from 1"]);
    refuse(
        "classify",
        &[PHOTO, "--model", "resnet18", "--classes", "0"],
        &["number of classes must be at least 1, got 0"],
    );
    refuse(
        "atrous",
        &["plan", "unet", "--limits", "webgpu", "--size", "60000x60000"],
        &["fused_conv2d \"enc1.relu1\"", "57600000000 bytes"],
    );
}

#[test]
fn networks_are_not_asked_for_what_they_do_not_do() {
    let folder = Folder::new("task");
    let mask = folder.path("mask.png");
    let texts = ["resnet18 is a classification network, it cannot segment"];
    refuse("segment", &[PHOTO, "-o", &mask, "--model", "resnet18"], &texts);
    let texts = ["fcn_resnet50 is a segmentation network, it cannot classify"];
    refuse("classify", &[PHOTO, "--model", "fcn_resnet50"], &texts);
    for k in ["0", "1001"] {
        let texts = ["k must lie between 1 and the 1000 classes", k];
        refuse("classify", &[PHOTO, "--model", "resnet18", "-k", k], &texts);
    }
}

#[test]
fn labels_must_fit_the_network() {
    let folder = Folder::new("labels");
    let labels = |name: &str, content: &[u8], text: &str| {
        let path = folder.file(name, content);
        refuse("classify", &[PHOTO, "--model", "small_resnet", "--labels", &path], &[name, text]);
    };
    labels("few.txt", b"cat\ndog\n", "2 labels for a network of 10 classes");
    labels("gap.txt", b"cat\n\ndog\n", "line 2 is empty");
    labels("binary.txt", b"cat\n\xFF\xFE\n", "not UTF-8");
    refuse(
        "classify",
        &[PHOTO, "--model", "small_resnet", "--labels", &folder.path("no.txt")],
        &["no.txt: no such file"],
    );
}

#[test]
fn unknown_adapters_are_answered_with_those_there_are() {
    let texts = ["no adapter is named \"Voodoo 2\"", "there are: 0: "];
    refuse("atrous", &["info", "--adapter", "Voodoo 2"], &texts);
    refuse("atrous", &["plan", "small_resnet", "--adapter", "Voodoo 2"], &texts);
    refuse("classify", &[PHOTO, "--adapter", "Voodoo 2"], &texts);
    refuse("classify", &[PHOTO, "--adapter", "999"], &["no adapter is at index 999"]);
}

#[test]
fn command_lines_without_meaning_are_refused() {
    assert!(!run("atrous", &[]).success);
    refuse("atrous", &["sumary", "resnet18"], &["sumary", "summary"]);
    refuse("atrous", &["summary"], &["<MODEL>"]);
    refuse("atrous", &["plan", "resnet18", "--limits", "none"], &["--limits", "webgpu"]);
    refuse("segment", &[PHOTO, "--colour"], &["--colour"]);
}
