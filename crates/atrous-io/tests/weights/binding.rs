use atrous_graph::{ParameterSource, TensorType};
use atrous_io::{Dtype, Mismatch, Shapes, WeightFile, Weights, WeightsError, tensors_to_bytes};

use crate::support::{Tensor, counting, file, model, on_disk};

fn mismatch(tensors: &[Tensor]) -> Mismatch {
    let (_folder, path) = on_disk(&file(tensors));
    match WeightFile::open(&path).unwrap().bind(&model()) {
        Err(WeightsError::Mismatch { mismatch, .. }) => *mismatch,
        other => panic!("expected a mismatch, got {other:?}"),
    }
}

fn read(tensors: &[Tensor], name: &str) -> Vec<f32> {
    let (_folder, path) = on_disk(&file(tensors));
    let (weights, model) = (WeightFile::open(&path).unwrap(), model());
    let bound = weights.bind(&model).unwrap();
    let ty = model.graph.node(model.parameter(name).unwrap().node).ty;
    let mut device = vec![f32::NAN; ty.padded_len()];
    bound.write(name, ty, &mut device).unwrap();
    assert!(device.iter().all(|v| v.is_finite()), "padding is written");
    ty.unpack(&device)
}

#[test]
fn values_arrive_transposed() {
    let tensors = [counting("conv.weight", &[5, 3, 3, 2]), counting("conv.bias", &[5])];
    assert_eq!(read(&tensors, "conv.bias"), [0.0, 1.0, 2.0, 3.0, 4.0]);
    let weight = read(&tensors, "conv.weight");
    // Element (ky, kx, i, o) of the graph is (o, i, ky, kx) of the file.
    for (ky, kx, i, o) in [(0, 0, 0, 0), (2, 1, 2, 4), (1, 0, 2, 3), (0, 1, 1, 2)] {
        let (graph, stored) = (((ky * 2 + kx) * 3 + i) * 5 + o, ((o * 3 + i) * 3 + ky) * 2 + kx);
        assert_eq!(weight[graph], stored as f32, "element ({ky}, {kx}, {i}, {o})");
    }
}

#[test]
fn bytes_in_memory_and_a_part_of_a_file_are_files() {
    let text = |tensors: &[Tensor]| WeightFile::from_bytes(file(tensors)).unwrap();
    let all = [
        counting("teacher.conv.weight", &[5, 3, 3, 2]),
        counting("teacher.conv.bias", &[5]),
        counting("student.conv.bias", &[4]),
    ];
    assert_eq!(text(&all).under("teacher.").names().collect::<Vec<_>>(), ["conv.weight", "conv.bias"]);
    let part = text(&all).under("teacher.");
    assert!(part.bind(&model()).is_ok() && part.tensor("student.conv.bias").is_none());
    assert_eq!(part.tensor("conv.bias").and_then(|t| t.to_f32()), Some(vec![0.0, 1.0, 2.0, 3.0, 4.0]));
    let error = text(&all).under("student.").bind(&model()).unwrap_err().to_string();
    assert!(error.contains("missing: conv.weight") && error.contains("conv.bias needs [5], got [4]"), "{error}");
    let made = tensors_to_bytes(&[("conv.bias".to_owned(), vec![5], vec![2.5; 5])]).unwrap();
    let made = WeightFile::from_bytes(made).unwrap();
    assert_eq!(made.tensor("conv.bias").and_then(|t| t.to_f32()), Some(vec![2.5; 5]));
    let error = tensors_to_bytes(&[("conv.bias".to_owned(), vec![5], vec![2.5; 4])]).unwrap_err().to_string();
    assert_eq!(error, "tensor \"conv.bias\" cannot be stored: its shape is [5], it has 4 values");
    let error = WeightFile::from_bytes(vec![1, 2, 3]).unwrap_err().to_string();
    assert!(error.starts_with("weights in memory is not a valid safetensors file: it has 3 bytes"), "{error}");
}

#[test]
fn half_precision_is_converted() {
    // 0, 1, -2, 0.5, 65504 in binary16 and 0, 1, -2, 0.5, 2^100 in bfloat16.
    let half = [0u16, 0x3c00, 0xc000, 0x3800, 0x7bff].iter().flat_map(|v| v.to_le_bytes()).collect();
    let brain = [0u16, 0x3f80, 0xc000, 0x3f00, 0x7180].iter().flat_map(|v| v.to_le_bytes()).collect();
    let weight = counting("conv.weight", &[5, 3, 3, 2]);
    let tensors = [weight.clone(), ("conv.bias", "F16", vec![5], half)];
    assert_eq!(read(&tensors, "conv.bias"), [0.0, 1.0, -2.0, 0.5, 65504.0]);
    let tensors = [weight, ("conv.bias", "BF16", vec![5], brain)];
    assert_eq!(read(&tensors, "conv.bias"), [0.0, 1.0, -2.0, 0.5, 2f32.powi(100)]);
}

#[test]
fn unused_tensors_may_be_there() {
    let counter = ("bn.num_batches_tracked", "I64", vec![], vec![0; 8]);
    let tensors = [counter, counting("conv.weight", &[5, 3, 3, 2]), counting("conv.bias", &[5])];
    assert_eq!(read(&tensors, "conv.bias").len(), 5);
}

#[test]
fn everything_that_does_not_fit_is_reported_at_once() {
    let extra = counting("fc.weight", &[1, 1]);
    let found = mismatch(&[counting("conv.weight", &[5, 3, 2, 3]), extra.clone(), counting("head", &[2])]);
    let shapes = vec![Shapes { name: "conv.weight".to_owned(), needs: vec![5, 3, 3, 2], got: vec![5, 3, 2, 3] }];
    let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let (missing, unexpected) = (names(&["conv.bias"]), names(&["fc.weight", "head"]));
    assert_eq!(found, Mismatch { missing, unexpected, shapes, dtypes: vec![] });
    let text = found.to_string();
    for part in [
        "1 missing, 2 unexpected, 1 of another shape",
        "missing: conv.bias",
        "unexpected: fc.weight",
        "conv.weight needs [5, 3, 3, 2], got [5, 3, 2, 3]",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
}

#[test]
fn long_lists_are_cut() {
    let names: Vec<String> = (0..120).map(|i| format!("layer{i}.weight")).collect();
    let text = Mismatch { missing: names.clone(), ..Mismatch::default() }.to_string();
    assert!(text.starts_with("120 missing\n  missing: layer0.weight\n"), "{text}");
    assert!(text.ends_with("\n  missing: layer7.weight\n  missing: and 112 more"), "{text}");
    let few = Mismatch { unexpected: names[..8].to_vec(), ..Mismatch::default() }.to_string();
    assert!(few.ends_with("unexpected: layer7.weight"), "{few}");
}

#[test]
fn another_number_of_classes_is_told() {
    let message = |bias: &[usize], weight: &[usize]| {
        let (_folder, path) = on_disk(&file(&[counting("conv.weight", weight), counting("conv.bias", bias)]));
        let error = WeightFile::open(&path).unwrap().bind(&model()).unwrap_err().to_string();
        error.strip_prefix(&format!("{}: ", path.display())).expect("the file is named").to_owned()
    };
    let seven = message(&[7], &[7, 3, 3, 2]);
    let text = "the weights do not fit small, which has 5 classes, they are of 7 (take `with_classes(7)`";
    assert!(seven.starts_with(text), "{seven}");
    for other in [message(&[7], &[7, 3, 2, 3]), message(&[7], &[8, 3, 3, 2]), message(&[5], &[5, 3, 3, 9])] {
        assert!(other.starts_with("the weights do not fit small: "), "{other}");
    }
}

#[test]
fn folders_are_told_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let [file, run] = ["file", "run"].map(|name| folder.path().join(name));
    let error = |weights: Weights| weights.with(&model(), |_| ()).unwrap_err().to_string();
    assert!(error(Weights::Run(run.clone())).ends_with("run: there is no such folder"));
    std::fs::create_dir(&run).unwrap();
    let lacks = "run: no training has left best.safetensors or last.checkpoint there";
    assert!(error(Weights::Run(run.clone())).ends_with(lacks));
    assert!(error(Weights::File(run.clone())).ends_with("run: it is a folder, not a file"));
    std::fs::write(run.join("last.checkpoint"), "").unwrap();
    let training = "run: it is the folder of a training: take `Weights::Run`";
    assert!(error(Weights::File(run.clone())).ends_with(training));
    std::fs::write(run.join("best.safetensors"), "").unwrap();
    let training = "run: it is the folder of a training: take the file best.safetensors in it, or `Weights::Run`";
    assert!(error(Weights::File(run)).ends_with(training));
    std::fs::write(&file, "").unwrap();
    assert!(error(Weights::Run(file)).ends_with("file: it is a file, not the folder of a training"));
}

#[test]
fn a_wrong_element_type_is_an_error() {
    let ints = ("conv.bias", "I32", vec![5], vec![0; 20]);
    let found = mismatch(&[counting("conv.weight", &[5, 3, 3, 2]), ints]);
    assert_eq!(found.dtypes, [("conv.bias".to_owned(), Dtype::I32)]);
    assert!(found.to_string().contains("conv.bias needs F32, F16 or BF16, got I32"));
}

#[test]
fn a_parameter_of_another_model_is_an_error_when_written() {
    let (_folder, path) = on_disk(&file(&[counting("conv.weight", &[5, 3, 3, 2]), counting("conv.bias", &[5])]));
    let (weights, model) = (WeightFile::open(&path).unwrap(), model());
    let bound = weights.bind(&model).unwrap();
    let ty = TensorType::image(atrous_graph::Shape::channels(6));
    let wrong_size = bound.write("conv.bias", ty, &mut vec![0.0; ty.padded_len()]).unwrap_err();
    assert!(wrong_size.to_string().contains("5 values"), "{wrong_size}");
    assert!(bound.write("other", ty, &mut vec![0.0; ty.padded_len()]).is_err());
}

#[test]
fn tensors_can_be_read_by_name() {
    let bytes = vec![1, 0, 0, 0, 255, 255, 255, 255];
    let (_folder, path) = on_disk(&file(&[("i", "I32", vec![2], bytes), counting("f", &[2, 2])]));
    let weights = WeightFile::open(&path).unwrap();
    assert_eq!(weights.names().collect::<Vec<_>>(), ["i", "f"]);
    assert_eq!(weights.tensor("i").unwrap().to_i64().unwrap(), [1, -1]);
    assert!(weights.tensor("i").unwrap().to_f32().is_none());
    let f = weights.tensor("f").unwrap();
    assert_eq!((f.shape, f.to_f32().unwrap()), (&[2, 2][..], vec![0.0, 1.0, 2.0, 3.0]));
    assert!(weights.tensor("g").is_none());
}
