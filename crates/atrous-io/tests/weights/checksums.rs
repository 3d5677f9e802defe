//! Files that were written here and are no longer what they were.

use atrous_io::{FormatError, WeightFile, WeightsError, save_tensors, tensors_to_bytes};
use proptest::prelude::*;

use crate::support::on_disk;

/// A file of a few hundred bytes.
fn tiny() -> Vec<u8> {
    let tensors = [("a\"b\\".to_owned(), vec![2, 2], vec![1.0, -2.0, 0.0, 3.5]), ("c".to_owned(), vec![], vec![0.25])];
    tensors_to_bytes(&tensors).unwrap()
}

fn problem(bytes: Vec<u8>) -> FormatError {
    match WeightFile::from_bytes(bytes) {
        Err(WeightsError::Format { problem, .. }) => problem,
        other => panic!("expected a format error, got {other:?}"),
    }
}

#[test]
fn every_other_value_of_every_byte_is_refused() {
    let whole = tiny();
    assert!(WeightFile::from_bytes(whole.clone()).unwrap().has_checksum());
    for at in 0..whole.len() {
        for change in 1..=255 {
            let mut bytes = whole.clone();
            bytes[at] ^= change;
            assert!(WeightFile::from_bytes(bytes).is_err(), "byte {at} as {}", whole[at] ^ change);
        }
    }
}

#[test]
fn missing_added_and_moved_bytes_are_refused() {
    let whole = tiny();
    for len in 0..whole.len() {
        problem(whole[..len].to_vec());
        let mut removed = whole.clone();
        removed.remove(len);
        problem(removed);
        for added in [0, b' ', b'0', 255] {
            let mut bytes = whole.clone();
            bytes.insert(len, added);
            problem(bytes);
        }
    }
    problem([&whole[..], &[0]].concat());
    // Two tensors' values in each other's place.
    let mut swapped = whole.clone();
    let data = whole.len() - 20;
    swapped.copy_within(data..data + 4, data + 16);
    assert!(matches!(problem(swapped), FormatError::Checksum { .. }));
}

#[test]
fn the_error_names_the_file_and_both_checksums() {
    let mut bytes = tiny();
    *bytes.last_mut().unwrap() ^= 1;
    let FormatError::Checksum { stated, found } = problem(bytes.clone()) else { panic!("a checksum") };
    assert!(stated.len() == 8 && found.len() == 8 && stated != found, "{stated} {found}");
    let (_folder, path) = on_disk(&bytes);
    let text = WeightFile::open(&path).unwrap_err().to_string();
    let want = format!("its checksum is {found}, when it was written it was {stated}: it is damaged");
    assert!(text.contains(&want) && text.contains("weights.safetensors"), "{text}");
}

#[test]
fn a_checksum_that_is_called_otherwise_is_missed() {
    let text = String::from_utf8_lossy(&tiny()).into_owned();
    assert!(text.contains(r#"{"__metadata__":{"atrous.checksum":""#), "{text}");
    let mut bytes = tiny();
    let at = text.find("atrous.checksum").unwrap();
    bytes[at] = b'b';
    assert_eq!(problem(bytes), FormatError::NoChecksum);
}

/// The reference implementation reads them, and files that it writes have no checksum.
#[test]
fn files_of_other_programs_need_none() {
    let whole = tiny();
    let reference = safetensors::SafeTensors::deserialize(&whole).unwrap();
    let tensors: Vec<_> = reference.tensors();
    let written = safetensors::serialize(tensors.iter().map(|(name, view)| (name, view)), None).unwrap();
    let read = WeightFile::from_bytes(written).unwrap();
    assert!(!read.has_checksum());
    assert_eq!(read.tensor("c").and_then(|tensor| tensor.to_f32()), Some(vec![0.25]));
}

#[test]
fn the_same_tensors_are_the_same_bytes_on_disk_and_in_memory() {
    let tensors = [("w".to_owned(), vec![40_000], (0..40_000).map(|i| i as f32).collect::<Vec<f32>>())];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    save_tensors(&path, &tensors).unwrap();
    assert!(std::fs::read(&path).unwrap() == tensors_to_bytes(&tensors).unwrap());
    assert!(WeightFile::open(&path).unwrap().has_checksum());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn damaged_bytes_of_a_larger_file_are_refused(
        places in proptest::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let tensor = |i: usize| (format!("layer{i}.weight"), vec![i, 7], vec![i as f32 / 3.0; 7 * i]);
        let whole = tensors_to_bytes(&(1..20).map(tensor).collect::<Vec<_>>()).unwrap();
        let mut bytes = whole.clone();
        for (at, change) in places {
            bytes[at.index(whole.len())] ^= change;
        }
        bytes.truncate(cut.map_or(whole.len(), |cut| cut.index(whole.len())));
        prop_assume!(bytes != whole);
        prop_assert!(WeightFile::from_bytes(bytes).is_err());
    }
}
