//! Any network, weights from anywhere, and what a network answers besides classes.

use std::collections::HashMap;
use std::sync::Arc;

use atrous::graph::autodiff::{Recompute, backward};
use atrous::graph::op::Unary;
use atrous::graph::{GraphError, NodeId, ParameterSource, Shape, TensorType};
use atrous::io::{save_parameters, save_tensors};
use atrous::nn::layers::{Conv, Norm, Pool};
use atrous::nn::{Builder, Built, Info, Init, Mode, Model, Task, zoo};
use atrous::prelude::*;
use atrous::vision::ImageTensor;
use atrous::{Error, class_score};
use atrous_cpu::{Tensor, run};
use atrous_golden::TinyCnn;
use atrous_golden::fill::{self, FillSource};

/// A network that nobody else has.
struct Own {
    classes: usize,
}

impl Network for Own {
    fn info(&self) -> Info {
        Info { size: [32, 32], ..Info::segmentation(self.classes) }
    }

    fn build_into(&self, b: &mut Builder, image: NodeId) -> Result<Built, GraphError> {
        let y = b.conv2d("conv", image, Conv::new(6, 3).padding(1))?;
        let y = b.batch_norm("bn", y, Norm::TORCH)?;
        let y = b.activation("gelu", y, Unary::Silu)?;
        let small = b.max_pool("pool", y, Pool::new(2, 2))?;
        let small = b.conv2d("inner", small, Conv::new(6, [3, 1]).bias().same())?;
        let large = b.resize_nearest("up", small, [b.shape(y).h, b.shape(y).w])?;
        let y = b.sum("joined", y, large)?;
        Ok(b.conv2d("classes", y, Conv::new(self.classes, 1).bias())?.into())
    }
}

fn device() -> Device {
    Device::from_env_blocking().expect("the tests need an adapter")
}

fn photo(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| [x * 3 + y, x + y * 5, x * y].map(|v| v as u8).into())
}

fn model(network: &dyn Network) -> Model {
    network.build(&network.name(), Shape::new(1, 32, 32, 3), Mode::Inference).expect("a network")
}

fn logits(device: &Device, network: impl atrous::nn::IntoNetwork, weights: &Weights) -> Result<Vec<f32>, Error> {
    let mut predictor = Predictor::new(device, network, weights, PredictorOptions::default())?;
    let image = predictor.preprocess().run(&[photo(32, 32)])?;
    Ok(predictor.run_blocking(&image)?.f32()?.to_vec())
}

/// The parameters of a network in its framework's order, as seed 3 draws them.
fn tensors(model: &Model, prefix: &str) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let drawn = Init::new(model, 3);
    let one = |p: &atrous::nn::ParameterSpec| {
        (format!("{prefix}{}", p.name), p.shape.clone(), drawn.values(&p.name).unwrap())
    };
    model.parameters.iter().map(one).collect()
}

#[test]
fn weights_from_everywhere_give_the_same_answer() {
    let (device, model, folder) = (device(), model(&Own { classes: 4 }), tempfile::tempdir().unwrap());
    let want = logits(&device, Own { classes: 4 }, &Weights::Init(3)).unwrap();
    assert_ne!(logits(&device, Own { classes: 4 }, &Weights::Init(4)).unwrap(), want);
    let file = folder.path().join("own.safetensors");
    save_parameters(&file, &model, &Init::new(&model, 3)).unwrap();
    let [finished, unfinished, empty] = ["finished", "unfinished", "empty"].map(|name| folder.path().join(name));
    for run in [&finished, &unfinished, &empty] {
        std::fs::create_dir(run).unwrap();
    }
    std::fs::copy(&file, finished.join("best.safetensors")).unwrap();
    save_tensors(finished.join("last.checkpoint"), &[]).unwrap();
    save_tensors(unfinished.join("last.checkpoint"), &tensors(&model, "parameters/")).unwrap();
    for weights in [
        Weights::from(file.as_path()),
        Weights::bytes(std::fs::read(&file).unwrap()),
        Weights::tensors(tensors(&model, "")),
        Weights::Run(finished),
        Weights::Run(unfinished),
    ] {
        assert_eq!(logits(&device, Own { classes: 4 }, &weights).unwrap(), want, "{weights:?}");
    }
    let message = |weights: &Weights| logits(&device, Own { classes: 4 }, weights).unwrap_err().to_string();
    let error = message(&Weights::Run(empty));
    assert!(error.contains("empty") && error.contains("best.safetensors or last.checkpoint"), "{error}");
    let mut other = tensors(&model, "");
    other[0].0 = "other".to_owned();
    let error = message(&Weights::tensors(other.clone()));
    assert!(error.contains("do not fit Own") && error.contains("missing: conv.weight"), "{error}");
    other[0].2.pop();
    let error = message(&Weights::tensors(other));
    assert!(error.starts_with("tensor \"other\" cannot be stored: its shape is [6, 3, 3, 3]"), "{error}");
    let error = message(&Weights::bytes(&b"no safetensors"[..]));
    assert!(error.starts_with("weights in memory is not a valid safetensors file"), "{error}");
}

#[test]
fn networks_come_by_value_shared_boxed_or_by_name() {
    let (device, weights) = (device(), Weights::Init(3));
    let want = logits(&device, Own { classes: 4 }, &weights).unwrap();
    let shared: Arc<dyn Network> = Arc::new(Own { classes: 4 });
    assert_eq!(logits(&device, shared, &weights).unwrap(), want);
    let boxed: Box<dyn Network> = Box::new(Own { classes: 4 });
    assert_eq!(logits(&device, boxed, &weights).unwrap(), want);
    let named = Predictor::new(&device, "small_resnet", &weights, PredictorOptions::default()).unwrap();
    assert_eq!((named.name(), named.info().classes), ("small_resnet", 10));
    let options = PredictorOptions { classes: Some(3), size: Some([24, 24]) };
    let three = Predictor::new(&device, zoo::network("small_resnet").unwrap(), &weights, options).unwrap();
    assert_eq!((three.name(), three.info().classes), ("small_resnet", 3));
    let error = Predictor::new(&device, "small_resnets", &weights, options).unwrap_err().to_string();
    assert!(error.starts_with("no network is named \"small_resnets\"; similar names: small_resnet"), "{error}");
    let error = Predictor::new(&device, Own { classes: 4 }, &weights, options).unwrap_err().to_string();
    assert!(error.contains("\"Own\"") && error.contains("3 classes in place of 4"), "{error}");
    let none = PredictorOptions { classes: Some(0), ..options };
    let none = Predictor::new(&device, "small_resnet", &weights, none).unwrap_err().to_string();
    assert_eq!(none, "network \"small_resnet\": the number of classes must be at least 1, got 0");
}

#[test]
fn results_that_are_not_finite_are_told_with_the_network() {
    let device = device();
    let spoiled = |network: &dyn Network, name: &str| {
        let mut tensors = tensors(&model(network), "");
        let (_, _, values) = tensors.iter_mut().find(|(n, ..)| n == name).expect("a parameter of this name");
        values.fill(f32::NAN);
        Weights::tensors(tensors).allow_non_finite()
    };
    let options = PredictorOptions { size: Some([32, 32]), classes: None };
    let weights = spoiled(&Own { classes: 4 }, "classes.bias");
    let mut own = Predictor::new(&device, Own { classes: 4 }, &weights, options).unwrap();
    let told = |error: Error, network: &str, what: &str| {
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("{network} gives results that are not finite ({what}: value 0 is NaN)")),
            "{text}"
        );
    };
    told(own.segment_blocking(&photo(32, 32)).unwrap_err(), "Own", "sum of logits");
    told(own.probabilities_blocking(&[photo(32, 32)]).unwrap_err(), "Own", "sum of logits");
    let Some(Err(Error::Photo { source, .. })) = own.segment_many_blocking([Ok(photo(32, 32))]).unwrap().next() else {
        panic!("a photograph with no result")
    };
    told(*source, "Own", "sum of logits");
    let resnet = zoo::network("small_resnet").unwrap();
    let weights = spoiled(&*resnet, "fc.bias");
    let mut resnet = Predictor::new(&device, resnet, &weights, options).unwrap();
    told(resnet.classify_blocking(&[photo(32, 32)], 1).unwrap_err(), "small_resnet", "softmax");
}

/// A convolution of this stride, said to be for a task with two classes.
struct Says {
    info: Info,
    channels: usize,
    stride: usize,
    padding: usize,
}

impl Network for Says {
    fn info(&self) -> Info {
        Info { size: [32, 32], ..self.info }
    }

    fn build_into(&self, b: &mut Builder, image: NodeId) -> Result<Built, GraphError> {
        let conv = Conv::new(self.channels, 3).stride(self.stride).padding(self.padding).bias();
        Ok(b.conv2d("conv", image, conv)?.into())
    }
}

#[test]
fn networks_whose_result_is_not_what_they_say_give_tensors_but_no_answers() {
    let device = device();
    let message = |info: Info, channels, stride, padding| {
        let network = Says { info, channels, stride, padding };
        let mut network = Predictor::new(&device, network, &Weights::Init(1), PredictorOptions::default()).unwrap();
        let image = network.preprocess().run(&[photo(32, 32)]).unwrap();
        assert_eq!(network.run_blocking(&image).unwrap().shape.c, channels);
        assert_eq!(network.info().classes, 2);
        let error = match info.task {
            Task::Classification => network.classify_blocking(&[photo(32, 32)], 1).map(|_| ()).err(),
            Task::Segmentation => {
                let map = network.segment_blocking(&photo(32, 32)).map(|_| ()).err();
                let probabilities = network.probabilities_blocking(&[photo(32, 32)]).map(|_| ()).err();
                assert_eq!(map.as_ref().map(Error::to_string), probabilities.map(|e| e.to_string()));
                map
            }
        };
        error.map(|error| error.to_string())
    };
    let (classifies, segments) = (Info::classification(2), Info::segmentation(2));
    assert_eq!(message(segments, 2, 1, 1), None);
    assert_eq!(message(segments, 2, 1, 0), None, "a border may be lost");
    let text = "Says says that it is a segmentation network of 2 classes, but of an image of 1×32×32×3 it makes 1×16×16×2 \
                in place of 1×32×32×2";
    assert_eq!(message(segments, 2, 2, 1).as_deref(), Some(text));
    assert!(message(segments, 3, 1, 1).is_some_and(|e| e.ends_with("makes 1×32×32×3 in place of 1×32×32×2")));
    assert!(message(classifies, 2, 1, 1).is_some_and(|e| e.ends_with("makes 1×32×32×2 in place of 1×1×1×2")));
}

#[test]
fn probabilities_are_the_softmax_of_the_logits_at_the_photographs_size() {
    let device = device();
    let options = PredictorOptions { size: Some([32, 32]), classes: None };
    let mut network = Predictor::new(&device, Own { classes: 4 }, &Weights::Init(3), options).unwrap();
    let photos = [photo(32, 32), RgbImage::from_pixel(32, 32, [200, 30, 90].into())];
    let tensor = network.preprocess().run(&photos).unwrap();
    let logits = network.run_blocking(&tensor).unwrap();
    let map = network.probabilities_blocking(&photos).unwrap();
    assert_eq!(map.shape, [2, 32, 32, 4]);
    for (logits, got) in logits.f32().unwrap().chunks(4).zip(map.data.chunks(4)) {
        let exponents = [0, 1, 2, 3].map(|c| f64::from(logits[c]).exp());
        for (exponent, got) in exponents.iter().zip(got) {
            let want = exponent / exponents.iter().sum::<f64>();
            assert!((f64::from(*got) - want).abs() < 1e-6, "{got} for {want}");
        }
    }
    let large = network.probabilities_blocking(&[photo(45, 71)]).unwrap();
    assert_eq!(large.shape, [1, 71, 45, 4]);
    assert!(large.data.chunks(4).all(|pixel| (pixel.iter().sum::<f32>() - 1.0).abs() < 1e-5));
    assert_eq!(pollster::block_on(network.probabilities(&[photo(45, 71)])).unwrap(), large);
    let error = network.probabilities_blocking(&[photo(45, 71), photo(45, 70)]).unwrap_err().to_string();
    assert!(error.contains("45×71") && error.contains("45×70"), "{error}");
    assert!(network.probabilities_blocking(&[]).is_err());
    let mut one = Predictor::new(&device, Own { classes: 1 }, &Weights::Init(3), options).unwrap();
    let logits = one.run_blocking(&tensor).unwrap();
    for (logit, got) in logits.f32().unwrap().iter().zip(one.probabilities_blocking(&photos).unwrap().data) {
        assert!((1.0 / (1.0 + f64::from(-logit).exp()) - f64::from(got)).abs() < 1e-6, "{got} of {logit}");
    }
    let mut classifier = Predictor::new(&device, "small_resnet", &Weights::Init(3), options).unwrap();
    let error = classifier.probabilities_blocking(&photos).unwrap_err().to_string();
    assert_eq!(error, "small_resnet is a classification network, it cannot give probabilities of pixels");
}

/// What the reference makes of the same gradients in f64: the number, then by name.
fn reference(network: &dyn Network, image: &ImageTensor, class: usize, names: &[&str]) -> (f64, Vec<Tensor>) {
    let [n, h, w, c] = image.shape;
    let mut model = network.build("reference", Shape::new(n, h, w, c), Mode::Inference).unwrap();
    let number = class_score(class)(&mut model.graph, &model.outputs).unwrap();
    let wrt: Vec<NodeId> = names.iter().map(|name| model.graph.find(name).unwrap()).collect();
    let gradients = backward(&mut model.graph, &[(number, 1.0)], &wrt, &Recompute::Nothing).unwrap();
    let wanted: Vec<NodeId> = [Some(number)].into_iter().chain(gradients).map(|id| id.unwrap()).collect();
    let source = FillSource::new(&model, "", 2.0);
    let mut values = HashMap::from([("input".to_owned(), Tensor::from_f32(Shape::new(n, h, w, c), &image.data))]);
    for (_, node) in model.graph.parameters() {
        let ty: TensorType = node.ty;
        let mut padded = vec![0.0; ty.padded_len()];
        source.write(&node.name, ty, &mut padded).unwrap();
        values.insert(node.name.clone(), Tensor::from_f32(ty.shape, &ty.unpack(&padded)));
    }
    let mut tensors = run(&model.graph, &values, &wanted).unwrap();
    let gradients = tensors.split_off(1);
    (tensors[0].data[0], gradients)
}

#[test]
fn gradients_are_those_of_the_reference() {
    let device = device();
    let networks: [(Arc<dyn Network>, &[&str]); 3] = [
        (Arc::new(Own { classes: 4 }), &["input", "inner", "conv"]),
        (zoo::network("small_xception").unwrap(), &["input"]),
        (Arc::new(TinyCnn::default()), &["input"]),
    ];
    for (network, names) in networks {
        let weights = fill::weights(&*network, "", 2.0).unwrap();
        let mut predictor = Predictor::new(&device, network.clone(), &weights, PredictorOptions::default()).unwrap();
        let [h, w] = predictor.info().size.map(|side| side as u32);
        let image = predictor.preprocess().run(&[photo(w, h), photo(h, w)]).unwrap();
        let mut gradients = predictor.gradients(class_score(1), names).unwrap();
        let results = gradients.run_blocking(&image).unwrap();
        let (number, want) = reference(&*network, &image, 1, names);
        let got = results.f32("class_score").unwrap()[0];
        assert!((f64::from(got) - number).abs() <= 1e-5 * number.abs().max(1.0), "{got} for {number}");
        for (name, want) in names.iter().zip(want) {
            let got = results.get(&format!("{name}.grad")).unwrap();
            let distance: f64 =
                got.f32().unwrap().iter().zip(&want.data).map(|(g, w)| (f64::from(*g) - w).powi(2)).sum();
            let size: f64 = want.data.iter().map(|w| w * w).sum();
            assert!(size > 0.0 && distance <= 1e-10 * size, "{}: {name}: {distance:e} of {size:e}", network.name());
            assert_eq!(results.get(name).is_ok(), *name != "input");
        }
    }
}

#[test]
fn gradients_of_what_cannot_be_are_refused() {
    let options = PredictorOptions::default();
    let mut network = Predictor::new(&device(), Own { classes: 4 }, &Weights::Init(3), options).unwrap();
    let message = |result: Result<atrous::Gradients, Error>| result.unwrap_err().to_string();
    let error = message(network.gradients(class_score(4), &["input"]));
    assert_eq!(error, "class_score \"classes\": there is no class 4, the 4 classes are 0..=3");
    assert!(message(network.gradients(class_score(usize::MAX), &["input"])).contains("the 4 classes are 0..=3"));
    let error = message(network.gradients(class_score(1), &["iner"]));
    assert!(error.starts_with("no node is named \"iner\"; similar names: inner"), "{error}");
    let error = message(network.gradients(|_, outputs| Ok(outputs[0].node), &["input"]));
    assert!(error.contains("\"classes\": gradients are those of one number, got 1×32×32×4"), "{error}");
    let input_alone = |graph: &mut atrous::graph::Graph, _: &[atrous::nn::Output]| {
        let input = graph.find("input")?;
        graph.add("sum", atrous::graph::Op::Reduce(atrous::graph::op::Reduce::SUM_NHW), &[input])
    };
    let error = message(network.gradients(input_alone, &["input"]));
    assert!(error.contains("one number, got 1×1×1×3"), "{error}");
    let mut gradients = network.gradients(class_score(1), &["input"]).unwrap();
    let grey = ImageTensor { shape: [1, 32, 32, 1], data: vec![0.0; 1024] };
    let error = gradients.run_blocking(&grey).unwrap_err().to_string();
    assert_eq!(error, "Own takes images of 3 channels, got 1");
}
