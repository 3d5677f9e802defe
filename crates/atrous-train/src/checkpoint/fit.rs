//! Whether a checkpoint belongs to a network.

use std::collections::HashMap;

use atrous_files::excerpt;
use atrous_graph::Shape;
use atrous_io::{Mismatch, Shapes, check_values};
use atrous_nn::Model;

use super::{Checkpoint, CheckpointError, NamedTensor};

impl Checkpoint {
    /// Checks that the checkpoint belongs to `model` and to an optimizer with these tensors (`SLOT/NAME` for each trained parameter, such
    /// as `momentum/fc.weight`): network name, input shape, and names and shapes of all tensors must agree.
    ///
    /// # Errors
    /// [`CheckpointError::Other`] or [`CheckpointError::Mismatch`]; the latter lists all tensors that differ. [`CheckpointError::Values`] for
    /// parameters that are not finite or running variances that are negative.
    pub fn check<'a>(
        &self,
        model: &Model,
        optimizer: impl IntoIterator<Item = (&'a str, &'a [usize])>,
    ) -> Result<(), CheckpointError> {
        let parameters = model.parameters.iter().map(|p| (p.name.as_str(), &p.shape[..]));
        self.check_tensors("parameters", model, parameters, &self.parameters)?;
        if self.state.network != model.name {
            let (needs, got) = (model.name.clone(), self.state.network.clone());
            return Err(CheckpointError::Other { what: "network", needs, got });
        }
        let [n, h, w, c] = self.state.input;
        let got = Shape::new(n, h, w, c);
        if got != model.input_shape() {
            let needs = model.input_shape().to_string();
            return Err(CheckpointError::Other { what: "input shape", needs, got: got.to_string() });
        }
        self.check_tensors("optimizer's tensors", model, optimizer, &self.optimizer)?;
        let values: HashMap<&str, &[f32]> = self.parameters.iter().map(|t| (t.name.as_str(), &t.values[..])).collect();
        let mut specs = model.parameters.iter();
        let checked =
            specs.try_for_each(|spec| check_values(spec, values.get(&*spec.name).copied().unwrap_or_default()));
        checked.map_err(|bad| CheckpointError::Values(Box::new(bad)))
    }

    fn check_tensors<'a>(
        &self,
        what: &'static str,
        model: &Model,
        needs: impl IntoIterator<Item = (&'a str, &'a [usize])>,
        got: &[NamedTensor],
    ) -> Result<(), CheckpointError> {
        let mut mismatch = Mismatch::default();
        let mut left: HashMap<&str, &[usize]> = got.iter().map(|t| (t.name.as_str(), &t.shape[..])).collect();
        for (name, needs) in needs {
            match left.remove(name) {
                None => mismatch.missing.push(name.to_owned()),
                Some(got) if got != needs => {
                    mismatch.shapes.push(Shapes { name: name.to_owned(), needs: needs.to_vec(), got: got.to_vec() });
                }
                Some(_) => {}
            }
        }
        mismatch.unexpected = got.iter().map(|t| &t.name).filter(|n| left.contains_key(n.as_str())).cloned().collect();
        if mismatch.is_empty() {
            return Ok(());
        }
        let mut network = model.name.clone();
        if self.state.network != network {
            network = format!("{network}, it is one of {}", excerpt(&self.state.network));
        } else if let Some([needs, got]) = mismatch.classes(model.output_shape().c) {
            network = format!("{network} of {needs} classes, it is of {got}");
        }
        Err(CheckpointError::Mismatch { what, network, mismatch: Box::new(mismatch) })
    }
}
