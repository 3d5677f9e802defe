use atrous_io::{Dtype, FormatError, MAX_HEADER, WeightFile, WeightsError};
use proptest::prelude::*;

use crate::support::{counting, file, model, on_disk, raw};

/// What is wrong with a file, the same on disk and in memory.
fn problem(bytes: &[u8]) -> FormatError {
    let (_folder, path) = on_disk(bytes);
    let found = problem_of(WeightFile::open(&path));
    assert_eq!(found, problem_of(WeightFile::from_bytes(bytes.to_vec())));
    found
}

fn problem_of(file: Result<WeightFile, WeightsError>) -> FormatError {
    match file {
        Err(WeightsError::Format { problem, .. }) => problem,
        Err(other) => panic!("expected a format error, got {other}"),
        Ok(_) => panic!("expected a format error, the file was accepted"),
    }
}

/// A header with one tensor `a` with these fields.
fn one(dtype: &str, shape: &str, offsets: &str) -> String {
    format!(r#"{{"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#)
}

#[test]
fn no_file_and_no_bytes() {
    let missing = WeightFile::open("/nonexistent/weights.safetensors").unwrap_err();
    assert!(matches!(missing, WeightsError::Io { .. }), "{missing}");
    assert_eq!(problem(b""), FormatError::TooShort { len: 0 });
    assert_eq!(problem(b"1234567"), FormatError::TooShort { len: 7 });
}

#[test]
fn headers_larger_than_the_file_or_the_limit() {
    assert_eq!(
        problem(&[&1000u64.to_le_bytes()[..], b"{}"].concat()),
        FormatError::HeaderOutside { len: 1000, available: 2 }
    );
    for len in [MAX_HEADER + 1, u64::MAX] {
        let found = problem(&[&len.to_le_bytes()[..], b"{}"].concat());
        assert_eq!(found, FormatError::HeaderTooLarge { len, max: MAX_HEADER });
    }
    // A JPEG's first eight bytes read as a length.
    assert!(matches!(problem(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"), FormatError::HeaderTooLarge { .. }));
}

#[test]
fn headers_that_are_no_json_objects_of_tensors() {
    let long = "[".repeat(100_000);
    for text in [
        "",
        "{",
        "[]",
        "null",
        "3",
        "\u{0}",
        long.as_str(),
        r#"{"a":1}"#,
        r#"{"a":{"dtype":"F32","shape":[1]}}"#,
        r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#,
        r#"{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}"#,
        r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}"#,
        r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"extra":1}}"#,
        r#"{"__metadata__":{"epoch":3}}"#,
    ] {
        let found = problem(&raw(text, &[0; 4]));
        assert!(matches!(found, FormatError::Header(_)), "{text:.60}: {found}");
    }
    let mut not_utf8 = raw("{}", &[]);
    not_utf8[9] = 0xff;
    assert!(matches!(problem(&not_utf8), FormatError::Header(_)));
}

#[test]
fn names_listed_twice() {
    let tensor = r#"{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;
    let twice = raw(&format!(r#"{{"a":{tensor},"b":{tensor},"a":{tensor}}}"#), &[0; 4]);
    assert_eq!(problem(&twice), FormatError::Duplicate { name: "a".to_owned() });
    let metadata = raw(r#"{"__metadata__":{},"__metadata__":{}}"#, &[]);
    assert_eq!(problem(&metadata), FormatError::Duplicate { name: "__metadata__".to_owned() });
}

#[test]
fn element_types_outside_the_format() {
    let found = problem(&raw(&one("F13", "[1]", "[0,4]"), &[0; 4]));
    assert_eq!(found, FormatError::UnknownDtype { name: "a".to_owned(), dtype: "F13".to_owned() });
}

#[test]
fn ranges_that_lie() {
    let name = || "a".to_owned();
    let of = |shape: &str, offsets: &str| problem(&raw(&one("F32", shape, offsets), &[0; 8]));
    assert_eq!(of("[2]", "[8,0]"), FormatError::Reversed { name: name(), begin: 8, end: 0 });
    let outside = |begin, end| FormatError::Outside { name: name(), begin, end, available: 8 };
    assert_eq!(of("[3]", "[0,12]"), outside(0, 12));
    assert_eq!(of("[2]", "[4,12]"), outside(4, 12));
    let far = u64::MAX - 8;
    assert_eq!(of("[2]", &format!("[{far},{}]", u64::MAX)), outside(far, u64::MAX));
    let size = |shape: &[u64], needs: &str, got| FormatError::Size {
        name: name(),
        shape: shape.to_vec(),
        dtype: Dtype::F32,
        needs: needs.to_owned(),
        got,
    };
    assert_eq!(of("[3]", "[0,8]"), size(&[3], "12 bytes", 8));
    assert_eq!(of("[]", "[0,8]"), size(&[], "4 bytes", 8));
    let big = 1u64 << 40;
    assert_eq!(of(&format!("[{big},{big}]"), "[0,8]"), size(&[big, big], "more than 2^64 bits", 8));
    // 2^59 · 2^5 bits wrap to zero; a range of 2^61 bytes has 2^64 bits.
    assert_eq!(of(&format!("[{}]", 1u64 << 59), "[0,0]"), size(&[1 << 59], "more than 2^64 bits", 0));
    assert!(matches!(of(&format!("[{}]", 1u64 << 59), &format!("[0,{}]", 1u64 << 61)), FormatError::Size { .. }));
}

#[test]
fn tensors_that_overlap_or_leave_holes() {
    let two = |a: &str, b: &str, bytes: usize| {
        let tensor = |offsets: &str| format!(r#"{{"dtype":"U8","shape":[4],"data_offsets":{offsets}}}"#);
        problem(&raw(&format!(r#"{{"a":{},"b":{}}}"#, tensor(a), tensor(b)), &vec![0; bytes]))
    };
    let overlap = FormatError::Overlap { first: "a".to_owned(), second: "b".to_owned(), at: 2 };
    assert_eq!(two("[0,4]", "[2,6]", 6), overlap);
    assert!(matches!(two("[0,4]", "[0,4]", 4), FormatError::Overlap { at: 0, .. }));
    assert_eq!(two("[0,4]", "[5,9]", 9), FormatError::Hole { begin: 4, end: 5 });
    assert_eq!(two("[1,5]", "[5,9]", 9), FormatError::Hole { begin: 0, end: 1 });
    assert_eq!(two("[4,8]", "[0,4]", 10), FormatError::Hole { begin: 8, end: 10 });
    assert_eq!(problem(&raw("{}", &[0; 3])), FormatError::Hole { begin: 0, end: 3 });
}

#[test]
fn a_truncated_file_is_an_error_at_every_length() {
    let whole = file(&[counting("conv.weight", &[5, 3, 3, 2]), counting("conv.bias", &[5])]);
    for len in 0..whole.len() {
        problem(&whole[..len]);
    }
}

#[test]
fn a_truncated_file_tells_its_whole_length() {
    let whole = file(&[counting("a", &[4]), counting("b", &[2]), counting("c", &[3])]);
    let found = problem(&whole[..whole.len() - 30]);
    assert_eq!(found, FormatError::Outside { name: "c".to_owned(), begin: 24, end: 36, available: 6 });
}

#[test]
fn messages_name_the_tensor_and_both_values() {
    let text = problem(&raw(&one("F32", "[3]", "[0,12]"), &[0; 8])).to_string();
    assert_eq!(
        text,
        "its header announces 12 bytes of tensors (\"a\" is 0..12), the file has 8 behind the header: it is truncated, or the header \
         is wrong"
    );
    let text = problem(&raw(&one("F16", "[2,3]", "[0,8]"), &[0; 8])).to_string();
    assert_eq!(text, "tensor \"a\" of [2, 3] F16 needs 12 bytes, its range has 8 bytes");
}

/// Opens a file, and where it is accepted reads and binds all of it. The result does not matter: nothing may panic.
fn use_all(bytes: &[u8]) {
    let (_folder, path) = on_disk(bytes);
    if let Ok(weights) = WeightFile::open(&path) {
        for name in weights.names() {
            let tensor = weights.tensor(name).unwrap();
            let _ = (tensor.to_f32(), tensor.to_i64());
        }
        let _ = weights.bind(&model()).map_err(|e| e.to_string());
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        use_all(&bytes);
    }

    #[test]
    fn random_headers_never_panic(
        tensors in proptest::collection::vec(
            (
                "[abc]",
                prop_oneof![Just("F32"), Just("F16"), Just("I64"), Just("BOOL"), Just("F4"), Just("X")],
                proptest::collection::vec(prop_oneof![0u64..5, any::<u64>()], 0..4),
                prop_oneof![0u64..40, any::<u64>()],
                prop_oneof![0u64..40, any::<u64>()],
            ),
            0..4,
        ),
        data in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let entries: Vec<String> = tensors.iter().map(|(name, dtype, shape, begin, end)| {
            format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{begin},{end}]}}"#)
        }).collect();
        use_all(&raw(&format!("{{{}}}", entries.join(",")), &data));
    }

    #[test]
    fn flipped_bytes_never_panic(at in 0usize..300, value in any::<u8>()) {
        let mut whole = file(&[counting("conv.weight", &[5, 3, 3, 2]), counting("conv.bias", &[5])]);
        let at = at % whole.len();
        whole[at] = value;
        use_all(&whole);
    }
}
