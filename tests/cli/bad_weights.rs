//! Weight files that are damaged, lie, or belong to another network.

use super::support::{Folder, refuse};

const PHOTO: &str = "examples/photos/flower.png";

/// A file with this header and this many bytes of data.
fn safetensors(header: &str, data: usize) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.resize(file.len() + data, 0);
    file
}

fn refused(folder: &Folder, content: &[u8], texts: &[&str]) {
    let path = folder.file("w.safetensors", content);
    refuse("classify", &[PHOTO, "--model", "resnet18", "--weights", &path], texts);
}

fn tensor(name: &str, dtype: &str, shape: &str, begin: u64, end: u64) -> String {
    format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{begin},{end}]}}"#)
}

#[test]
fn files_that_break_the_format_are_refused() {
    let folder = Folder::new("weights-format");
    refused(&folder, b"", &["w.safetensors is not a valid safetensors file", "0 bytes"]);
    refused(&folder, b"neither header nor data", &["not a valid safetensors file", "header claims"]);
    refused(&folder, &[0xFF; 64], &["header claims 18446744073709551615 bytes"]);
    refused(&folder, &safetensors("{not json", 0), &["header is malformed"]);

    let one = |tensor: &str| format!("{{{tensor}}}");
    let outside = one(&tensor("fc.bias", "F32", "[1000]", 0, 4000));
    refused(
        &folder,
        &safetensors(&outside, 100),
        &["announces 4000 bytes of tensors (\"fc.bias\"", "the file has 100"],
    );
    let small = one(&tensor("fc.bias", "F32", "[1000]", 0, 8));
    refused(&folder, &safetensors(&small, 8), &["\"fc.bias\"", "needs 4000 bytes", "has 8 bytes"]);
    let huge = one(&tensor("fc.bias", "F32", "[4294967296,4294967296,16]", 0, 8));
    refused(&folder, &safetensors(&huge, 8), &["\"fc.bias\"", "more than 2^64 bits"]);
    let reversed = one(&tensor("fc.bias", "F32", "[2]", 8, 0));
    refused(&folder, &safetensors(&reversed, 8), &["end before they begin"]);
    let strange = one(&tensor("fc.bias", "F33", "[2]", 0, 8));
    refused(&folder, &safetensors(&strange, 8), &["unknown element type \"F33\""]);
    let overlap = format!("{{{},{}}}", tensor("a", "F32", "[2]", 0, 8), tensor("b", "F32", "[2]", 4, 12));
    refused(&folder, &safetensors(&overlap, 12), &["\"a\" and \"b\" overlap at byte 4"]);
}

#[test]
fn weights_of_another_network_are_listed() {
    let folder = Folder::new("weights-mismatch");
    let [bn, fc, odd] = [
        tensor("bn1.weight", "I64", "[64]", 0, 512),
        tensor("fc.bias", "F32", "[10]", 512, 552),
        tensor("head.bias", "F32", "[1]", 552, 556),
    ];
    let texts = [
        "the weights do not fit resnet18, which has 1000 classes, they are of 10 (take `with_classes(10)`",
        "`--classes 10`",
        "missing: conv1.weight",
        "missing: and 92 more",
        "unexpected: head.bias",
        "shape: fc.bias needs [1000], got [10]",
        "element type: bn1.weight needs F32, F16 or BF16, got I64",
    ];
    refused(&folder, &safetensors(&format!("{{{bn},{fc},{odd}}}"), 556), &texts);
    let grey = tensor("conv1.weight", "F32", "[64,1,7,7]", 0, 12544);
    let texts = ["shape: conv1.weight needs [64, 3, 7, 7], got [64, 1, 7, 7]"];
    refused(&folder, &safetensors(&format!("{{{grey}}}"), 12544), &texts);
}

#[test]
fn files_that_cannot_be_read_are_refused() {
    let folder = Folder::new("weights-missing");
    let path = folder.path("none.safetensors");
    refuse("classify", &[PHOTO, "--weights", &path], &["cannot read", "none.safetensors"]);
    refuse("classify", &[PHOTO, "--weights", "examples/photos"], &["examples/photos: it is a folder, not a file"]);
    let run = folder.file("best.safetensors", b"").replace("best.safetensors", "");
    refuse(
        "classify",
        &[PHOTO, "--weights", &run],
        &["it is the folder of a training: take the file best.safetensors"],
    );
}
