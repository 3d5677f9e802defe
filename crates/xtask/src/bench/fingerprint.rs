//! What a change of the code leaves as it was: plans and results of the workloads, each as one number.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use atrous_gpu::{Data, Device};
use atrous_kernels::plan::PlannedDispatch;
use atrous_kernels::{CompileOptions, Limits, Plan, Purpose, Target, compile};

use super::program::{Program, Values};
use super::workload::{self, Built, Workload};

/// Training steps whose result is looked at.
const STEPS: usize = 3;

/// Which workloads, and where their plans are written.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Only workloads whose name holds this text, such as W or O4.
    #[arg(long, value_name = "TEXT", default_value = "")]
    filter: String,
    /// Write each plan, with all dispatches, as a text file into this folder.
    #[arg(long, value_name = "FOLDER")]
    plans: Option<PathBuf>,
}

/// Prints a line for each workload: hashes of its plan for this adapter, of its plan for a GPU of WebGPU's limits, and of the bits of
/// its results, which are a run's outputs or, of a training step, loss and parameters after a few updates. Two builds of one compiler
/// that print the same compute the same.
///
/// # Errors
/// If there is no adapter, no such workload, a run fails, or a file cannot be written.
pub fn run(options: &Options, out: &mut impl Write) -> Result<()> {
    let wanted = options.filter.to_lowercase();
    let workloads: Vec<Workload> =
        workload::all().into_iter().filter(|w| w.name.to_lowercase().contains(&wanted)).collect();
    ensure!(!workloads.is_empty(), "no workload's name holds \"{}\"; there are {}", options.filter, workload::names());
    if let Some(folder) = &options.plans {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    for workload in &workloads {
        let built = workload.build()?;
        let device = super::device::open()?;
        let mut program = Program::new(&device, &built, None)?;
        let texts = [("here", text(program.figures().0)), ("gpu", text(&gpu_plan(&built, &device)?))];
        if let Some(folder) = &options.plans {
            for (target, text) in &texts {
                let file = folder.join(format!("{} {target}.txt", workload.name));
                std::fs::write(&file, text).with_context(|| file.display().to_string())?;
            }
        }
        let [here, gpu] = texts.map(|(_, text)| hash(&text));
        let results = results(&mut program, &Values::of(&built.graph))?;
        writeln!(out, "{:<40} plan {here:016x}  for a GPU {gpu:016x}  results {results:016x}", workload.name)?;
    }
    Ok(())
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// The plan for a GPU of WebGPU's limits.
fn gpu_plan(built: &Built, device: &Device) -> Result<Plan> {
    let outputs = built.graph.outputs();
    let purpose = match &built.training {
        None => Purpose::Inference { outputs, fold: true },
        Some(training) => Purpose::Training { training, outputs },
    };
    let options: CompileOptions = device.options().into();
    Ok(compile(&built.graph, &purpose, options, &Target::new(Limits::WEBGPU, false))?.plan)
}

/// The plan as it is printed with all reasons, then each dispatch with its kernel, constants, bindings and grid.
fn text(plan: &Plan) -> String {
    let mut text = format!("{plan:#}\n");
    let mut line = |name: &str, dispatch: &PlannedDispatch| {
        let mut constants = dispatch.overrides.clone();
        constants.sort_by(|a, b| a.0.cmp(b.0));
        let PlannedDispatch { shader, bindings, access, grid, .. } = dispatch;
        let kernel = (shader.name, shader.variant);
        writeln!(text, "{name}: {kernel:?} {grid:?} {constants:?} {bindings:?} {access:?}")
            .expect("writing to a string");
    };
    for step in &plan.steps {
        step.dispatches.iter().for_each(|dispatch| line(&step.name, dispatch));
    }
    let last = plan.training.iter().flat_map(|training| &training.update);
    for update in plan.after.iter().chain(last) {
        update.dispatches.iter().for_each(|dispatch| line(update.name, dispatch));
    }
    text
}

/// A hash of the bits of all results.
fn results(program: &mut Program, values: &Values) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    if let Program::Inference(session) = program {
        for output in session.run_blocking(&values.inputs())?.into_vec() {
            match &output.data {
                Data::F32(values) => values.iter().for_each(|v| v.to_bits().hash(&mut hasher)),
                Data::U32(values) => values.hash(&mut hasher),
            }
        }
    }
    if matches!(program, Program::Training(..)) {
        for _ in 0..STEPS {
            program.run(&values.inputs())?;
        }
    }
    if let Program::Training(session, _) = program {
        let mut parameters: Vec<_> = session.parameters().download_blocking()?.into_iter().collect();
        parameters.extend(session.download_state_blocking()?);
        parameters.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, values) in parameters {
            name.hash(&mut hasher);
            values.iter().for_each(|v| v.to_bits().hash(&mut hasher));
        }
    }
    Ok(hasher.finish())
}
