//! Streams of photographs: while the device works on a batch, the next is decoded, brought to size and uploaded.

use std::collections::VecDeque;

use atrous_gpu::{Flight, GpuError, Outputs};
use atrous_graph::Shape;
use atrous_nn::Task;
use atrous_vision::{ClassMap, Prediction, RgbImage, classify};

use super::Predictor;
use super::segment::class_map;
use crate::{Error, Result};

/// Number of batches that are submitted and not yet read. The session caches keep at least this number of sizes.
const FLIGHTS: usize = 2;

/// Reads the result of one sample from a batch's outputs, given the sample's index and its photograph's width and height.
type Read<'p, T> = Box<dyn Fn(&Outputs, usize, (u32, u32)) -> Result<T> + Send + 'p>;

/// The results for a stream of photographs, in the same order.
pub struct Many<'p, I, T> {
    predictor: &'p mut Predictor,
    photos: I,
    batch: usize,
    read: Read<'p, T>,
    batches: VecDeque<Batch>,
    ready: VecDeque<Result<T>>,
    /// Number of photographs whose results were returned.
    given: usize,
}

/// A batch that is submitted and not yet read.
struct Batch {
    shape: Shape,
    /// The network's input, kept so that the run can be repeated; empty if no photograph can be run.
    bytes: Vec<u8>,
    /// A photograph to segment that is not at the network's size yet.
    photo: Option<RgbImage>,
    /// `None` if no photograph of the batch can be run.
    flight: Result<Option<Flight>>,
    /// For each photograph its width and height, or the error in reading it.
    photos: Vec<Result<(u32, u32)>>,
}

impl Batch {
    /// No photographs.
    fn empty() -> Self {
        Self { shape: Shape::channels(0), bytes: Vec::new(), photo: None, flight: Ok(None), photos: Vec::new() }
    }

    fn submitted(mut self, predictor: &mut Predictor) -> Self {
        self.submit(predictor);
        self
    }

    fn submit(&mut self, predictor: &mut Predictor) {
        self.flight = self.begin(predictor);
    }

    fn begin(&mut self, predictor: &mut Predictor) -> Result<Option<Flight>> {
        if let Some(photo) = &self.photo {
            (self.shape, self.bytes) = predictor.fitted_to_segment(photo)?;
            self.photo = None;
        }
        match self.bytes.is_empty() {
            true => Ok(None),
            false => predictor.begin(self.shape, &self.bytes).map(|(_, flight)| Some(flight)),
        }
    }

    /// The outputs of the run; `None` if no photograph can be run.
    async fn finish(&mut self, predictor: &mut Predictor) -> Result<Option<Outputs>> {
        let Some(flight) = std::mem::replace(&mut self.flight, Ok(None))? else { return Ok(None) };
        Ok(Some(predictor.answers().session(self.shape)?.finish(flight).await?))
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn finish_blocking(&mut self, predictor: &mut Predictor) -> Result<Option<Outputs>> {
        let Some(flight) = std::mem::replace(&mut self.flight, Ok(None))? else { return Ok(None) };
        Ok(Some(predictor.answers().session(self.shape)?.finish_blocking(flight)?))
    }
}

impl Predictor {
    /// [`Self::classify`] for a stream of photographs, in batches of `batch` (at least one). The iterator is advanced while the device
    /// works on the batch before, so it should read the files: `paths.iter().map(|path| load_rgb8(path, &limits))`. The bytes are
    /// uploaded and normalised on the device.
    ///
    /// Results have the same bits as those of [`Self::classify`] for batches of this size; the last batch is filled up with black
    /// pictures. If a photograph cannot be read, the others are still classified.
    ///
    /// # Errors
    /// [`Error::Task`] unless the network is a classifier; [`Error::Vision`] for an impossible `k`.
    pub fn classify_many<'p, I>(
        &'p mut self,
        photos: I,
        k: usize,
        batch: usize,
    ) -> Result<Many<'p, I::IntoIter, Vec<Prediction>>>
    where
        I: IntoIterator<Item = atrous_vision::Result<RgbImage>>,
    {
        self.check_classifier(k)?;
        let best = move |outputs: &Outputs, sample: usize, _| {
            let logits = outputs.first().ok_or(GpuError::NoOutputs)?;
            let len = logits.shape.sample_len();
            Ok(classify(&logits.f32()?[sample * len..][..len], k)?)
        };
        Ok(Many::new(self, photos.into_iter(), batch.max(1), Box::new(best)))
    }

    /// [`Self::classify_many`] as an iterator, for callers that may block.
    ///
    /// # Errors
    /// As [`Self::classify_many`]; items have the errors of [`Many::next`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn classify_many_blocking<I>(
        &mut self,
        photos: I,
        k: usize,
        batch: usize,
    ) -> Result<impl Iterator<Item = Result<Vec<Prediction>>>>
    where
        I: IntoIterator<Item = atrous_vision::Result<RgbImage>>,
    {
        let mut many = self.classify_many(photos, k, batch)?;
        Ok(std::iter::from_fn(move || many.next_blocking()))
    }

    /// [`Self::segment`] for a stream of photographs of any sizes, one photograph per run; see [`Self::classify_many`].
    ///
    /// # Errors
    /// [`Error::Task`] unless the network segments.
    pub fn segment_many<'p, I>(&'p mut self, photos: I) -> Result<Many<'p, I::IntoIter, ClassMap>>
    where
        I: IntoIterator<Item = atrous_vision::Result<RgbImage>>,
    {
        self.check_segments()?;
        let map = |outputs: &Outputs, _, size| class_map(outputs, size);
        Ok(Many::new(self, photos.into_iter(), 1, Box::new(map)))
    }

    /// [`Self::segment_many`] as an iterator, for callers that may block.
    ///
    /// # Errors
    /// As [`Self::segment_many`]; items have the errors of [`Many::next`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn segment_many_blocking<I>(&mut self, photos: I) -> Result<impl Iterator<Item = Result<ClassMap>>>
    where
        I: IntoIterator<Item = atrous_vision::Result<RgbImage>>,
    {
        let mut many = self.segment_many(photos)?;
        Ok(std::iter::from_fn(move || many.next_blocking()))
    }
}

impl<'p, I, T> Many<'p, I, T>
where
    I: Iterator<Item = atrous_vision::Result<RgbImage>>,
{
    fn new(predictor: &'p mut Predictor, photos: I, batch: usize, read: Read<'p, T>) -> Self {
        let (batches, ready) = (VecDeque::new(), VecDeque::new());
        Self { predictor, photos, batch, read, batches, ready, given: 0 }
    }

    /// The next photograph's result; `None` after the last.
    ///
    /// # Errors
    /// [`Error::Photo`] with the photograph's position, if it cannot be read or resized, or if its batch cannot be run.
    pub async fn next(&mut self) -> Option<Result<T>> {
        while self.ready.is_empty() {
            let mut batch = self.begin()?;
            let outputs = loop {
                let ended = batch.finish(self.predictor).await;
                match self.predictor.revives(&ended).await {
                    Ok(true) => self.submit_again(&mut batch),
                    Ok(false) => break ended,
                    Err(error) => break Err(error),
                }
            };
            self.unpack(outputs, batch.photos);
        }
        self.take()
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn next_blocking(&mut self) -> Option<Result<T>> {
        while self.ready.is_empty() {
            let mut batch = self.begin()?;
            let outputs = loop {
                let ended = batch.finish_blocking(self.predictor);
                match self.predictor.revives_blocking(&ended) {
                    Ok(true) => self.submit_again(&mut batch),
                    Ok(false) => break ended,
                    Err(error) => break Err(error),
                }
            };
            self.unpack(outputs, batch.photos);
        }
        self.take()
    }

    /// Submits this batch and those after it once more, on a new device.
    fn submit_again(&mut self, batch: &mut Batch) {
        [batch].into_iter().chain(&mut self.batches).for_each(|batch| batch.submit(self.predictor));
    }

    /// Submits batches until [`FLIGHTS`] are submitted, and returns the first of them.
    fn begin(&mut self) -> Option<Batch> {
        while self.batches.len() < FLIGHTS {
            let segments = self.predictor.info.task == Task::Segmentation;
            let read = if segments { self.read_one() } else { self.read_batch() };
            let Some(batch) = read else { break };
            self.batches.push_back(batch);
        }
        self.batches.pop_front()
    }

    /// Submits the next photograph to a segmentation network, as a batch of one since sizes differ.
    fn read_one(&mut self) -> Option<Batch> {
        let photo = match self.photos.next()? {
            Ok(photo) => photo,
            Err(error) => {
                return Some(Batch { photos: vec![Err(error.into())], ..Batch::empty() });
            }
        };
        let photos = vec![Ok(photo.dimensions())];
        Some(Batch { photo: Some(photo), photos, ..Batch::empty() }.submitted(self.predictor))
    }

    fn read_batch(&mut self) -> Option<Batch> {
        let (mut shape, mut bytes, mut photos) = (Shape::channels(0), Vec::new(), Vec::new());
        let mut good = 0;
        while good < self.batch {
            let Some(photo) = self.photos.next() else { break };
            let fitted = photo.map_err(Error::from).and_then(|photo| {
                let (shape, image) = self.predictor.fitted_to_classify(&photo, self.batch)?;
                Ok((photo.dimensions(), shape, image))
            });
            photos.push(fitted.map(|(size, of, image)| {
                (shape, good) = (of, good + 1);
                bytes.extend_from_slice(&image);
                size
            }));
        }
        if photos.is_empty() {
            return None;
        }
        if good > 0 {
            // An incomplete batch is filled up with black pictures.
            bytes.resize(shape.n * shape.h * shape.w * 3, 0);
        }
        Some(Batch { shape, bytes, photos, ..Batch::empty() }.submitted(self.predictor))
    }

    /// Splits a batch's outputs into results. An error of the whole batch becomes one result, in place of its first photograph's.
    fn unpack(&mut self, outputs: Result<Option<Outputs>>, photos: Vec<Result<(u32, u32)>>) {
        let outputs = match outputs {
            Ok(outputs) => outputs,
            Err(error) => return self.ready.push_back(Err(error)),
        };
        let mut sample = 0;
        for photo in photos {
            let result = photo.and_then(|size| {
                let outputs = outputs.as_ref().ok_or(GpuError::NoOutputs)?;
                sample += 1;
                self.predictor.finite((self.read)(outputs, sample - 1, size))
            });
            self.ready.push_back(result);
        }
    }

    fn take(&mut self) -> Option<Result<T>> {
        let index = self.given;
        self.given += 1;
        let result = self.ready.pop_front()?;
        Some(result.map_err(|source| Error::Photo { index, source: Box::new(source) }))
    }
}
