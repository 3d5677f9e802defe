//! The check of the values of a source.

use std::cell::RefCell;

use atrous_graph::{ParameterSource, SourceError, TensorType};
use atrous_nn::Model;

use crate::{BadValues, WeightsError, check_values};

/// A source whose values are checked as they are read: the first parameter with bad values ends the reading.
pub(crate) struct CheckedSource<'a> {
    model: &'a Model,
    source: &'a dyn ParameterSource,
    found: RefCell<Option<BadValues>>,
}

impl<'a> CheckedSource<'a> {
    pub(crate) const fn new(model: &'a Model, source: &'a dyn ParameterSource) -> Self {
        Self { model, source, found: RefCell::new(None) }
    }

    /// Calls `use_them` with this source; if bad values were read, they are the error, and what `use_them` returned is dropped.
    pub(crate) fn with<R>(self, use_them: impl FnOnce(&dyn ParameterSource) -> R) -> Result<R, WeightsError> {
        let used = use_them(&self);
        match self.found.into_inner() {
            Some(bad) => Err(WeightsError::Values { weights: "the source".to_owned(), bad: Box::new(bad) }),
            None => Ok(used),
        }
    }
}

impl ParameterSource for CheckedSource<'_> {
    fn write(&self, name: &str, ty: TensorType, device: &mut [f32]) -> Result<(), SourceError> {
        self.source.write(name, ty, device)?;
        let Some(spec) = self.model.parameter(name) else { return Ok(()) };
        if check_values(spec, device).is_ok() {
            return Ok(());
        }
        // Bad values are rare, so that only for them the padding is removed and the framework's order made.
        let stored = spec.to_stored_order(ty.shape, &ty.unpack(device))?;
        check_values(spec, &stored).map_err(|bad| {
            let reason = bad.to_string();
            self.found.replace(Some(bad));
            SourceError { name: name.to_owned(), reason }
        })
    }
}
