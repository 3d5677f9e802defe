//! Photographs to answers.

mod classify;
mod many;
mod segment;
mod size;

use atrous_gpu::{Flight, InputData};
use atrous_graph::Shape;
use atrous_nn::Task;

use super::Predictor;
use crate::{Error, Result};

pub use many::Many;

impl Predictor {
    /// Uploads the bytes of pictures, which the device normalises, and begins the run that answers what the network is for.
    fn begin(&mut self, shape: Shape, bytes: &[u8]) -> Result<Flight> {
        let (tables, input) = (self.preprocess().tables()?, self.input.clone());
        let session = self.answers().session(shape)?;
        if !session.takes_pixels() {
            session.take_pixels(&input, &tables)?;
        }
        Ok(session.begin(&[(&input, InputData::Rgb8(bytes))])?)
    }

    fn check_task(&self, needs: Task, wanted: &'static str) -> Result<()> {
        match self.info.task == needs {
            true => Ok(()),
            false => Err(Error::Task { model: self.name().to_owned(), is: self.info.task, wanted }),
        }
    }
}
