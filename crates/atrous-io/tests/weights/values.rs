//! Values that no network computes with.

use std::collections::HashMap;

use atrous_graph::{ParameterSource, Shape};
use atrous_io::{BadValues, NamedTensor, WeightFile, Weights, WeightsError, save_tensors};
use atrous_nn::zoo::SmallResNet;
use atrous_nn::{Init, Mode, Model, Network};

use crate::support::{Tensor, counting, file, model};

/// A network with batch normalisations, and its first values.
fn network() -> (Model, Vec<NamedTensor>) {
    let model = SmallResNet::default().build("small", Shape::new(1, 16, 16, 3), Mode::Inference).unwrap();
    let init = Init::new(&model, 1);
    let tensors = model.parameters.iter().map(|p| (p.name.clone(), p.shape.clone(), init.values(&p.name).unwrap()));
    let tensors = tensors.collect();
    (model, tensors)
}

fn bad(result: Result<impl Sized, WeightsError>) -> BadValues {
    match result {
        Err(WeightsError::Values { bad, .. }) => *bad,
        Err(other) => panic!("expected bad values, got {other}"),
        Ok(_) => panic!("bad values were taken"),
    }
}

/// Weights as a file, bytes, tensors, a run folder with weights, one with a checkpoint, and a part.
fn ways(tensors: &[NamedTensor], folder: &std::path::Path) -> Vec<Weights> {
    let [one, best, last] = ["w.safetensors", "run/best.safetensors", "begun/last.checkpoint"].map(|n| folder.join(n));
    for name in ["run", "begun"] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
    }
    let stored =
        tensors.iter().map(|(name, shape, values)| (format!("parameters/{name}"), shape.clone(), values.clone()));
    save_tensors(last, &stored.collect::<Vec<_>>()).unwrap();
    [&one, &best].iter().for_each(|path| save_tensors(path, tensors).unwrap());
    let whole = Weights::from(one.clone());
    vec![
        Weights::bytes(std::fs::read(one).unwrap()),
        Weights::tensors(tensors.iter().cloned()),
        Weights::Run(folder.join("run")),
        Weights::Run(folder.join("begun")),
        whole.clone().partial("", 3),
        whole,
    ]
}

#[test]
fn values_that_are_not_finite_are_refused_wherever_they_come_from() {
    let (model, good) = network();
    let folder = tempfile::tempdir().unwrap();
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut tensors = good.clone();
        let at = tensors.len() - 2;
        let values = &mut tensors[at].2;
        (values[7], values[9]) = (value, value);
        let name = &tensors[at].0;
        for weights in ways(&tensors, folder.path()) {
            let found = bad(weights.with(&model, |_| panic!("used")));
            assert_eq!((&found.name, found.count, found.first, found.negative), (name, 2, 7, false), "{weights:?}");
            assert_eq!((found.len, found.value.to_bits()), (values_of(&good, name).len(), value.to_bits()));
            let taken = weights.allow_non_finite().with(&model, |source| read(&model, source, name)).unwrap();
            assert_eq!(taken.iter().filter(|v| !v.is_finite()).count(), 2);
        }
    }
    for weights in ways(&good, folder.path()) {
        weights.with(&model, |_| ()).unwrap();
    }
}

fn values_of<'a>(tensors: &'a [NamedTensor], name: &str) -> &'a [f32] {
    &tensors.iter().find(|tensor| tensor.0 == name).unwrap().2
}

fn read(model: &Model, source: &dyn ParameterSource, name: &str) -> Vec<f32> {
    let ty = model.graph.node(model.parameter(name).unwrap().node).ty;
    let mut device = vec![0.0; ty.padded_len()];
    source.write(name, ty, &mut device).unwrap();
    ty.unpack(&device)
}

#[test]
fn only_running_variances_may_not_be_negative() {
    let (model, good) = network();
    let with = |end: &str, value: f32| {
        let mut tensors = good.clone();
        let tensor = tensors.iter_mut().find(|tensor| tensor.0.ends_with(end)).unwrap();
        tensor.2[3] = value;
        let name = tensor.0.clone();
        (name, Weights::tensors(tensors))
    };
    let (name, weights) = with("running_var", -1e-3);
    let found = bad(weights.with(&model, |_| ()));
    assert_eq!((found.name, found.negative, found.count, found.first, found.value), (name, true, 1, 3, -1e-3));
    for (end, value) in [("running_var", 0.0), ("running_var", -0.0), ("running_mean", -1.0), ("fc.weight", f32::MIN)] {
        with(end, value).1.with(&model, |_| ()).unwrap();
    }
    let (name, weights) = with("running_var", f32::NAN);
    let text = weights.with(&model, |_| ()).unwrap_err().to_string();
    assert!(text.contains(&name) && text.contains("allow_non_finite"), "{text}");
}

#[test]
fn half_precision_is_checked_too() {
    let weight = counting("conv.weight", &[5, 3, 3, 2]);
    let tensor = |dtype, bits: [u16; 5]| -> Tensor {
        ("conv.bias", dtype, vec![5], bits.iter().flat_map(|v| v.to_le_bytes()).collect())
    };
    let opened = |bias| WeightFile::from_bytes(file(&[weight.clone(), bias])).unwrap();
    for (dtype, infinity, nan, largest) in [("F16", 0xfc00, 0x7e01, 0x7bff), ("BF16", 0xff80, 0x7fc0, 0x7f7f)] {
        opened(tensor(dtype, [0, largest, 1, 2, 3])).bind(&model()).unwrap();
        let file = opened(tensor(dtype, [0, 1, infinity, nan, 3]));
        let found = bad(file.bind(&model()));
        assert_eq!((&*found.name, found.count, found.len, found.first), ("conv.bias", 2, 5, 2));
        assert_eq!(found.value, f32::NEG_INFINITY);
        bad(file.bind_part(&model(), "", HashMap::new()));
        file.allow_non_finite().bind(&model()).unwrap();
    }
}

/// A source gives values in the graph's order, the error has their position in the framework's.
#[test]
fn sources_of_a_program_s_own_are_checked_as_they_are_read() {
    let (model, good) = network();
    let mut own = HashMap::new();
    for spec in &model.parameters {
        let shape = model.graph.shape(spec.node);
        let mut stored = values_of(&good, &spec.name).to_vec();
        if spec.name == "fc.weight" {
            stored[spec.shape[1] + 2] = f32::NAN;
        }
        own.insert(spec.name.clone(), spec.to_graph_order(shape, &stored).unwrap());
    }
    let weights = Weights::source(own);
    let all = |source: &dyn ParameterSource| {
        let write = |spec: &atrous_nn::ParameterSpec| {
            let ty = model.graph.node(spec.node).ty;
            source.write(&spec.name, ty, &mut vec![0.0; ty.padded_len()])
        };
        model.parameters.iter().try_for_each(write)
    };
    let found = bad(weights.with(&model, all));
    let columns = model.parameter("fc.weight").unwrap().shape[1];
    assert_eq!((&*found.name, found.count, found.first), ("fc.weight", 1, columns + 2));
    weights.allow_non_finite().with(&model, all).unwrap().unwrap();
}
