//! Convolutions fused with the operations right before and after them.

use atrous_graph::op::{Convolution, Fused, FusedConv};
use atrous_graph::{Op, TensorType};

use super::{forward, transposed};
use crate::cut::{Cut, Section};
use crate::dispatch::NodePlan;
use crate::error::PlanError;
use crate::kernels::Kernels;
use crate::problem::Problem;
use crate::variant::Entry;

impl Kernels for FusedConv {
    fn variants(&self) -> Vec<&'static Entry> {
        convolution(&self.conv).variants()
    }

    fn plan(&self, problem: &Problem<'_>) -> Result<NodePlan, PlanError> {
        match &self.conv {
            Convolution::Forward(conv) => forward::plan(conv, *self, problem),
            Convolution::Transposed(conv) => transposed::plan(conv, *self, problem),
        }
    }

    fn cut(&self, section: &Section<'_>) -> Option<Cut> {
        let split = self.conv_inputs();
        let alone = Section { op: &self.conv.op(), inputs: &section.inputs[..split], ..*section };
        let mut cut = convolution(&self.conv).cut(&alone)?;
        cut.op = Op::Fused(Fused::Conv(Self { conv: Self::of(&cut.op, split)?.conv, ..*self }));
        // A residual is as large as the result, or one pixel of each sample.
        let pixel = |ty: &TensorType| ty.shape.h == 1 && section.output.shape.h > 1;
        let window = |ty| if pixel(ty) { section.samples(0..1) } else { section.window.clone() };
        cut.inputs.extend(section.inputs[split..].iter().map(window));
        Some(cut)
    }

    fn writes_slices(&self) -> bool {
        true
    }

    fn is_worth_measuring(&self) -> bool {
        true
    }
}

/// The kernels of the convolution alone.
fn convolution(conv: &Convolution) -> &dyn Kernels {
    match conv {
        Convolution::Forward(conv) => conv,
        Convolution::Transposed(conv) => conv,
    }
}
