//! Classification and segmentation of photographs.

mod classify;
mod many;
mod probabilities;
mod promise;
mod segment;
mod size;
mod textures;

use atrous_gpu::{Flight, InputData, Session, SessionCache};
use atrous_graph::Shape;
use atrous_nn::Task;
use atrous_vision::Preprocess;

use super::Predictor;
use crate::{Error, Result};

pub use many::Many;
pub(super) use promise::broken;

impl Predictor {
    /// Begins a run of the network's task on the bytes of pictures, which the device normalises.
    fn begin(&mut self, shape: Shape, bytes: &[u8]) -> Result<(&mut Session, Flight)> {
        let input = self.input.clone();
        let session = self.seeing(shape)?;
        let flight = session.begin(&[(&input, InputData::Rgb8(bytes))])?;
        Ok((session, flight))
    }

    /// The session of the network's task for images of this shape, set up to take bytes of pictures.
    fn seeing(&mut self, shape: Shape) -> Result<&mut Session> {
        let (input, preprocess) = (self.input.clone(), self.preprocess());
        seeing(self.answers(), &input, preprocess, shape)
    }

    /// Adds the network's name to errors about values that are not finite.
    fn finite<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| match error {
            Error::Vision(source @ atrous_vision::Error::NotFinite { .. }) => {
                Error::NotFinite { model: self.name().to_owned(), source }
            }
            other => other,
        })
    }

    fn check_task(&self, needs: Task, wanted: &'static str) -> Result<()> {
        match self.info.task == needs {
            true => self.check_promise(),
            false => Err(Error::Task { model: self.name().to_owned(), is: self.info.task, wanted }),
        }
    }

    /// Checks that the network's output has the shape that its info states.
    fn check_promise(&self) -> Result<()> {
        let Some([image, promised, result]) = self.promise else { return Ok(()) };
        let found = format!("of an image of {image} it makes {result} in place of {promised}");
        let (model, is, classes) = (self.name().to_owned(), self.info.task, self.info.classes);
        Err(Error::Promise { model, is, classes, found })
    }
}

/// A session for images of this shape, set up to take bytes of pictures.
fn seeing<'s>(
    sessions: &'s mut SessionCache,
    input: &str,
    preprocess: Preprocess,
    shape: Shape,
) -> Result<&'s mut Session> {
    let tables = preprocess.tables()?;
    let session = sessions.session(shape)?;
    if !session.takes_pixels() {
        session.take_pixels(input, &tables)?;
    }
    Ok(session)
}
