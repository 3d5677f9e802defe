//! Softmax, best classes and labels.

use crate::support::empty_folder;
use atrous_vision::{Error, Prediction, classify, parse_labels, read_labels, softmax, top_k};

#[test]
fn softmax_of_known_logits() {
    let got = softmax(&[1.0, 3.0, 2.0, 3.0, -1.0]).unwrap();
    let want =
        [0.053671883236681636, 0.3965845561710961, 0.14589530490144734, 0.3965845561710961, 0.007263699519678713];
    for (got, want) in got.iter().zip(want) {
        assert!((got - want).abs() < 1e-15, "{got} {want}");
    }
}

#[test]
fn softmax_is_safe_for_large_logits() {
    assert_eq!(softmax(&[3e38, 3e38, -3e38]).unwrap(), [0.5, 0.5, 0.0]);
    assert_eq!(softmax(&[-3e38, f32::NEG_INFINITY]).unwrap(), [1.0, 0.0]);
    assert_eq!(softmax(&[]).unwrap(), [0.0; 0]);
}

#[test]
fn softmax_refuses_what_has_no_probabilities() {
    for (logits, index) in
        [([0.0, f32::NAN], 1), ([f32::INFINITY, 0.0], 0), ([f32::NEG_INFINITY; 2], 0), ([f32::NAN; 2], 0)]
    {
        match softmax(&logits).unwrap_err() {
            Error::NotFinite { what: "softmax", index: found, .. } => assert_eq!(found, index),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn top_k_is_sorted_and_stable() {
    let values = [0.0, 5.0, -0.0, 5.0, 9.0, f32::NEG_INFINITY];
    assert_eq!(top_k(&values, 6).unwrap(), [4, 1, 3, 0, 2, 5]);
    assert_eq!(top_k(&values, 2).unwrap(), [4, 1]);
}

#[test]
fn bad_k() {
    for k in [0, 4] {
        let error = top_k(&[1.0, 2.0, 3.0], k).unwrap_err();
        assert_eq!(error.to_string(), format!("top k: k must lie between 1 and the 3 classes, got {k}"));
    }
    assert!(matches!(top_k(&[0.0, f32::NAN], 1), Err(Error::NotFinite { index: 1, .. })));
}

#[test]
fn classify_gives_logits_and_probabilities() {
    let best = classify(&[0.0, 2.0, 2.0], 2).unwrap();
    let probability = 1.0 / (2.0 + (-2.0f64).exp());
    let want = [1, 2].map(|class| Prediction { class, logit: 2.0, probability });
    assert_eq!(best, want);
    assert!(classify(&[0.0], 2).is_err());
}

#[test]
fn labels_one_a_line() {
    let read = |text: &str| parse_labels("labels.txt", text.as_bytes(), 3).unwrap();
    assert_eq!(read("a\u{1b}[31mX\nb\nc\u{202e}"), [r"a\u{1b}[31mX", "b", r"c\u{202e}"]);
    let want = ["tench", "goldfish, Carassius", "größe"];
    assert_eq!(read("tench\ngoldfish, Carassius\ngröße"), want);
    assert_eq!(read("\u{feff}tench\r\n goldfish, Carassius\r\ngröße\r\n\r\n"), want);
    let path = empty_folder("labels").join("labels.txt");
    std::fs::write(&path, "a\nb\n").unwrap();
    assert_eq!(read_labels(&path, 2).unwrap(), ["a", "b"]);
}

#[test]
fn bad_labels() {
    let parse = |text: &[u8]| parse_labels("labels.txt", text, 3).unwrap_err().to_string();
    assert_eq!(parse(b"a\nb\n"), "labels.txt: 2 labels for a network of 3 classes");
    assert_eq!(parse(b""), "labels.txt: 0 labels for a network of 3 classes");
    assert_eq!(parse(b"a\n\nb"), "labels.txt: line 2 is empty, every class needs a label");
    assert_eq!(parse(b"a\nb\xff\nc"), "labels.txt: not UTF-8 text, at byte 3");
    let error = read_labels("no/labels.txt", 3).unwrap_err();
    assert_eq!(error.to_string(), "no/labels.txt: no such file");
}
