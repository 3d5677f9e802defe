//! Running statistics.

use crate::op::definition::Definition;
use crate::{Shape, TensorType};

/// The running statistic after a step: `keep * running + take * batch`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunningStat {
    /// Factor of the running value.
    pub keep: f64,
    /// Factor of the batch's value. Includes `n/(n-1)` if the unbiased variance is stored.
    pub take: f64,
    /// The sample of `batch` that holds the batch's value; 0 if `batch` has only one.
    pub sample: usize,
}

impl RunningStat {
    /// PyTorch's rule for a mean: `(1-m)*running + m*batch`. Keras' momentum `k` is `1 - m`.
    pub fn mean(momentum: f64) -> Self {
        Self { keep: 1.0 - momentum, take: momentum, sample: 0 }
    }

    /// The rule for a biased variance of `count` values that is stored unbiased, as in PyTorch and TensorFlow's fused
    /// kernel: the batch's value is multiplied by `count/(count-1)`.
    pub fn unbiased_variance(momentum: f64, count: usize) -> Self {
        let take = momentum * count as f64 / (count.max(2) - 1) as f64;
        Self { keep: 1.0 - momentum, take, sample: 0 }
    }
}

impl Definition for RunningStat {
    fn name(&self) -> &'static str {
        "running_stat"
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let (running, batch) = (inputs[0].shape, inputs[1].shape);
        let one_of_two = self.sample < 2 && running.n == 1 && batch == Shape { n: 2, ..running };
        if (self.sample == 0 && running == batch) || one_of_two {
            return Ok(inputs[0]);
        }
        let of = if self.sample == 0 { String::new() } else { format!("sample {} of ", self.sample) };
        Err(format!("running statistic {running} and {of}batch statistic {batch} differ"))
    }

    fn attributes(&self) -> String {
        let of = if self.sample > 0 { format!(" of sample {}", self.sample) } else { String::new() };
        format!("keep {} take {}{of}", self.keep, self.take)
    }

    fn stores(&self, _input: usize) -> bool {
        false
    }
}
