//! Tables of operations with their gradients, a line for each.

use atrous_cpu::Tensor;
use atrous_graph::op::Flip;
use atrous_graph::{Op, Shape};

use crate::check::{adjoined, compared, eval, noise};

/// What a gradient operation reads.
#[derive(Clone, Copy)]
pub(crate) enum Read {
    /// This input of the forward operation.
    Input(usize),
    /// The result of the forward operation.
    Result,
    /// The gradient of that result.
    Dy,
}

/// A line of a table: an operation, and the operation that is its gradient with respect to input 0.
pub(crate) struct Row {
    op: Op,
    /// The operation's inputs. The gradient is with respect to input 0.
    inputs: Vec<Tensor>,
    gradient: Op,
    reads: Vec<Read>,
    /// Whether the operation is linear in input 0.
    linear: bool,
}

impl Row {
    /// Any operation, with its inputs and what the gradient reads.
    pub(crate) fn new<const N: usize>(op: Op, inputs: Vec<Tensor>, gradient: Op, reads: [Read; N]) -> Self {
        Self { op, inputs, gradient, reads: reads.to_vec(), linear: false }
    }

    /// An operation whose only input is an image of this shape, in which it is linear.
    pub(crate) fn linear(op: Op, x: Shape, gradient: Op) -> Self {
        Self { linear: true, ..Self::new(op, vec![noise(x, 7)], gradient, [Read::Dy]) }
    }

    /// An operation that is linear in its input 0, with its inputs and what the gradient reads.
    pub(crate) fn linear_in<const N: usize>(op: Op, inputs: Vec<Tensor>, gradient: Op, reads: [Read; N]) -> Self {
        Self { linear: true, ..Self::new(op, inputs, gradient, reads) }
    }

    fn check(&self) -> Result<(), String> {
        let (x, others) = self.inputs.split_first().expect("an input");
        let forward = |x: &Tensor| eval(self.op, &[x].into_iter().chain(others).collect::<Vec<_>>());
        let result = forward(x);
        let backward = |dy: &Tensor| {
            let read = |read: &Read| match read {
                Read::Input(i) => self.inputs[*i].clone(),
                Read::Result => result.clone(),
                Read::Dy => dy.clone(),
            };
            let inputs: Vec<Tensor> = self.reads.iter().map(read).collect();
            eval(self.gradient, &inputs.iter().collect::<Vec<_>>())
        };
        if self.linear {
            adjoined(x.shape, forward, backward)?;
        }
        compared(x, forward, backward)
    }
}

/// Compares every gradient of a table with central differences, and those of linear operations with the adjoint
/// identity.
#[track_caller]
pub(crate) fn check_all(rows: impl IntoIterator<Item = Row>) {
    let failed = |row: Row| row.check().err().map(|reason| format!("{:?}: {reason}", row.op));
    let failed: Vec<String> = rows.into_iter().filter_map(failed).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
#[should_panic(expected = "ChannelSum: the gradient is 1×2×3×1, not 1×2×3×2")]
fn a_wrong_line_is_noticed() {
    let (shape, flip) = (Shape::new(1, 2, 3, 2), Op::Flip(Flip { vertical: true, horizontal: false }));
    let wrong = Row::new(Op::ChannelSum, vec![noise(shape, 1)], flip, [Read::Dy]);
    check_all([Row::linear(flip, shape, flip), wrong]);
}

#[test]
#[should_panic(expected = "Flip(Flip { vertical: true, horizontal: false }): ")]
fn a_wrong_linear_line_is_noticed() {
    let [up, back] = [(true, false), (false, true)].map(|(v, h)| Op::Flip(Flip { vertical: v, horizontal: h }));
    check_all([Row::linear(up, Shape::new(1, 2, 3, 2), back)]);
}
