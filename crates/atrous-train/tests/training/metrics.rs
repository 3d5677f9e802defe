//! Metrics of one's own: scalars and histograms, summed on the device.

use atrous_graph::op::OneHot;
use atrous_graph::{
    NodeId, Op,
    op::{Binary, Reduce, Unary},
};
use atrous_train::{
    EarlyStopping, Reason, TrainOptions, Trainer, Watch,
    data::{Target, TargetKind},
    metrics::{self, Metric},
    objective::{Difference, LossContext, ObjectiveError, Regression},
};

use crate::{
    common::{Tiny, device, few_digits, of_pixels, options},
    networks::{Small, data},
};

/// How often each class is predicted, and the share of the first one.
struct Predictions;

impl Metric for Predictions {
    fn name(&self) -> String {
        "predictions".to_owned()
    }

    fn figures(&self) -> Vec<String> {
        vec!["share_of_first".to_owned()]
    }

    fn sums(&self, cx: &mut LossContext<'_>) -> Result<Vec<NodeId>, ObjectiveError> {
        let (logits, weights) = (cx.output(), cx.sample_weights()?);
        let classes = cx.shape(logits).c;
        let best = cx.graph.add("best", Op::ArgMax, &[logits])?;
        let hot = cx.graph.add("best.hot", Op::OneHot(OneHot { classes, ignore: None }), &[best])?;
        let counted = cx.graph.add("best.counted", Op::Binary(Binary::Mul), &[hot, weights])?;
        Ok(vec![cx.graph.add("best.histogram", Op::Reduce(Reduce::SUM_NHW), &[counted])?])
    }

    fn values(&self, sums: &[Vec<f64>]) -> Vec<Option<f64>> {
        let total: f64 = sums[0].iter().sum();
        vec![(total > 0.0).then(|| sums[0][0] / total)]
    }
}

#[test]
fn a_histogram_counts_every_sample_once() {
    let device = device();
    // 23 samples in batches of 4: the last is filled up.
    let training = Trainer::builder(&device, Tiny::PICTURES, few_digits(8)).validate(few_digits(23));
    let mut trainer = training.metric(Predictions).options(options(None)).build().unwrap();
    let figures = trainer.evaluate().unwrap().unwrap();
    let [histogram] = &figures.totals["predictions"][..] else { panic!("one histogram") };
    assert_eq!((histogram.len(), histogram.iter().sum::<f64>()), (10, 23.0));
    // The predictions of the confusion matrix, which counts labels.
    let confusion = figures.confusion().unwrap();
    let column = |class| (0..10).map(|target| confusion.count(target, class)).sum::<u64>() as f64;
    assert_eq!(histogram, &(0..10).map(column).collect::<Vec<_>>());
    assert_eq!(figures.metrics["share_of_first"], histogram[0] / 23.0);
}

fn error(cx: &mut LossContext<'_>) -> Result<NodeId, ObjectiveError> {
    let (found, truth) = (cx.output(), cx.target("pose", TargetKind::Vector { len: 2 })?);
    let difference = cx.graph.add("error.difference", Op::Binary(Binary::Sub), &[found, truth])?;
    Ok(cx.graph.add("error.abs", Op::Unary(Unary::Abs), &[difference])?)
}

fn poses() -> atrous_train::data::Loader {
    data(&[("pose", TargetKind::Vector { len: 2 })], |i| vec![Target::Vector(vec![i as f32 / 5.0, -1.0])])
}

#[test]
fn a_mean_is_that_over_all_samples_and_can_be_watched() {
    let device = device();
    let objective = Regression { target: Some("pose".to_owned()), difference: Difference::Absolute };
    let early_stopping = Some(EarlyStopping { patience: 2, min_delta: 1e9 });
    let options = TrainOptions { epochs: 9, watch: Watch::Min("error".to_owned()), early_stopping, ..options(None) };
    let training = Trainer::builder(&device, Small::Pictures(2), poses()).validate(poses()).objective(objective);
    let mut trainer = training.metric(metrics::mean("error", error)).options(options).build().unwrap();
    let outcome = trainer.fit().unwrap();
    // No change is large enough: the first value, and two more.
    assert_eq!((outcome.reason, outcome.epochs), (Reason::Stopped, 3));
    let figures = trainer.evaluate().unwrap().unwrap();
    // The loss is the same mean, made another way.
    let (got, want) = (figures.metrics["error"], figures.loss.unwrap());
    assert!((got - want).abs() < 1e-6, "{got} {want}");
    let last = outcome.last.unwrap();
    assert_eq!(last.metrics["error"], got);
    assert!(outcome.best.unwrap() <= got);
}

#[test]
fn names_that_are_taken_or_not_there_are_refused() {
    let device = device();
    let refused = |watch: Watch, metric: metrics::Mean<_>| {
        let options = TrainOptions { watch, ..options(None) };
        of_pixels(&device, options).metric(metric).build().unwrap_err().to_string()
    };
    let any = |name: &str| metrics::mean(name, |cx: &mut LossContext<'_>| cx.sample_weights());
    assert_eq!(
        refused(Watch::Max("f1".to_owned()), any("ones")),
        "no metric is called \"f1\"; the validation has loss, accuracy, mean_iou, mean_class_accuracy, ones"
    );
    assert_eq!(refused(Watch::Loss, any("mean_iou")), "two metrics are called \"mean_iou\"");
    let none = metrics::mean("none", |cx: &mut LossContext<'_>| cx.output_named("aux"));
    let error = of_pixels(&device, options(None)).metric(none).build().unwrap_err().to_string();
    assert_eq!(error, "tiny has no output \"aux\"; it has \"out\"");
    let labels = metrics::mean("labels", |cx: &mut LossContext<'_>| cx.labels("labels"));
    of_pixels(&device, options(None)).metric(labels).build().unwrap_err();
}

#[test]
fn what_is_watched_reads_and_writes_as_before() {
    for (text, watch) in [
        (r#""loss""#, Watch::Loss),
        (r#""accuracy""#, Watch::Accuracy),
        (r#""mean-iou""#, Watch::MeanIou),
        (r#"{"max":"f1"}"#, Watch::Max("f1".to_owned())),
        (r#"{"min":"error"}"#, Watch::Min("error".to_owned())),
    ] {
        assert_eq!(serde_json::from_str::<Watch>(text).unwrap(), watch);
        assert_eq!(serde_json::to_string(&watch).unwrap(), text);
    }
}
