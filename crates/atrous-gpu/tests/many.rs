//! Several runs under way, and inputs made of pictures' bytes.

mod common;

use atrous_gpu::{GpuError, InputData, InputError};
use atrous_graph::op::Unary;
use atrous_graph::{DType, Graph, Op, Shape};
use atrous_vision::{CAFFE_MEAN_BGR, IMAGENET_MEAN, IMAGENET_STD, Normalize, Preprocess, RgbImage};
use common::{add_relu, device, relu, session, values};

fn item(shape: Shape, seed: usize) -> Vec<f32> {
    values(shape.len()).into_iter().map(|v| v * (seed as f32 + 0.37)).collect()
}

#[test]
fn many_runs_give_what_single_runs_give_in_the_order_of_the_items() {
    let shape = Shape::new(1, 9, 7, 5);
    let graph = relu(shape);
    let mut session = session(&device(), &graph, graph.outputs());
    let items: Vec<Vec<f32>> = (0..7).map(|seed| item(shape, seed)).collect();
    let mut single = Vec::new();
    for x in &items {
        single.push(session.run_blocking(&[("x", x.into())]).unwrap().f32("y").unwrap().to_vec());
    }
    let many: Vec<Vec<f32>> = session
        .run_many_blocking(&items, |x| vec![("x", (*x).into())])
        .map(|outputs| outputs.unwrap().f32("y").unwrap().to_vec())
        .collect();
    assert_eq!(many, single);
    let awaited = pollster::block_on(async {
        let mut runs = session.run_many(items, |x| vec![("x", x.into())]);
        let mut all = Vec::new();
        while let Some(outputs) = runs.next().await {
            all.push(outputs.unwrap().f32("y").unwrap().to_vec());
        }
        all
    });
    assert_eq!(awaited, single);
    assert_eq!(session.counters().submits, 21, "one submit a run");
}

#[test]
fn items_are_taken_while_two_runs_are_under_way_and_no_sooner() {
    let shape = Shape::new(1, 4, 4, 4);
    let graph = relu(shape);
    let mut session = session(&device(), &graph, graph.outputs());
    let taken = std::cell::Cell::new(0);
    let items = (0..5).map(|seed| {
        taken.set(taken.get() + 1);
        item(shape, seed)
    });
    let mut given = 0;
    for outputs in session.run_many_blocking(items, |x| vec![("x", x.into())]) {
        outputs.unwrap();
        given += 1;
        assert_eq!(taken.get(), (given + 1).min(5));
    }
    assert_eq!(given, 5);
}

#[test]
fn a_bad_item_is_named_and_the_others_run() {
    let shape = Shape::new(1, 2, 2, 3);
    let graph = relu(shape);
    let mut session = session(&device(), &graph, graph.outputs());
    let items = [values(12), values(11), values(12)];
    let results: Vec<_> = session.run_many_blocking(items, |x| vec![("x", x.into())]).collect();
    assert!(results[0].is_ok() && results[2].is_ok() && results.len() == 3);
    let error = results[1].as_ref().unwrap_err();
    assert_eq!(error.to_string(), "item 1: input \"x\": 1×2×2×3 needs 12 values, got 11");
    assert!(matches!(error, GpuError::Item { index: 1, .. }));
}

#[test]
fn runs_that_are_given_up_leave_their_readbacks_to_others() {
    let shape = Shape::new(1, 16, 16, 4);
    let graph = relu(shape);
    let device = device();
    let mut session = session(&device, &graph, graph.outputs());
    let (a, b) = (item(shape, 1), item(shape, 2));
    let bytes = session.measured_bytes();
    for _ in 0..5 {
        let first = session.begin(&[("x", (&a).into())]).unwrap();
        drop(session.begin(&[("x", (&a).into())]).unwrap());
        let last = session.begin(&[("x", (&b).into())]).unwrap();
        let want = |x: &[f32]| x.iter().map(|v| v.max(0.0)).collect::<Vec<f32>>();
        // Results may be taken in any order.
        assert_eq!(session.finish_blocking(last).unwrap().f32("y").unwrap(), want(&b));
        assert_eq!(session.finish_blocking(first).unwrap().f32("y").unwrap(), want(&a));
    }
    assert_eq!(session.measured_bytes(), bytes + session.plan().readback_bytes(), "two were enough");
    let mut other = common::session(&device, &graph, graph.outputs());
    let flight = session.begin(&[("x", (&a).into())]).unwrap();
    assert!(matches!(other.finish_blocking(flight), Err(GpuError::OtherSession)));
}

/// Pictures that hold every value of every channel.
fn pictures(n: u32, width: u32, height: u32) -> Vec<RgbImage> {
    let pixel =
        |i: u32| move |x: u32, y: u32| [x * 7 + y + i, x + y * 31 + 5 * i, x * y + 255 - i].map(|v| v as u8).into();
    (0..n).map(|i| RgbImage::from_fn(width, height, pixel(i))).collect()
}

#[test]
fn bytes_become_what_preprocessing_on_the_host_makes_of_them_to_the_bit() {
    let device = device();
    let rules = [
        Normalize::Torch { mean: IMAGENET_MEAN, std: IMAGENET_STD },
        Normalize::Tf,
        Normalize::Caffe { mean_bgr: CAFFE_MEAN_BGR },
        Normalize::Green { mean: 0.485, std: 0.229 },
    ];
    // 3·7·37 bytes are no whole number of words; 64² pixels hold every value.
    for (rule, [n, width, height]) in rules.into_iter().flat_map(|rule| [(rule, [3, 7, 37]), (rule, [2, 64, 64])]) {
        let preprocess = Preprocess { normalize: rule, then_scale: 0.5 };
        let pictures = pictures(n, width, height);
        let on_host = preprocess.run(&pictures).unwrap();
        let [n, h, w, c] = on_host.shape;
        let mut graph = Graph::new();
        let x = graph.input("x", Shape::new(n, h, w, c), DType::F32).unwrap();
        let y = graph.add("y", Op::Unary(Unary::Affine { scale: 1.0, shift: 0.0 }), &[x]).unwrap();
        let mut session = session(&device, &graph, &[x, y]);
        session.take_pixels("x", &preprocess.tables().unwrap()).unwrap();
        let bytes: Vec<u8> = pictures.iter().flat_map(|p| p.as_raw().clone()).collect();
        let numbers = session.run_blocking(&[("x", (&on_host.data).into())]).unwrap();
        for _ in 0..2 {
            let outputs = session.run_blocking(&[("x", InputData::Rgb8(&bytes))]).unwrap();
            assert_eq!(outputs.f32("x").unwrap(), on_host.data, "{rule:?}");
            assert_eq!(outputs.f32("y").unwrap(), numbers.f32("y").unwrap(), "{rule:?}");
        }
        let again = session.run_blocking(&[("x", (&on_host.data).into())]).unwrap();
        assert_eq!(again.f32("y").unwrap(), numbers.f32("y").unwrap(), "numbers may follow bytes");
    }
}

#[test]
fn bytes_stand_beside_other_inputs() {
    let shape = Shape::new(1, 4, 4, 3);
    let (graph, [sum, _]) = add_relu(shape);
    let mut session = session(&device(), &graph, &[sum]);
    session.take_pixels("b", &Preprocess::TF.tables().unwrap()).unwrap();
    let (a, picture) = (values(48), pictures(1, 4, 4));
    let b = Preprocess::TF.run(&picture).unwrap().data;
    let outputs = session.run_blocking(&[("a", (&a).into()), ("b", picture[0].as_raw().as_slice().into())]).unwrap();
    let want: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
    assert_eq!(outputs.f32("sum").unwrap(), want);
}

#[test]
fn bytes_that_cannot_become_an_input_are_refused() {
    let (graph, [sum, _]) = add_relu(Shape::new(1, 4, 4, 3));
    let mut session = session(&device(), &graph, &[sum]);
    let (a, bytes) = (values(48), [0u8; 48]);
    let tables = Preprocess::TF.tables().unwrap();
    let refused = |error: GpuError| matches!(error, GpuError::Input(InputError::Pixels { .. }));
    let given = |a| [("a", a), ("b", InputData::Rgb8(&bytes))];
    assert!(refused(session.run_blocking(&given((&a).into())).unwrap_err()), "nobody told how");
    assert!(refused(session.take_pixels("idle", &tables).unwrap_err()));
    assert!(refused(session.take_pixels("b", &tables[..1]).unwrap_err()));
    assert!(refused(session.take_pixels("b", &[(3, [0.0; 256]); 3]).unwrap_err()));
    assert!(matches!(session.take_pixels("c", &tables), Err(GpuError::Input(InputError::Unknown { .. }))));
    session.take_pixels("b", &tables).unwrap();
    let short = [("a", (&a).into()), ("b", InputData::Rgb8(&bytes[1..]))];
    let error = session.run_blocking(&short).unwrap_err();
    assert_eq!(error.to_string(), "input \"b\": 1×4×4×3 needs 48 values, got 47");
    assert!(session.run_blocking(&given((&a).into())).is_ok());
}
