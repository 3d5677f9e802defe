//! Drawing a learning curve.

mod canvas;
mod panel;

use std::io::Write;
use std::path::Path;

use atrous_vision::RgbImage;

use super::{Curve, CurveError};
use panel::{Panel, Series};

/// Size of the picture in pixels.
const WIDTH: u32 = 960;
const HEIGHT: u32 = 720;
/// Number of ranges that a line with many points is divided into; of each range the smallest and the largest point are drawn.
const COLUMNS: usize = 900;
/// Most metrics that are drawn, in the order of their names; each has a colour of its own.
const METRICS: usize = 6;

impl Curve {
    /// Draws the curve, 960×720: the batches' losses as a thin line with their moving average and the validation losses over
    /// the steps; below it the metrics, if there are any.
    ///
    /// # Errors
    /// [`CurveError::Draw`].
    pub fn draw(&self) -> Result<RgbImage, CurveError> {
        let mut image = RgbImage::from_pixel(WIDTH, HEIGHT, [255; 3].into());
        let smooth = smoothed(&self.train, smoothing_span(self.train.len()));
        let losses = Panel {
            title: "loss",
            series: vec![
                Series::thin("batch", [31, 119, 180], thinned(&self.train)),
                Series::thick("smoothed", [31, 119, 180], thinned(&smooth)),
                Series::marked("validation", [214, 39, 40], self.validation.clone()),
            ],
            // The batches' own losses are left out, so that a few outliers do not flatten the diagram.
            frame: smooth.iter().chain(&self.validation).copied().collect(),
        };
        let metrics = self.metrics.iter().take(METRICS).zip(METRIC_COLORS);
        let metrics: Vec<Series> =
            metrics.map(|((name, points), color)| Series::marked(name, color, points.clone())).collect();
        let mut panels = vec![losses];
        if !metrics.is_empty() {
            let frame = metrics.iter().flat_map(|s| s.points.clone()).collect();
            panels.push(Panel { title: "validation metrics", series: metrics, frame });
        }
        panel::draw(&mut image, &panels).map_err(CurveError::Draw)?;
        Ok(image)
    }

    /// Draws the curve into a PNG file, which is replaced atomically; a symbolic link is replaced, not followed.
    ///
    /// # Errors
    /// [`CurveError`].
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), CurveError> {
        let (path, bytes) = (path.as_ref(), atrous_vision::encode_png(&self.draw()?)?);
        atrous_files::write(path, |out| out.write_all(&bytes)).map_err(|source| {
            let path = atrous_files::shown(path);
            CurveError::Write(atrous_vision::Error::Io { path, action: "write", source })
        })
    }
}

const METRIC_COLORS: [[u8; 3]; METRICS] =
    [[44, 160, 44], [148, 103, 189], [255, 127, 14], [23, 190, 207], [140, 86, 75], [127, 127, 127]];

/// The span of the moving average of this many points.
fn smoothing_span(points: usize) -> f64 {
    (points as f64 / 20.0).max(4.0)
}

/// Exponential moving average over about `span` points, without a bias towards the first: `s_i = Σ β^(i-j) x_j / Σ β^(i-j)`
/// over `j ≤ i` with `β = 1 - 2 / (span + 1)`.
fn smoothed(points: &[(f64, f64)], span: f64) -> Vec<(f64, f64)> {
    let beta = 1.0 - 2.0 / (span + 1.0);
    let (mut sum, mut weight) = (0.0, 0.0);
    let average = |&(x, y): &(f64, f64)| {
        sum = beta * sum + y;
        weight = beta * weight + 1.0;
        (x, sum / weight)
    };
    points.iter().map(average).collect()
}

/// The points; if there are many, the smallest and the largest of each of [`COLUMNS`] ranges.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= 2 * COLUMNS {
        return points.to_vec();
    }
    let extremes = |range: &[(f64, f64)]| {
        let by_value = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let ends = [range.iter().min_by(by_value), range.iter().max_by(by_value)];
        let mut ends: Vec<(f64, f64)> = ends.into_iter().flatten().copied().collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        ends
    };
    points.chunks(points.len().div_ceil(COLUMNS)).flat_map(extremes).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::log::{EpochRecord, Record, StepRecord};

    fn step(step: u64, loss: f64) -> Record {
        Record::Step(StepRecord {
            step,
            epoch: 1,
            loss,
            lr: 0.1,
            gradient_norm: None,
            loss_scale: None,
            skipped: false,
            images_per_second: 1.0,
        })
    }

    fn epoch(epoch: u64, step: u64, val_loss: f64, miou: f64) -> Record {
        let metrics = BTreeMap::from([("miou".to_owned(), miou), ("pixel_accuracy".to_owned(), miou.sqrt())]);
        Record::Epoch(EpochRecord {
            epoch,
            step,
            train_loss: 1.0,
            val_loss: Some(val_loss),
            metrics,
            class_iou: vec![],
            skipped: None,
            seconds: 1.0,
        })
    }

    /// Ten epochs of `steps` steps with some noise.
    fn training(steps: u64) -> Curve {
        let mut curve = Curve::default();
        for i in 1..=10 * steps {
            let at = (i - 1) as f64 / steps as f64;
            // The golden ratio's multiples lie everywhere between two whole numbers.
            let noise = 0.6 * (i as f64 * 1.618_033_988_749_895).fract() - 0.3;
            curve.add(&step(i, (1.2 * (-at / 2.0).exp() + 0.2) * (1.0 + noise)));
            if i.is_multiple_of(steps) {
                let at = at.round();
                curve.add(&epoch(at as u64, i, 1.1 * (-at / 2.5).exp() + 0.3, 0.9 - 0.6 * (-at / 2.0).exp()));
            }
        }
        curve
    }

    #[test]
    fn smoothing_follows_its_formula() {
        let points = [(1.0, 4.0), (2.0, 0.0), (3.0, 0.0)];
        let beta: f64 = 0.5;
        let expected = [4.0, 4.0 * beta / (1.0 + beta), 4.0 * beta * beta / (1.0 + beta + beta * beta)];
        let got = smoothed(&points, 3.0);
        assert!(got.iter().zip(expected).all(|(g, e)| (g.1 - e).abs() < 1e-15), "{got:?}");
        assert!(smoothed(&[(0.0, 7.0); 9], 5.0).iter().all(|p| (p.1 - 7.0).abs() < 1e-12));
    }

    #[test]
    fn thinning_keeps_the_extremes_in_order() {
        let mut points: Vec<(f64, f64)> = (0..100_000).map(|i| (f64::from(i), 1.0)).collect();
        points[5].1 = 9.0;
        points[77_777].1 = -3.0;
        let thin = thinned(&points);
        assert!(thin.len() <= 2 * COLUMNS);
        assert!(thin.contains(&(5.0, 9.0)) && thin.contains(&(77_777.0, -3.0)));
        assert!(thin.windows(2).all(|w| w[0].0 <= w[1].0));
    }

    #[test]
    fn curves_are_drawn() {
        let color = |image: &RgbImage, rgb: [u8; 3]| image.pixels().filter(|p| p.0 == rgb).count();
        let image = training(50).draw().unwrap();
        assert_eq!(image.dimensions(), (WIDTH, HEIGHT));
        assert!(color(&image, [31, 119, 180]) > 1000 && color(&image, [214, 39, 40]) > 500);
        assert!(color(&image, METRIC_COLORS[0]) > 500 && color(&image, METRIC_COLORS[1]) > 500);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("curve.png");
        training(50).write(&path).unwrap();
        assert_eq!(atrous_vision::load_rgb8(&path, &atrous_vision::Limits::default()).unwrap(), image);
        training(20_000).draw().unwrap();
    }

    #[test]
    fn little_and_odd_data_are_drawn_too() {
        let mut curve = Curve::default();
        curve.draw().unwrap();
        curve.add(&step(1, f64::NAN));
        curve.draw().unwrap();
        curve.add(&step(2, 0.0));
        curve.draw().unwrap();
        curve.add(&step(3, 1e-30));
        curve.add(&step(4, 1e30));
        curve.add(&epoch(1, 4, f64::INFINITY, 0.0));
        curve.draw().unwrap();
    }
}
