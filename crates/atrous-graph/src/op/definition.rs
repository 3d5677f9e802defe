//! The properties of an operation: its name, its rules of shapes and types, its costs.

use crate::{DType, Layout, TensorType};

/// The definition of an operation, implemented beside its attributes. Defaults hold for most operations.
pub(crate) trait Definition {
    /// The operation's name in prints and errors.
    fn name(&self) -> &'static str;

    /// Least and largest number of inputs.
    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    /// The shape rule: the type of the result if nothing is stored in f16. Number, element types and layouts of the
    /// inputs have been checked.
    ///
    /// # Errors
    /// What the operation expects and what it got, without the node's name.
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String>;

    /// The attributes as text; empty if it has none.
    fn attributes(&self) -> String {
        String::new()
    }

    /// Whether an input may be stored in f16, so that kernels read f32 and f16. All such inputs of a node have the same
    /// type.
    fn stores(&self, input: usize) -> bool {
        input == 0
    }

    /// Whether the result has the element type of input 0, unless it is a map. If not, it has that of the shape rule:
    /// reductions, statistics, gradients of parameters.
    fn stored_as_input(&self) -> bool {
        self.stores(0)
    }

    /// Whether the values of an input are copied unchanged, so that it may be a map.
    fn moves(&self, _input: usize) -> bool {
        false
    }

    /// Whether an input is a u32 map: labels, indices, a seed.
    fn takes_map(&self, _input: usize) -> bool {
        false
    }

    /// Whether an input is a filter.
    fn takes_filter(&self, _input: usize) -> bool {
        false
    }

    /// Whether any layout of these inputs is accepted, whatever [`Self::takes_filter`] says.
    fn takes_any_layout(&self, _inputs: &[TensorType]) -> bool {
        false
    }

    /// Multiply-accumulates: one per use of a weight by a convolution, padding counted as data.
    fn macs(&self, _inputs: &[TensorType], _output: TensorType) -> u64 {
        0
    }

    /// Whether the operation needs no kernel with this many inputs: its result is its first input's memory, or is
    /// uploaded.
    fn is_free(&self, _inputs: usize) -> bool {
        false
    }
}

/// Checks the inputs and infers the type of the result.
///
/// # Errors
/// What the operation expects and what it got, without the node's name.
pub(crate) fn infer(op: &dyn Definition, inputs: &[TensorType]) -> Result<TensorType, String> {
    check_inputs(op, inputs)?;
    let ty = op.infer(inputs)?;
    let dtype = if ty.dtype == DType::U32 || !op.stored_as_input() { ty.dtype } else { inputs[0].dtype };
    Ok(TensorType { dtype, ..ty })
}

/// Checks number, element types and layouts of the inputs.
fn check_inputs(op: &dyn Definition, inputs: &[TensorType]) -> Result<(), String> {
    let (least, most) = op.arity();
    if inputs.len() < least || inputs.len() > most {
        let wanted = if least == most { format!("{least}") } else { format!("at least {least}") };
        return Err(format!("needs {wanted} inputs, got {}", inputs.len()));
    }
    let any = op.takes_any_layout(inputs);
    for (i, ty) in inputs.iter().enumerate() {
        check_dtype(op, i, inputs)?;
        let wanted = if op.takes_filter(i) { Layout::Filter } else { Layout::Image };
        if ty.layout != wanted && !any {
            return Err(format!("input {i} must lie in memory as {wanted:?}, got {:?}", ty.layout));
        }
    }
    Ok(())
}

fn check_dtype(op: &dyn Definition, input: usize, inputs: &[TensorType]) -> Result<(), String> {
    let got = inputs[input].dtype;
    let wanted = if op.takes_map(input) {
        DType::U32
    } else if op.moves(input) && got == DType::U32 {
        return Ok(());
    } else if !op.stores(input) {
        DType::F32
    } else if input > 0 && op.stores(0) {
        // The filter, the second operand, the residual and the gradient have the type of the first input.
        inputs[0].dtype
    } else if got.is_float() {
        return Ok(());
    } else {
        DType::F32
    };
    if got == wanted { Ok(()) } else { Err(format!("input {input} must be {wanted}, got {got}")) }
}
