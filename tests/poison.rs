//! What is not a number stays one, wherever it is in the inputs.

use atrous_cpu::{Tensor, Tolerance, compare, compare_u32};
use atrous_gpu::Device;
use atrous_graph::op::{Fused, Gradient};
use atrous_graph::{DType, Layout, Op, TensorType};
use atrous_kernels::plan::Plan;

use crate::{Expected, text};

impl Expected {
    /// The same case with NaN as one value of one of its inputs, both of them chosen by the case. `None` where no input has
    /// floating-point values.
    fn poisoned(&self) -> Option<&Self> {
        let made = self.poisoned.get_or_init(|| {
            let floats: Vec<usize> = (0..self.case.inputs.len()).filter(|i| self.is_poisoned(*i)).collect();
            let chance = chance(&format!("{:?}", self.case));
            let input = *floats.get(chance % floats.len().max(1))?;
            let mut values = self.values.clone();
            let at = chance / 31 % values[input].len();
            values[input][at] = f32::NAN;
            Some(Box::new(self.case.expect_with(values)))
        });
        made.as_deref()
    }

    /// Runs a plan of the case with a value that is NaN. Results must be NaN where the reference is, and elsewhere as exact as without it.
    pub(crate) fn check_poisoned(&self, device: &Device, plan: Plan) -> Result<(), String> {
        if self.graph.node(self.output).name != "case" {
            return Ok(());
        }
        let Some(poisoned) = self.poisoned() else { return Ok(()) };
        let (variant, outputs) = poisoned.execute(device, plan)?;
        let output = self.graph.node(self.output);
        let compared = match output.ty.dtype {
            DType::U32 => compare_u32(outputs.u32(&output.name).map_err(text)?, &poisoned.want),
            dtype @ (DType::F32 | DType::F16) => {
                let mut got = outputs.f32(&output.name).map_err(text)?.to_vec();
                let mut want = poisoned.want.clone();
                let spreads = poisoned.spreads();
                for (i, (got, want)) in got.iter_mut().zip(&mut want.data).enumerate() {
                    if want.is_nan() && !got.is_nan() {
                        return Err(format!(
                            "variant {variant}, with {}: value {i} is {got}, not NaN",
                            poisoned.poison()
                        ));
                    }
                    if want.is_nan() || (got.is_nan() && spreads) {
                        (*got, *want) = (0.0, 0.0);
                    }
                }
                let magnitudes =
                    self.magnitude.data.iter().zip(&poisoned.magnitude.data).map(|(own, now)| own.max(*now));
                let magnitude = Tensor::new(want.shape, magnitudes.collect());
                compare(&got, &want, &magnitude, Tolerance::of(dtype))
            }
        };
        compared.map_err(|e| format!("variant {variant}, with {}: {e}", poisoned.poison()))
    }

    /// Whether an input may have the NaN: labels cannot, and class weights are constants of a program.
    fn is_poisoned(&self, input: usize) -> bool {
        let weights = match self.case.op {
            Op::CrossEntropy(_) | Op::Fused(Fused::CrossEntropy(_)) => Some(2),
            Op::Gradient(Gradient::CrossEntropy(_)) | Op::Fused(Fused::CrossEntropyGrad(_)) => Some(3),
            Op::LabelWeight(_) => Some(1),
            _ => None,
        };
        self.case.inputs[input].dtype != DType::U32 && weights != Some(input)
    }

    /// Whether results may be NaN that the reference has not so: kernels multiply some NaN with zeros, as PyTorch does: a filter's, and that
    /// of the gradient that a filter's gradient is made of, with the zeros around an image; all that the gradient of a
    /// resized loss reads with weights of 0.
    fn spreads(&self) -> bool {
        let spreads = |(i, ty): (usize, &TensorType)| match self.case.op {
            Op::Gradient(Gradient::Conv2dWeight(_)) => i == 1,
            Op::Fused(Fused::CrossEntropyGrad(_)) => true,
            _ => ty.layout == Layout::Filter,
        };
        let mut inputs = self.case.inputs.iter().enumerate().zip(&self.values);
        inputs.any(|(input, values)| spreads(input) && values.iter().any(|v| v.is_nan()))
    }

    /// Where the NaN is.
    fn poison(&self) -> String {
        let found = self.values.iter().enumerate().find_map(|(input, values)| {
            let at = values.iter().position(|v| v.is_nan())?;
            Some(format!("NaN as value {at} of input {input}"))
        });
        found.unwrap_or_default()
    }
}

/// FNV-1a, shortened.
fn chance(text: &str) -> usize {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    (hash >> 20) as usize
}
