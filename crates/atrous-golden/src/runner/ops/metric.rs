//! Metrics of predictions.

use atrous_gpu::{Data, InputData};
use atrous_graph::{DType, Graph, Op};
use atrous_io::WeightFile;
use atrous_train::metrics::{Confusion, TopK};

use super::super::array::{Array, image_shape, to_nhwc};
use super::super::{CaseError, Executor, compare, folder::stored, params::Params};
use super::case::{Case, Expected};

/// Compares every stored metric; the predictions are computed on the adapter.
pub(super) fn check(case: &Case, file: &WeightFile, executor: &Executor) -> Result<(), CaseError> {
    let mut p = Params::new(case.params.clone());
    let ignore: Option<u32> = p.optional("ignore_index")?;
    p.says("rule", &["confusion[i][j]: target i predicted j (sklearn); iou = tp/union per class"])?;
    p.says("meaning", &["number of correct samples"])?;
    p.finish()?;
    let input = |name: &str| {
        case.inputs.get(name).ok_or_else(|| CaseError::Unsupported(format!("the input \"{name}\" is missing")))
    };
    let (x, labels) = (input("x")?.array()?, input("target")?.labels()?);
    let confusion = confusion(&x, &labels, ignore, executor)?;
    for (name, expected) in &case.outputs {
        match name.as_str() {
            "confusion" => {
                let counts: Vec<i64> = confusion.counts().iter().map(|c| *c as i64).collect();
                integers(name, &counts, expected, file)?;
            }
            "iou" => floats(name, confusion.iou(), expected, file)?,
            "mean_iou" => floats(name, vec![confusion.mean_iou()], expected, file)?,
            "pixel_accuracy" => floats(name, vec![confusion.accuracy()], expected, file)?,
            "mean_class_accuracy" => floats(name, vec![confusion.mean_class_accuracy()], expected, file)?,
            _ => {
                let k = name.strip_prefix("top").and_then(|k| k.parse().ok());
                let k = k.ok_or_else(|| CaseError::Unsupported(format!("the metric {name}")))?;
                let mut top = TopK::new(k);
                let shape = image_shape(&x.shape)?;
                top.add(&to_nhwc(shape, &x.values), shape.c, &labels).map_err(CaseError::failed)?;
                integers(name, &[top.correct as i64], expected, file)?;
            }
        }
    }
    Ok(())
}

fn confusion(x: &Array, labels: &[u32], ignore: Option<u32>, executor: &Executor) -> Result<Confusion, CaseError> {
    let shape = image_shape(&x.shape)?;
    let mut graph = Graph::new();
    let input = graph.input("x", shape, DType::F32)?;
    let classes = graph.add("classes", Op::ArgMax, &[input])?;
    let parameters = executor.upload(&graph, &std::collections::HashMap::new())?;
    let values = to_nhwc(shape, &x.values);
    let outputs = executor.run(&graph, parameters, &[("x", InputData::F32(&values))], &[classes])?;
    let [Data::U32(predicted)] = outputs.as_slice() else {
        return Err(CaseError::Failed("the predictions are no classes".to_owned()));
    };
    let mut confusion = Confusion::new(shape.c);
    confusion.add(labels, predicted, ignore).map_err(CaseError::failed)?;
    Ok(confusion)
}

fn floats(what: &str, got: Vec<Option<f64>>, expected: &Expected, file: &WeightFile) -> Result<(), CaseError> {
    let want = stored(file, &expected.key)?;
    let got: Vec<f32> = got.into_iter().map(|v| v.map_or(f32::NAN, |v| v as f32)).collect();
    compare::close(what, &expected.shape, &got, &want.values, expected.atol)
}

fn integers(what: &str, got: &[i64], expected: &Expected, file: &WeightFile) -> Result<(), CaseError> {
    let stored = file.tensor(&expected.key).and_then(|tensor| tensor.to_i64());
    let want = stored.ok_or_else(|| CaseError::Failed(format!("no integers named {}", expected.key)))?;
    compare::equal(what, &expected.shape, got, &want)
}
