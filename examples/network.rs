//! The network that an example runs, from the command line.

use std::path::PathBuf;

use atrous::nn::{Network, zoo};
use atrous::{AdapterChoice, Device, DeviceOptions, Predictor, PredictorOptions, Weights};
use clap::Args;

use crate::{Failure, Reference, announce, say};

/// Arguments that choose a network, its weights and a device.
#[derive(Args)]
pub struct NetworkArgs {
    /// Safetensors file with the tensors of the framework that the network comes from
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// Take values of that file that are NaN or infinite as they are
    #[arg(long)]
    allow_non_finite: bool,
    /// Number of classes that the weights were trained on [default: the network's own]
    #[arg(long, value_name = "N")]
    pub classes: Option<usize>,
    /// Height and width at which the network sees the photograph, or one number for both [default: chosen to suit both]
    #[arg(long, value_name = "HxW", value_parser = size)]
    pub size: Option<[usize; 2]>,
    /// Adapter to use: part of its name, its index, `software`, or `auto`
    #[arg(long, value_name = "WHICH", env = "ATROUS_ADAPTER", default_value = "auto")]
    adapter: String,
}

impl NetworkArgs {
    /// Opens the device and says which one it is, then loads the network `model` onto it.
    ///
    /// # Errors
    /// If there is no such device or network, or the weights do not fit.
    pub fn load(&self, model: &str) -> Result<Predictor, Failure> {
        let network = zoo::network(model)?;
        let network = match self.classes {
            Some(classes) => network.with_classes(classes)?,
            None => network,
        };
        let device = Device::open_blocking(&AdapterChoice::parse(&self.adapter), DeviceOptions::from_env()?)?;
        announce(&device);
        let weights = self.weights(&*network)?;
        let options = PredictorOptions { size: self.size, classes: None };
        Ok(Predictor::new(&device, network, &weights, options)?)
    }

    /// The weights file; else the numbers that the network's stored results were computed with, or random ones.
    fn weights(&self, network: &dyn Network) -> Result<Weights, Failure> {
        if let Some(file) = &self.weights {
            let weights = Weights::File(file.clone());
            return Ok(if self.allow_non_finite { weights.allow_non_finite() } else { weights });
        }
        let model = network.name();
        say(&format!("No --weights given: {model} runs on made-up numbers, so its classes mean nothing.\n"));
        match Reference::find(&model)? {
            Some(reference) => reference.weights(network),
            None => Ok(Weights::Init(0)),
        }
    }

    /// Where the weights are made up and results for `model` are stored: those results.
    ///
    /// # Errors
    /// If the stored results are damaged.
    pub fn reference(&self, model: &str) -> Result<Option<Reference>, Failure> {
        match (&self.weights, self.classes) {
            (None, None) => Reference::find(model),
            _ => Ok(None),
        }
    }
}

/// `224`, `224x320`: height and width.
fn size(text: &str) -> Result<[usize; 2], String> {
    let side = |text: &str| text.parse().ok().filter(|n| (1..=65_535).contains(n));
    let (h, w) = text.split_once(['x', 'X', '×']).unwrap_or((text, text));
    match (side(h), side(w)) {
        (Some(h), Some(w)) => Ok([h, w]),
        _ => Err("expected HEIGHTxWIDTH, such as 224x320, each from 1 to 65535".to_owned()),
    }
}
