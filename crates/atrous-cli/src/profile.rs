//! `atrous profile`.

use std::io::Write;
use std::sync::Arc;

use atrous::gpu::{InputData, Parameters, Profile, Roofline, Session, StepOptions, TrainingSession};
use atrous::graph::{DType, Graph};
use atrous::nn::{Init, Mode, Model};
use atrous::{Device, DeviceOptions, Result};

use crate::args::ProfileOptions;
use crate::output::announce_kernels;
use crate::step::step;

/// The measured costs of a network's layers, with randomly drawn parameters.
pub(crate) fn profile(options: &ProfileOptions) -> Result<String> {
    let mode = if options.train { Mode::Training } else { Mode::Inference };
    let mut model = options.network.build_for(mode)?;
    let device = options.adapter.open_with(DeviceOptions { timestamps: true, ..DeviceOptions::from_env()? })?;
    // A search compiles kernels continually, so compilation is not reported during it.
    if !options.tune.is_wanted() {
        announce_kernels(&device);
    }
    let parameters = Parameters::upload(&device, &model.graph, &Init::new(&model, 0))?;
    let (profile, tuned) = match options.train {
        true => training(&device, &mut model, parameters, options)?,
        false => inference(&device, &model, parameters, options)?,
    };
    let mut out = tuned.unwrap_or_default();
    out.push_str(&profile.table(&Roofline::measure_blocking(&device)?));
    if let Some(path) = &options.trace {
        let failed = |source| atrous::vision::Error::Io { path: atrous_files::shown(path), action: "write", source };
        atrous_files::write(atrous_files::follow(path), |file| file.write_all(profile.trace().as_bytes()))
            .map_err(failed)?;
        out.push_str(&format!("\ntrace written to {}\n", atrous_files::shown(path)));
    }
    Ok(out)
}

type Profiled = (Profile, Option<String>);

fn inference(device: &Device, model: &Model, parameters: Parameters, options: &ProfileOptions) -> Result<Profiled> {
    let parameters = Arc::new(parameters);
    let open = || Session::new(device, &model.graph, &[model.output()], parameters.clone());
    let mut session = open()?;
    let tuned = options.tune.run(device, session.plan())?;
    if tuned.is_some() {
        session = open()?;
    }
    let values = values(&model.graph);
    Ok((session.profile_blocking(&inputs(&values), options.runs)?, tuned))
}

fn training(device: &Device, model: &mut Model, parameters: Parameters, options: &ProfileOptions) -> Result<Profiled> {
    let training = step(model, device.options().precision)?;
    let parameters = Arc::new(parameters);
    let open = || TrainingSession::new(device, &model.graph, &[], &training, parameters.clone());
    let mut session = open()?;
    let tuned = options.tune.run(device, session.plan())?;
    if tuned.is_some() {
        session = open()?;
    }
    let mut values = values(&model.graph);
    values.retain(|(name, ..)| session.inputs().any(|(input, _)| input == *name));
    let profile = session.profile_blocking(&inputs(&values), StepOptions::new(1e-3, 1), options.runs)?;
    Ok((profile, tuned))
}

/// Values for all inputs of a graph: numbers from -1 to 1, labels of class 0.
fn values(graph: &Graph) -> Vec<(&str, DType, Vec<f32>, Vec<u32>)> {
    // Fractional parts of multiples of the golden ratio (a Weyl sequence): evenly distributed, and neighbours differ.
    let noise = |i: usize| (i as u32).wrapping_mul(0x9E37_79B9) as i32 as f32 / (1u32 << 31) as f32;
    let values = |dtype, len| match dtype {
        DType::F32 | DType::F16 => ((0..len).map(noise).collect(), Vec::new()),
        DType::U32 => (Vec::new(), vec![0; len]),
    };
    let inputs = graph.inputs().map(|(_, node)| {
        let (numbers, labels) = values(node.ty.dtype, node.ty.shape.len());
        (node.name.as_str(), node.ty.dtype, numbers, labels)
    });
    inputs.collect()
}

fn inputs<'a>(values: &'a [(&'a str, DType, Vec<f32>, Vec<u32>)]) -> Vec<(&'a str, InputData<'a>)> {
    let data = |(name, dtype, numbers, labels): &'a (&'a str, DType, Vec<f32>, Vec<u32>)| match dtype {
        DType::F32 | DType::F16 => (*name, InputData::F32(numbers)),
        DType::U32 => (*name, InputData::U32(labels)),
    };
    values.iter().map(data).collect()
}
