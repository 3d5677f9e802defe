use std::collections::HashMap;

use atrous_golden::fill::{Fill, FillSource};
use atrous_graph::ParameterSource;
use atrous_io::{SaveError, WeightFile, save_parameters, save_tensors};

use crate::support::model;

#[test]
fn saved_parameters_are_read_back_bit_by_bit() {
    let model = model();
    let source = FillSource::new(&model, "small/", 1.5);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    save_parameters(&path, &model, &source).unwrap();

    let file = WeightFile::open(&path).unwrap();
    let bound = file.bind(&model).unwrap();
    for spec in &model.parameters {
        let filled = Fill::of(spec.kind, 1.5).values(&format!("small/{}", spec.name), spec.len());
        assert_eq!(file.tensor(&spec.name).unwrap().to_f32().unwrap(), filled, "{} as stored", spec.name);
        let ty = model.graph.node(spec.node).ty;
        let (mut a, mut b) = (vec![1.0; ty.padded_len()], vec![2.0; ty.padded_len()]);
        source.write(&spec.name, ty, &mut a).unwrap();
        bound.write(&spec.name, ty, &mut b).unwrap();
        assert_eq!(a, b, "{} on the device", spec.name);
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["w.safetensors"], "no temporary file is left");
}

#[test]
fn files_follow_the_reference_implementation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let tensors = [("b".to_owned(), vec![2, 1], vec![1.0, -2.0]), ("a".to_owned(), vec![], vec![0.5])];
    save_tensors(&path, &tensors).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let reference = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(reference.tensor("b").unwrap().shape(), [2, 1]);
    assert_eq!(reference.tensor("a").unwrap().data(), 0.5f32.to_le_bytes());
    assert_eq!((bytes.len() - 12) % 8, 0, "the data are aligned");
}

#[test]
fn a_failed_save_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    std::fs::write(&path, b"old").unwrap();
    let model = model();
    let nothing: HashMap<String, Vec<f32>> = HashMap::new();
    let failed = save_parameters(&path, &model, &nothing).unwrap_err();
    assert!(matches!(failed, SaveError::Source(_)) && failed.to_string().contains("conv.weight"), "{failed}");
    let tensors = [("a".to_owned(), vec![3], vec![0.5])];
    assert!(matches!(save_tensors(&path, &tensors), Err(SaveError::Tensor { .. })));
    let twice = [("a".to_owned(), vec![], vec![0.5]), ("a".to_owned(), vec![], vec![0.5])];
    assert!(matches!(save_tensors(&path, &twice), Err(SaveError::Tensor { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    let nowhere = folder.path().join("missing/w.safetensors");
    assert!(matches!(save_tensors(&nowhere, &[]), Err(SaveError::Io { .. })));
}
