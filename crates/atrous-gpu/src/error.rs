//! Errors of devices, sessions and runs.

use std::time::Duration;

use atrous_graph::{DType, GraphError, Shape, SourceError, TensorType};
use atrous_kernels::PlanError;

/// A failure on the way from an adapter to results.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GpuError {
    /// There is no adapter.
    #[error(
        "no WebGPU adapter found: looked for {looked_for}. On Debian and Ubuntu the packages mesa-vulkan-drivers and \
         libvulkan1 bring Vulkan drivers, one of them for the CPU"
    )]
    NoAdapter {
        /// The adapter choice and the backends that were looked at.
        looked_for: String,
    },
    /// There are adapters, but not the one asked for.
    #[error("no adapter is {wanted}; there are: {available}")]
    NoMatch {
        /// What was asked for, in words.
        wanted: String,
        /// The adapters with their indices.
        available: String,
    },
    /// The adapter does not give a device with these limits or features.
    #[error("adapter \"{adapter}\" gives no device: {reason}")]
    RequestDevice {
        /// The adapter's name.
        adapter: String,
        /// The adapter's reason.
        reason: String,
    },
    /// A device of the caller was opened with a limit below what kernels need.
    #[error(
        "the device was opened with {limit} {got}, atrous needs {needs}: ask for it in required_limits, or for all that the \
         adapter has"
    )]
    DeviceLimit {
        /// WebGPU's name of the limit.
        limit: &'static str,
        /// The least value that kernels need.
        needs: u64,
        /// What the device was opened with.
        got: u64,
    },
    /// A device of the caller was given with another adapter than the one that opened it.
    #[error("the device was opened on adapter \"{device}\", not on \"{adapter}\"")]
    OtherAdapter {
        /// The adapter of the device.
        device: String,
        /// The adapter that the device was given with.
        adapter: String,
    },
    /// A queue that does not belong to the device it was given with.
    #[error("the queue is not that of the device")]
    OtherQueue,
    /// The device is gone: unplugged, reset by the driver, or destroyed. All its sessions and parameters are lost.
    #[error("the device was lost: {0}")]
    DeviceLost(String),
    /// The device was opened by its program and given to atrous, which cannot open it again: buffers and textures that the program shares
    /// with it would be missing.
    #[error("the device was opened by its program, which must open it again itself")]
    Given,
    /// A run did not end within the [time limit](crate::DeviceOptions::timeout). The device counts as lost.
    #[error("the device did not end a run within {} s{}", limit.as_secs_f64(), culprit(.node.as_deref()))]
    Timeout {
        /// The time limit.
        limit: Duration,
        /// The first node that also on a new device, computed alone and with zeros in place of inputs and parameters, does not end.
        node: Option<String>,
    },
    /// The device has no memory left.
    #[error("out of device memory: {0}")]
    OutOfMemory(String),
    /// The memory that the plan predicts is above the budget. Nothing was allocated.
    #[error(
        "{needs} bytes of device memory are needed ({}), the budget is {budget}",
        parts([*activations, *parameters, *gradients, *state, *transfer])
    )]
    MemoryBudget {
        /// Bytes of all of the following together.
        needs: u64,
        /// Bytes of activations and scratch memory.
        activations: u64,
        /// Bytes of parameters.
        parameters: u64,
        /// Bytes of gradients, including accumulated ones.
        gradients: u64,
        /// Bytes of the optimizer's state.
        state: u64,
        /// Bytes of inputs, of the readback of the outputs and of constant tables.
        transfer: u64,
        /// Bytes that the device's options allow.
        budget: u64,
    },
    /// A buffer that cannot be split is larger than the device allows.
    #[error("{what} needs a buffer of {needs} bytes, the adapter allows {limit}")]
    BufferLimit {
        /// What the buffer is for.
        what: &'static str,
        /// Bytes of the buffer.
        needs: u64,
        /// The device's `max_buffer_size`.
        limit: u64,
    },
    /// WebGPU refused a call of atrous, which is a bug of atrous.
    #[error("{what} was refused (a bug of atrous): {reason}")]
    Validation {
        /// What atrous was doing.
        what: String,
        /// WebGPU's text.
        reason: String,
    },
    /// The kernel of a custom operation is not valid WGSL, or needs more than the device has.
    #[error("the kernel of {op} was refused: {reason}")]
    CustomKernel {
        /// The operation.
        op: &'static str,
        /// WebGPU's text, with the lines of the kernel that it refers to.
        reason: String,
    },
    /// The graph cannot be planned for this device.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The graph for an input shape could not be built.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A parameter could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A buffer or texture of the caller cannot be used for this purpose.
    #[error("{what}: {reason}")]
    Resource {
        /// The purpose of the buffer or texture.
        what: String,
        /// Why it cannot be used.
        reason: String,
    },
    /// The inputs of a run do not fit the graph.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The graph's parameters differ from the uploaded ones.
    #[error("parameter \"{name}\": the graph needs {needs}, uploaded was {uploaded}")]
    ParameterMismatch {
        /// The parameter's name.
        name: String,
        /// Its type in the graph, or `nothing`.
        needs: String,
        /// Its type as uploaded, or `nothing`.
        uploaded: String,
    },
    /// Parameters of one device used on another.
    #[error("the parameters were uploaded to another device")]
    OtherDevice,
    /// A profile of a device that measures no times.
    #[error(
        "adapter \"{adapter}\" cannot be profiled: {}",
        if *on_adapter { "the device was opened without timestamps" } else { "it has no timestamp queries" }
    )]
    NoTimestamps {
        /// The adapter's name.
        adapter: String,
        /// Whether the adapter has timestamps, and only the device was opened without.
        on_adapter: bool,
    },
    /// f16 was asked for on an adapter that does not convert it.
    #[error("adapter \"{adapter}\" cannot store tensors in f16: it lacks SHADER_F16_IN_F32")]
    NoF16 {
        /// The adapter's name.
        adapter: String,
    },
    /// Cooperative matrices were asked for on an adapter that has none that kernels can use.
    #[error("adapter \"{adapter}\" multiplies no cooperative matrices: {reason}")]
    NoCooperative {
        /// The adapter's name.
        adapter: String,
        /// Why kernels cannot use the adapter's matrices.
        reason: String,
    },
    /// One of many runs failed.
    #[error("item {index}: {source}")]
    Item {
        /// The item's position, counted from 0.
        index: usize,
        /// The item's error.
        source: Box<GpuError>,
    },
    /// The run was begun by another session.
    #[error("the run was begun by another session")]
    OtherSession,
    /// A session needs at least one output or total.
    #[error("a session needs at least one output or total")]
    NoOutputs,
    /// No output of this name.
    #[error("no output is named \"{name}\"; there are: {available}")]
    UnknownOutput {
        /// The name asked for.
        name: String,
        /// The outputs' names.
        available: String,
    },
    /// An output read as the wrong element type.
    #[error("output \"{name}\" holds {holds}, asked for was {wanted}")]
    OutputType {
        /// The output's name.
        name: String,
        /// Element type of the output.
        holds: DType,
        /// The type asked for.
        wanted: DType,
    },
    /// On a device opened with [`DeviceOptions::finite`](crate::DeviceOptions::finite), a node of a run has values that are not finite.
    #[error(
        "the first values that are not finite are those of \"{node}\": {count} of {shape}, the first of them {value} at index {index}"
    )]
    NotFinite {
        /// The first such node, in the order of the graph.
        node: String,
        /// Its shape.
        shape: Shape,
        /// Index of the first value that is not finite, dense in the order N, H, W, C.
        index: usize,
        /// That value.
        value: f32,
        /// How many are not finite.
        count: usize,
    },
    /// A plan that is not one of a training step was given to a training session.
    #[error("the plan does not train: it was not made by plan_training")]
    NotTraining,
    /// A training session of another batch size has other trained parameters or another optimizer.
    #[error("a session of another batch size must train the same parameters with the same optimizer")]
    OtherTraining,
    /// A plan of a training step was given to a session that changes no parameters.
    #[error("the plan trains: it is for a training session")]
    Trains,
    /// An option of a training step has a value outside of its range.
    #[error("a training step's {option} must be {expected}, got {value}")]
    StepOption {
        /// The option's name.
        option: &'static str,
        /// The values that it may have.
        expected: &'static str,
        /// The value given.
        value: String,
    },
    /// A value was given for a tensor that does not exist, or is missing for one that does.
    #[error("there is no {what} \"{name}\"; there are: {available}")]
    UnknownTensor {
        /// What kind of tensor.
        what: &'static str,
        /// The name asked for.
        name: String,
        /// The names that exist.
        available: String,
    },
    /// The number of values is not that of the tensor.
    #[error("\"{name}\": {shape} needs {needs} values, got {got}")]
    TensorLength {
        /// The tensor's name.
        name: String,
        /// Shape of the tensor.
        shape: Shape,
        /// Elements of that shape.
        needs: usize,
        /// Elements given.
        got: usize,
    },
    /// Tuning was asked for on a device opened with [`Tuning::Off`](crate::Tuning::Off).
    #[error("tuning is off on this device (ATROUS_TUNE, DeviceOptions::tuning)")]
    TuningOff,
    /// An environment variable has a value that is not allowed.
    #[error("{variable}={}: expected {expected}", atrous_files::excerpt(value))]
    Environment {
        /// The variable's name.
        variable: &'static str,
        /// The value that it is set to.
        value: String,
        /// The values that it may have.
        expected: &'static str,
    },
}

/// Why the inputs of a run do not fit the graph.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The outputs need an input that was not given.
    #[error("input \"{name}\" ({ty}) is missing")]
    Missing {
        /// The input's name.
        name: String,
        /// Type of the input.
        ty: TensorType,
    },
    /// The graph has no such input.
    #[error("there is no input \"{name}\"; the graph has: {available}")]
    Unknown {
        /// The name given.
        name: String,
        /// The graph's inputs.
        available: String,
    },
    /// An input was given twice.
    #[error("input \"{name}\" is given twice")]
    Twice {
        /// The input's name.
        name: String,
    },
    /// An input has the wrong number of elements.
    #[error("input \"{name}\": {shape} needs {needs} values, got {got}")]
    Length {
        /// The input's name.
        name: String,
        /// Shape of the input.
        shape: Shape,
        /// Elements of that shape.
        needs: usize,
        /// Elements given.
        got: usize,
    },
    /// A batch has another number of samples than the step that it is given to.
    #[error(
        "the step takes batches of {needs} samples, got {got}: leave incomplete batches out (LoaderOptions::drop_last), or fill them \
         (Batch::filled)"
    )]
    Samples {
        /// Samples of a batch of this step.
        needs: usize,
        /// Samples given.
        got: usize,
    },
    /// An input cannot be given as bytes of pictures.
    #[error("input \"{name}\" ({ty}) is not made of pictures' bytes: {reason}")]
    Pixels {
        /// The input's name.
        name: String,
        /// Type of the input.
        ty: TensorType,
        /// Why it cannot.
        reason: &'static str,
    },
    /// An input has the wrong element type.
    #[error("input \"{name}\" is {needs}, got {got}")]
    Type {
        /// The input's name.
        name: String,
        /// Element type of the input.
        needs: DType,
        /// The type given.
        got: DType,
    },
}

impl GpuError {
    /// Converts an error of wgpu; `what` describes what atrous was doing.
    pub(crate) fn from_wgpu(what: &str, error: &wgpu::Error) -> Self {
        match error {
            wgpu::Error::OutOfMemory { source } => Self::OutOfMemory(format!("{what}: {source}")),
            wgpu::Error::Validation { description, .. } | wgpu::Error::Internal { description, .. } => {
                Self::Validation { what: what.to_owned(), reason: description.clone() }
            }
        }
    }
}

/// What is known of a run that does not end.
fn culprit(node: Option<&str>) -> String {
    match node {
        Some(node) => format!(": \"{node}\" does not end"),
        None => "; which node does not is not known".to_owned(),
    }
}

/// What needs memory: `5 for activations, 3 for parameters`.
fn parts(bytes: [u64; 5]) -> String {
    let what = ["activations", "parameters", "gradients", "the optimizer's state", "inputs, outputs and tables"];
    let needed = bytes.into_iter().zip(what).filter(|(bytes, _)| *bytes > 0);
    needed.map(|(bytes, what)| format!("{bytes} for {what}")).collect::<Vec<_>>().join(", ")
}
