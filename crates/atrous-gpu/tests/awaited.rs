//! Awaited runs and the session cache.

mod common;

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use atrous_gpu::{GpuError, Parameters, SessionCache};
use atrous_graph::{GraphError, Shape};
use common::{device, relu, scale_shift, session, values};

fn relu_of(x: &[f32]) -> Vec<f32> {
    x.iter().map(|v| v.max(0.0)).collect()
}

#[test]
fn an_awaited_run_needs_no_executor_that_knows_of_devices() {
    let shape = Shape::new(1, 32, 32, 8);
    let graph = relu(shape);
    let mut session = session(&device(), &graph, graph.outputs());
    let x = values(shape.len());
    for _ in 0..3 {
        let outputs = pollster::block_on(session.run(&[("x", (&x).into())])).unwrap();
        assert_eq!(outputs.f32("y").unwrap(), relu_of(&x));
    }
}

#[test]
fn a_run_that_is_given_up_leaves_the_session_usable() {
    let shape = Shape::new(1, 128, 128, 16);
    let graph = relu(shape);
    let mut session = session(&device(), &graph, graph.outputs());
    let (x, other) = (values(shape.len()), vec![-1.0; shape.len()]);
    for _ in 0..4 {
        {
            let inputs = [("x", (&other).into())];
            let mut run = pin!(session.run(&inputs));
            let first = run.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(first, Poll::Pending | Poll::Ready(Ok(_))));
        }
        let outputs = session.run_blocking(&[("x", (&x).into())]).unwrap();
        assert_eq!(outputs.f32("y").unwrap(), relu_of(&x));
    }
}

#[test]
fn futures_and_sessions_move_between_threads() {
    fn sent<T: Send>(value: T) -> T {
        value
    }
    let device = device();
    let run = |seed: usize| {
        let shape = Shape::new(1, 16, 16, 4 + seed);
        let graph = relu(shape);
        let mut session = sent(session(&device, &graph, graph.outputs()));
        let x = values(shape.len());
        for _ in 0..5 {
            let outputs = pollster::block_on(sent(session.run(&[("x", (&x).into())]))).unwrap();
            assert_eq!(outputs.f32("y").unwrap(), relu_of(&x));
        }
    };
    std::thread::scope(|scope| {
        for seed in 0..3 {
            scope.spawn(move || run(seed));
        }
    });
}

#[test]
fn the_cache_plans_each_shape_once_and_keeps_those_used_last() {
    let device = device();
    let source: HashMap<String, Vec<f32>> =
        [("scale".to_owned(), vec![1.0; 3]), ("shift".to_owned(), vec![0.0; 3])].into();
    let shape = |n: usize, side: usize| Shape::new(n, side, side, 3);
    let mut cache = SessionCache::upload(&device, shape(1, 4), &source, Box::new(scale_shift), 2).unwrap();
    for at in [shape(1, 4), shape(2, 6), shape(1, 4)] {
        let x = values(at.len());
        let outputs = cache.session(at).unwrap().run_blocking(&[("x", (&x).into())]).unwrap();
        assert_eq!(outputs[0].shape, at);
        assert_eq!(outputs.f32("y").unwrap(), relu_of(&x));
    }
    assert_eq!(cache.session(shape(1, 4)).unwrap().counters().submits, 2, "the first session was kept");
    cache.session(shape(1, 8)).unwrap();
    assert_eq!(cache.shapes().collect::<Vec<_>>(), [shape(1, 4), shape(1, 8)]);
    assert_eq!(cache.session(shape(1, 4)).unwrap().counters().submits, 2);
}

#[test]
fn the_cache_refuses_shapes_that_change_the_parameters_or_cannot_be_built() {
    let device = device();
    let graph = scale_shift(Shape::new(1, 4, 4, 3)).unwrap();
    let source: HashMap<String, Vec<f32>> =
        [("scale".to_owned(), vec![1.0; 3]), ("shift".to_owned(), vec![0.0; 3])].into();
    let parameters = Arc::new(Parameters::upload(&device, &graph, &source).unwrap());
    let mut cache = SessionCache::new(parameters, Box::new(scale_shift), 2);
    let error = cache.session(Shape::new(1, 4, 4, 7)).unwrap_err();
    assert!(matches!(error, GpuError::ParameterMismatch { .. }), "{error}");
    let error = cache.session(Shape::new(0, 4, 4, 3)).unwrap_err();
    assert!(matches!(error, GpuError::Graph(GraphError::Invalid { .. })), "{error}");
}
