//! The measured arithmetic and memory throughput of an adapter.

use std::collections::HashMap;
use std::sync::Arc;

use atrous_graph::op::{Conv2d, Unary};
use atrous_graph::{DType, Graph, Layout, Op, Shape};

use super::times::{NodeProfile, Profile};
use crate::{Device, GpuError, InputData, Parameters, Session};

/// The two figures of a roofline (Williams et al., "Roofline", 2009): the throughput of a large matrix product and of a large copy with
/// the kernels of atrous. Nodes may exceed the second if their tensors lie in caches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Roofline {
    /// Side of the square matrices.
    pub gemm: usize,
    /// Throughput of their product in 10⁹ operations a second, two per multiply-accumulate.
    pub gflops: f64,
    /// Bytes of the tensor that is copied.
    pub copied: u64,
    /// Throughput of the copy in 10⁹ bytes a second, read and written bytes counted.
    pub gbytes: f64,
}

/// Number of measured runs; the fastest counts.
const RUNS: usize = 8;

impl Roofline {
    /// Measures a device.
    ///
    /// # Errors
    /// As [`Session::profile`].
    pub async fn measure(device: &Device) -> Result<Self, GpuError> {
        let [mut gemm, mut copy] = sessions(device)?;
        let (a, b) = (values(&gemm), values(&copy));
        let gemm = gemm.profile(&[("x", InputData::F32(&a))], RUNS).await?;
        Ok(Self::new(&gemm, &copy.profile(&[("x", InputData::F32(&b))], RUNS).await?))
    }

    /// [`Self::measure`], for callers that may block.
    ///
    /// # Errors
    /// As [`Self::measure`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn measure_blocking(device: &Device) -> Result<Self, GpuError> {
        let [mut gemm, mut copy] = sessions(device)?;
        let (a, b) = (values(&gemm), values(&copy));
        let gemm = gemm.profile_blocking(&[("x", InputData::F32(&a))], RUNS)?;
        Ok(Self::new(&gemm, &copy.profile_blocking(&[("x", InputData::F32(&b))], RUNS)?))
    }

    /// The share of the roofline that a node reached: of the arithmetic or of the memory throughput, whichever is larger.
    pub fn share(&self, node: &NodeProfile) -> f64 {
        (node.gflops() / self.gflops).max(node.gbytes() / self.gbytes)
    }

    fn new(gemm: &Profile, copy: &Profile) -> Self {
        let macs = gemm.nodes.iter().map(|node| node.macs).sum::<u64>();
        let bytes = copy.nodes.iter().map(|node| node.bytes).sum::<u64>();
        Self {
            gemm: (macs as f64).cbrt().round() as usize,
            gflops: 2e-9 * macs as f64 / fastest(gemm),
            copied: bytes / 2,
            gbytes: 1e-9 * bytes as f64 / fastest(copy),
        }
    }
}

/// Seconds of the fastest run.
fn fastest(profile: &Profile) -> f64 {
    let time = |run: usize| -> f64 {
        profile.nodes.iter().map(|node| node.spans[run][1].saturating_sub(node.spans[run][0]).as_secs_f64()).sum()
    };
    (0..profile.runs()).map(time).fold(f64::INFINITY, f64::min).max(1e-9)
}

/// A matrix product, as a 1×1 convolution, and a copy. A GPU reaches its full throughput only with milliseconds of work.
fn sessions(device: &Device) -> Result<[Session; 2], GpuError> {
    let (side, pixels) = if device.info().software() { (512, 1 << 19) } else { (4096, 1 << 20) };
    let mut gemm = Graph::new();
    let x = gemm.input("x", Shape::new(1, side / 64, 64, side), DType::F32)?;
    let w = gemm.parameter("w", Shape::new(1, 1, side, side), Layout::Filter)?;
    let y = gemm.add("y", Op::Conv2d(Conv2d::default()), &[x, w])?;
    let filter = HashMap::from([("w".to_owned(), vec![0.5f32; side * side])]);
    let parameters = Arc::new(Parameters::upload(device, &gemm, &filter)?);
    let gemm = Session::new(device, &gemm, &[y], parameters)?;

    let mut copy = Graph::new();
    let x = copy.input("x", Shape::new(1, pixels / 1024, 1024, 16), DType::F32)?;
    let y = copy.add("y", Op::Unary(Unary::Relu), &[x])?;
    let parameters = Arc::new(Parameters::upload(device, &copy, &HashMap::<String, Vec<f32>>::new())?);
    Ok([gemm, Session::new(device, &copy, &[y], parameters)?])
}

fn values(session: &Session) -> Vec<f32> {
    vec![0.5; session.inputs().map(|(_, ty)| ty.shape.len()).sum()]
}
