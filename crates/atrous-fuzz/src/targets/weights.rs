//! Weights files.

use atrous_io::{Dtype, WeightFile, Weights, save_parameters, save_tensors, tensors_to_bytes};
use atrous_nn::Init;

use super::network::model;
use crate::format::with_checksum;
use crate::message::{must_be_text, text};
use crate::target::Place;

/// Files as other programs write them: all element types, without a checksum.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let types = [
        ("F32", 4),
        ("F16", 2),
        ("BF16", 2),
        ("I64", 8),
        ("I32", 4),
        ("U8", 1),
        ("BOOL", 1),
        ("F64", 8),
        ("F8_E4M3", 1),
    ];
    let (mut header, mut begin) = (r#"{"__metadata__":{"format":"pt","by":"a \"quoted\" name"}"#.to_owned(), 0);
    for (dtype, size) in types {
        let end = begin + 6 * size;
        header += &format!(r#","layer.{dtype}":{{"dtype":"{dtype}","shape":[2,3],"data_offsets":[{begin},{end}]}}"#);
        begin = end;
    }
    header += &format!(r#","scalar":{{"dtype":"F32","shape":[],"data_offsets":[{begin},{}]}}"#, begin + 4);
    header += &format!(r#","none":{{"dtype":"F32","shape":[0,7],"data_offsets":[{0},{0}]}}}}"#, begin + 4);
    let data: Vec<u8> = (0..begin + 4).map(|i| (i * 37) as u8).collect();
    let bits: Vec<u8> =
        parameters().iter().flat_map(|(_, _, values)| values.iter().flat_map(|v| v.to_le_bytes())).collect();
    let (mut whole, mut at) = (String::new(), 0);
    for (name, shape, values) in parameters() {
        let end = at + 4 * values.len();
        let before = if whole.is_empty() { '{' } else { ',' };
        whole += &format!(
            "{before}\"{name}\": {{\"shape\": {shape:?}, \"dtype\": \"F32\", \"data_offsets\": [{at}, {end}]}}"
        );
        at = end;
    }
    vec![
        with_checksum(header.as_bytes(), &data),
        with_checksum((whole + "}  ").as_bytes(), &bits),
        with_checksum(b"{}", b""),
    ]
}

/// Files of `atrous-io`, with a checksum.
pub(super) fn own_seeds() -> Vec<Vec<u8>> {
    let few =
        [("a".to_owned(), vec![2, 2], vec![1.0, -0.0, f32::NAN, f32::INFINITY]), ("größe".to_owned(), vec![0], vec![])];
    [&parameters()[..], &few].map(|tensors| tensors_to_bytes(tensors).expect("the tensors can be stored")).to_vec()
}

/// The first values of the small network.
pub(super) fn parameters() -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let (model, mut all) = (model(), Vec::new());
    let init = Init::new(&model, 1);
    for spec in &model.parameters {
        all.push((spec.name.clone(), spec.shape.clone(), init.values(&spec.name).expect("a parameter")));
    }
    all
}

pub(super) fn read(place: &Place) -> Result<(), String> {
    let (file, memory) = (WeightFile::open(place.path), WeightFile::from_bytes(place.bytes.to_vec()));
    assert_eq!(file.is_ok(), memory.is_ok(), "a file and its bytes differ");
    let file = file.map_err(text)?;
    let mut kept = Vec::new();
    for name in file.names() {
        let tensor = file.tensor(name).expect("a tensor that the file lists");
        let (floats, integers) = (tensor.to_f32(), tensor.to_i64());
        assert!(floats.is_none() || integers.is_none());
        if tensor.dtype == Dtype::F32 {
            kept.push((name.to_owned(), tensor.shape.to_vec(), floats.expect("F32 are floats")));
        }
    }
    saved_again(place, &kept);
    let model = model();
    let weights = Weights::from(place.path);
    for weights in [weights.clone(), weights.clone().allow_non_finite(), weights.clone().partial("", 1)] {
        if let Err(error) = weights.with(&model, |source| save_parameters(place.folder.join("bound"), &model, source)) {
            must_be_text(&error);
        }
    }
    match weights.mismatch(&model) {
        Ok(mismatch) if mismatch.is_empty() => {}
        Ok(mismatch) => must_be_text(&mismatch),
        Err(error) => panic!("a file that was read cannot be compared: {error}"),
    }
    Ok(())
}

/// Tensors that were read are read again from the file that they are saved in.
fn saved_again(place: &Place, tensors: &[(String, Vec<usize>, Vec<f32>)]) {
    let again = place.folder.join("again.safetensors");
    save_tensors(&again, tensors).expect("what was read can be saved");
    let file = WeightFile::open(&again).expect("what was saved can be read");
    assert!(file.has_checksum() && file.names().eq(tensors.iter().map(|(name, ..)| name)), "other names");
    for (name, shape, values) in tensors {
        let tensor = file.tensor(name).expect("a tensor that was saved");
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!((tensor.shape, bits(&tensor.to_f32().expect("floats"))), (&shape[..], bits(values)), "{name}");
    }
}
