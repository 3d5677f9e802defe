//! Running statistics.

use atrous_graph::Shape;
use atrous_graph::op::RunningStat;

use crate::Tensor;
use crate::reference::Reference;

impl Reference for RunningStat {
    /// `keep * running + take * batch`
    fn evaluate(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        let (running, batch) = (inputs[0], inputs[1]);
        let batch = &batch.data[self.sample * running.data.len()..];
        let values = running.data.iter().zip(batch).map(|(r, b)| self.keep * r + self.take * b);
        Tensor::new(running.shape, values.collect())
    }

    /// `|keep * running| + |take * batch|`
    fn magnitude(&self, inputs: &[&Tensor], _output: Shape) -> Tensor {
        let (running, batch) = (inputs[0], inputs[1]);
        let batch = &batch.data[self.sample * running.data.len()..];
        let values = running.data.iter().zip(batch).map(|(r, b)| (self.keep * r).abs() + (self.take * b).abs());
        Tensor::new(running.shape, values.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_statistics() {
        let (running, batch) = (Tensor::channels(&[1.0, -2.0]), Tensor::channels(&[3.0, 4.0]));
        let (inputs, shape) = ([&running, &batch], running.shape);
        let mean = RunningStat::mean(0.25).evaluate(&inputs, shape);
        assert_eq!(mean.data, [1.5, -0.5]);
        let var = RunningStat::unbiased_variance(0.5, 3).evaluate(&inputs, shape);
        assert_eq!(var.data, [2.75, 2.0]);
        assert_eq!(RunningStat::mean(0.25).magnitude(&inputs, shape).data, [1.5, 2.5]);
    }
}
