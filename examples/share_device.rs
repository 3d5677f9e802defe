//! Shares a wgpu device with atrous: a photograph in a texture is segmented, the classes are drawn over it into another texture,
//! and a render pass of this program puts both side by side. All of it is one submit; only the finished picture comes back.

use std::path::PathBuf;
use std::process::ExitCode;

use atrous::gpu::Overlay;
use atrous::prelude::*;
use atrous::vision::{shown, voc_palette};
use atrous::wgpu;
use atrous_examples::{Failure, arguments, check_outputs, finish, gpu_work};
use clap::Parser;

/// Segments a photograph on a device that this program opened, and writes it beside the photograph with the classes over it.
#[derive(Parser)]
#[command(name = "share_device")]
struct Args {
    /// Photograph: JPEG, PNG or WebP
    photo: PathBuf,
    /// Where both pictures go, side by side
    #[arg(short, long, value_name = "FILE", default_value = "shared.png")]
    output: PathBuf,
    /// Network: a segmentation network of `atrous models`
    #[arg(long, value_name = "NAME", default_value = "small_unet")]
    model: String,
    /// Safetensors file with its tensors [default: random numbers, whose classes mean nothing]
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
}

fn main() -> ExitCode {
    finish(run(&arguments()))
}

fn run(args: &Args) -> Result<String, Failure> {
    let read = [Some(&args.photo), args.weights.as_ref()].into_iter().flatten();
    check_outputs(&[&args.output], &read.map(PathBuf::as_path).collect::<Vec<_>>())?;
    let photo = load_rgb8(&args.photo, &ImageLimits::default())?;
    let (adapter, gpu, queue) = gpu_work::open()?;
    // The same device for atrous, which keeps to the limits and features that it was opened with.
    let device = Device::from_wgpu_blocking(&adapter, gpu.clone(), queue.clone(), DeviceOptions::from_env()?)?;
    let weights = match &args.weights {
        Some(file) => Weights::File(file.clone()),
        None => Weights::Init(0),
    };
    let mut network = Predictor::new(&device, &args.model, &weights, PredictorOptions::default())?;

    let (width, height) = photo.dimensions();
    let most = gpu.limits().max_texture_dimension_2d;
    if width > most / 2 || height > most {
        let path = shown(&args.photo);
        return Err(format!("{path}: two of {width}×{height} pixels do not fit a texture of {most}×{most}").into());
    }
    let seen = gpu_work::upload(&gpu, &queue, &photo);
    let usage = wgpu::TextureUsages::STORAGE_BINDING | wgpu::TextureUsages::TEXTURE_BINDING;
    let drawn = gpu_work::texture(&gpu, width, height, usage);
    let usage = wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC;
    let both = gpu_work::texture(&gpu, 2 * width, height, usage);

    let mut encoder = gpu.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let session = network.encode(&mut encoder, &[&seen])?;
    let overlay = Overlay { picture: &seen, target: &drawn, colours: &voc_palette(), alpha: 0.5 };
    session.encode_overlay(&mut encoder, "class_map", 0, &overlay)?;
    gpu_work::side_by_side(&gpu, &mut encoder, [&seen, &drawn], &both);
    queue.submit([encoder.finish()]);

    write_png(&args.output, &gpu_work::download(&gpu, &queue, &both)?)?;
    let path = shown(&args.output);
    Ok(format!("{} segmented {} on a shared device.\nWrote {path}.\n", args.model, shown(&args.photo)))
}
