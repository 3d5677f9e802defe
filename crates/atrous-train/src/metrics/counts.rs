//! Metrics counted on the host: confusion matrix and top-k accuracy.

/// Why values cannot be counted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricError {
    /// Two lists have different lengths, or a list does not fill its shape.
    #[error("{what}: expected {want}, got {got}")]
    Length {
        /// The list that was counted.
        what: &'static str,
        /// How many values there should be.
        want: usize,
        /// How many values there are.
        got: usize,
    },
    /// A class number is beyond the last class.
    #[error("{what} {index} is class {class}, there are {classes} classes")]
    Class {
        /// Target or prediction.
        what: &'static str,
        /// Position in the list.
        index: usize,
        /// The class number there.
        class: u32,
        /// Number of classes.
        classes: usize,
    },
    /// Two matrices have different numbers of classes.
    #[error("a confusion matrix of {got} classes cannot be added to one of {want}")]
    Classes {
        /// Classes of the matrix that is added to.
        want: usize,
        /// Classes of the matrix that is added.
        got: usize,
    },
}

/// A confusion matrix: for each target class and each predicted class, the number of pixels or samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    /// Row `i`, column `j`: target `i`, predicted `j`.
    counts: Vec<u64>,
}

impl Confusion {
    /// A matrix of zeros.
    pub fn new(classes: usize) -> Self {
        Self { classes, counts: vec![0; classes * classes] }
    }

    /// From `classes × classes` counts, row by row: target `i`, predicted `j`.
    ///
    /// # Errors
    /// [`MetricError::Length`].
    pub fn from_counts(classes: usize, counts: Vec<u64>) -> Result<Self, MetricError> {
        if classes.checked_mul(classes) != Some(counts.len()) {
            let want = classes.saturating_mul(classes);
            return Err(MetricError::Length { what: "counts of a confusion matrix", want, got: counts.len() });
        }
        Ok(Self { classes, counts })
    }

    /// Counts targets and the classes predicted for them; targets equal to `ignore` are left out.
    ///
    /// # Errors
    /// [`MetricError::Length`] or [`MetricError::Class`]; then nothing is counted.
    pub fn add(&mut self, targets: &[u32], predicted: &[u32], ignore: Option<u32>) -> Result<(), MetricError> {
        if targets.len() != predicted.len() {
            return Err(MetricError::Length { what: "predictions", want: targets.len(), got: predicted.len() });
        }
        let classes = self.classes;
        let counted = || targets.iter().zip(predicted).enumerate().filter(|(_, (t, _))| Some(**t) != ignore);
        for (index, (target, predicted)) in counted() {
            for (what, class) in [("target", *target), ("prediction", *predicted)] {
                if class as usize >= classes {
                    return Err(MetricError::Class { what, index, class, classes });
                }
            }
        }
        for (_, (target, predicted)) in counted() {
            self.counts[*target as usize * classes + *predicted as usize] += 1;
        }
        Ok(())
    }

    /// Adds the counts of another matrix.
    ///
    /// # Errors
    /// [`MetricError::Classes`].
    pub fn merge(&mut self, other: &Self) -> Result<(), MetricError> {
        if self.classes != other.classes {
            return Err(MetricError::Classes { want: self.classes, got: other.classes });
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(a, b)| *a += b);
        Ok(())
    }

    /// Number of classes.
    pub const fn classes(&self) -> usize {
        self.classes
    }

    /// Number of elements of class `target` that were predicted as class `predicted`.
    pub fn count(&self, target: usize, predicted: usize) -> u64 {
        self.counts[target * self.classes + predicted]
    }

    /// All counts, row by row.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Number of all counted elements.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Fraction of correct predictions: pixel accuracy of a segmentation, top-1 accuracy of a classification. `None` if nothing
    /// was counted.
    pub fn accuracy(&self) -> Option<f64> {
        ratio((0..self.classes).map(|c| self.count(c, c)).sum(), self.total())
    }

    /// Intersection over union of each class: correct elements over those that have the class as target or prediction. `None` if there are
    /// none.
    pub fn iou(&self) -> Vec<Option<f64>> {
        (0..self.classes)
            .map(|c| ratio(self.count(c, c), self.targets(c) + self.predictions(c) - self.count(c, c)))
            .collect()
    }

    /// Mean intersection over union of the classes that have one.
    pub fn mean_iou(&self) -> Option<f64> {
        mean(&self.iou())
    }

    /// Fraction of correct predictions of each target class (recall). `None` if the class is never the target.
    pub fn class_accuracy(&self) -> Vec<Option<f64>> {
        (0..self.classes).map(|c| ratio(self.count(c, c), self.targets(c))).collect()
    }

    /// Mean of [`Confusion::class_accuracy`] over the classes that have one.
    pub fn mean_class_accuracy(&self) -> Option<f64> {
        mean(&self.class_accuracy())
    }

    fn targets(&self, class: usize) -> u64 {
        self.counts[class * self.classes..][..self.classes].iter().sum()
    }

    fn predictions(&self, class: usize) -> u64 {
        (0..self.classes).map(|target| self.count(target, class)).sum()
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn mean(values: &[Option<f64>]) -> Option<f64> {
    let known: Vec<f64> = values.iter().flatten().copied().collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

/// Counts the samples whose target is among the `k` largest logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopK {
    /// Number of guesses per sample.
    pub k: usize,
    /// Number of correct samples.
    pub correct: u64,
    /// Number of counted samples.
    pub total: u64,
}

impl TopK {
    /// A counter of no samples.
    pub const fn new(k: usize) -> Self {
        Self { k, correct: 0, total: 0 }
    }

    /// Counts samples: `logits` is dense `[samples, classes]`, `targets` has one class per sample. Among equal
    /// logits the target's ranks last, so that constant logits are not correct. A target whose logit is NaN is not correct.
    ///
    /// # Errors
    /// [`MetricError::Length`] or [`MetricError::Class`]; then nothing is counted.
    pub fn add(&mut self, logits: &[f32], classes: usize, targets: &[u32]) -> Result<(), MetricError> {
        if targets.len().checked_mul(classes) != Some(logits.len()) {
            let want = targets.len().saturating_mul(classes);
            return Err(MetricError::Length { what: "logits", want, got: logits.len() });
        }
        if let Some(index) = targets.iter().position(|t| *t as usize >= classes) {
            return Err(MetricError::Class { what: "target", index, class: targets[index], classes });
        }
        if classes > 0 {
            let samples = logits.chunks_exact(classes).zip(targets);
            self.correct += samples.filter(|(logits, target)| self.is_right(logits, **target as usize)).count() as u64;
        }
        self.total += targets.len() as u64;
        Ok(())
    }

    /// Fraction of correct samples; `None` if nothing was counted.
    pub fn accuracy(&self) -> Option<f64> {
        ratio(self.correct, self.total)
    }

    fn is_right(&self, logits: &[f32], target: usize) -> bool {
        let own = logits[target];
        !own.is_nan() && logits.iter().filter(|v| **v >= own).count() <= self.k
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_follow_from_the_counts() {
        let mut confusion = Confusion::new(4);
        confusion.add(&[0, 0, 0, 1, 1, 255, 3], &[0, 0, 1, 1, 0, 2, 3], Some(255)).unwrap();
        assert_eq!(confusion.total(), 6);
        assert_eq!(confusion.count(0, 1), 1);
        assert_eq!(confusion.accuracy(), Some(4.0 / 6.0));
        // Class 2 is neither a target nor predicted where it counts.
        assert_eq!(confusion.iou(), [Some(0.5), Some(1.0 / 3.0), None, Some(1.0)]);
        assert_eq!(confusion.mean_iou(), Some((0.5 + 1.0 / 3.0 + 1.0) / 3.0));
        assert_eq!(confusion.class_accuracy(), [Some(2.0 / 3.0), Some(0.5), None, Some(1.0)]);
        assert_eq!(confusion.mean_class_accuracy(), Some((2.0 / 3.0 + 0.5 + 1.0) / 3.0));
        let mut twice = confusion.clone();
        twice.merge(&confusion).unwrap();
        assert_eq!(twice.total(), 12);
        assert_eq!(twice.mean_iou(), confusion.mean_iou());
        assert_eq!(Confusion::from_counts(4, confusion.counts().to_vec()), Ok(confusion));
    }

    #[test]
    fn without_anything_counted_there_are_no_figures() {
        let empty = Confusion::new(3);
        assert_eq!((empty.accuracy(), empty.mean_iou(), empty.mean_class_accuracy()), (None, None, None));
        assert_eq!(TopK::new(1).accuracy(), None);
    }

    #[test]
    fn the_target_comes_last_of_equals() {
        let logits = [1.0, 3.0, 3.0, 2.0];
        let right = |k: usize, target: u32| {
            let mut top = TopK::new(k);
            top.add(&logits, 4, &[target]).unwrap();
            top.correct == 1
        };
        assert_eq!((0..4).map(|t| right(1, t)).collect::<Vec<_>>(), [false; 4]);
        assert_eq!((0..4).map(|t| right(2, t)).collect::<Vec<_>>(), [false, true, true, false]);
        assert_eq!((0..4).map(|t| right(3, t)).collect::<Vec<_>>(), [false, true, true, true]);
        assert_eq!((0..4).map(|t| right(9, t)).collect::<Vec<_>>(), [true; 4]);
        let mut top = TopK::new(4);
        top.add(&[f32::NAN, 1.0], 2, &[0]).unwrap();
        assert_eq!(top.accuracy(), Some(0.0));
    }

    #[test]
    fn what_does_not_fit_is_refused_and_not_counted() {
        let mut confusion = Confusion::new(2);
        let error = confusion.add(&[0, 7], &[0, 0], Some(255)).unwrap_err().to_string();
        assert_eq!(error, "target 1 is class 7, there are 2 classes");
        confusion.add(&[0, 1], &[0, 2], None).unwrap_err();
        confusion.add(&[0, 1], &[0], None).unwrap_err();
        assert_eq!(confusion.total(), 0);
        assert_eq!(confusion.merge(&Confusion::new(3)), Err(MetricError::Classes { want: 2, got: 3 }));
        Confusion::from_counts(2, vec![0; 3]).unwrap_err();
        TopK::new(1).add(&[0.0; 5], 2, &[0, 1]).unwrap_err();
        TopK::new(1).add(&[0.0; 4], 2, &[0, 2]).unwrap_err();
    }
}
