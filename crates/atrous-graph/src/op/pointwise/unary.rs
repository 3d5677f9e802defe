//! Functions of single elements as operations.

use super::functions::Unary;
use crate::TensorType;
use crate::op::check;
use crate::op::definition::Definition;

impl Unary {
    /// Refuses parameters that define no function, or that kernels cannot take as constants.
    fn check(self) -> Result<(), String> {
        if let Self::Clip { low, high } = self {
            if low < f32::INFINITY && high > f32::NEG_INFINITY {
                return Ok(());
            }
            let rule = "limits must be a low one below infinity and a high one above -infinity";
            return Err(format!("{rule}, got {}", self.attributes()));
        }
        let positive = matches!(self, Self::Pow { .. } | Self::Huber { .. });
        let rule = if positive { "positive and finite" } else { "finite" };
        let good = |value: f32| value.is_finite() && (!positive || value > 0.0);
        match self.parameters().into_iter().find(|(_, value)| !good(*value)) {
            Some((name, value)) => Err(format!("{name} must be {rule}, got {value}")),
            None => Ok(()),
        }
    }
}

impl Definition for Unary {
    fn name(&self) -> &'static str {
        Self::name(*self)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        self.check()?;
        Ok(inputs[0])
    }

    fn attributes(&self) -> String {
        self.parameters().iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(" ")
    }
}

/// `dy * f'(x)`. For functions of [`Unary::from_result`] `x` may also be `f(x)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnaryGrad(pub Unary);

impl Definition for UnaryGrad {
    fn name(&self) -> &'static str {
        "unary_grad"
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        self.0.check()?;
        check::gradient(inputs[0], inputs[0], inputs[1])
    }

    fn attributes(&self) -> String {
        format!("{} {}", self.0.name(), self.0.attributes()).trim_end().to_owned()
    }

    fn stores(&self, _input: usize) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::Gradient;
    use crate::{Op, Shape};

    #[test]
    fn parameters_that_define_no_function_are_refused() {
        let x = [TensorType::image(Shape::channels(8))];
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        for (low, high) in [(-inf, inf), (0.0, inf), (-inf, 0.0), (1.0, -1.0)] {
            assert!(Op::Unary(Unary::Clip { low, high }).infer(&x).is_ok(), "{low} to {high}");
        }
        let limits = [(nan, 1.0), (0.0, nan), (inf, inf), (-inf, -inf)].map(|(low, high)| Unary::Clip { low, high });
        let not_finite = [nan, inf].into_iter().flat_map(|v| {
            [
                Unary::LeakyRelu { slope: v },
                Unary::Elu { alpha: v },
                Unary::Affine { scale: v, shift: 0.0 },
                Unary::Affine { scale: 1.0, shift: v },
                Unary::Pow { exponent: v },
                Unary::Huber { delta: v },
            ]
        });
        let not_positive = [Unary::Pow { exponent: 0.0 }, Unary::Huber { delta: -1.0 }];
        for function in not_finite.chain(limits).chain(not_positive) {
            let gradient = Op::Gradient(Gradient::Unary(UnaryGrad(function)));
            for refused in [Op::Unary(function).infer(&x), gradient.infer(&[x[0], x[0]])] {
                assert!(refused.is_err(), "{function:?}");
            }
        }
    }

    #[test]
    fn refusals_name_the_parameter() {
        let error = |function: Unary| function.check().expect_err("no function");
        assert_eq!(error(Unary::Affine { scale: 1.0, shift: f32::NAN }), "shift must be finite, got NaN");
        assert_eq!(error(Unary::Pow { exponent: 0.0 }), "exponent must be positive and finite, got 0");
        let limits = error(Unary::Clip { low: f32::NAN, high: 1.0 });
        assert_eq!(
            limits,
            "limits must be a low one below infinity and a high one above -infinity, got low NaN high 1"
        );
    }
}
