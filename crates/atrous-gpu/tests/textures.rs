//! Pictures in textures as inputs, and outputs drawn into textures.

mod common;

use atrous_gpu::{Device, DeviceInput, DeviceOptions, GpuError, InputData, Overlay, Picture, Session, wgpu};
use atrous_graph::{DType, Graph, Op, Shape};
use atrous_vision::{ClassMap, Filter, Fit, RgbImage, overlay, resize, voc_palette};
use common::{Opened, relu, session};
use wgpu::{TextureFormat as Format, TextureUsages as Usage};

const SIZE: [u32; 2] = [13, 10];

fn photo([width, height]: [u32; 2]) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        [x * 19 + y, y * 23 + 5 * x, (x * y * 7) ^ (x << 4)].map(|v| v as u8).into()
    })
}

/// Texels of a format with all kinds of alpha.
fn texels(photo: &RgbImage, format: Format) -> Vec<u8> {
    let texel = |(i, pixel): (usize, &[u8])| match format {
        Format::Bgra8Unorm | Format::Bgra8UnormSrgb => [pixel[2], pixel[1], pixel[0], (i * 31) as u8],
        _ => [pixel[0], pixel[1], pixel[2], (i * 31) as u8],
    };
    photo.chunks(3).enumerate().flat_map(texel).collect()
}

fn uploaded(opened: &Opened, photo: &RgbImage, format: Format) -> wgpu::Texture {
    opened.picture(photo.dimensions().into(), format, &texels(photo, format))
}

/// A session that gives back the bytes of `n` pictures, the red one last.
fn bytes_of(device: &Device, n: usize, [width, height]: [u32; 2]) -> Session {
    let graph = relu(Shape::new(n, height as usize, width as usize, 3));
    let mut session = session(device, &graph, graph.outputs());
    let table: [f32; 256] = std::array::from_fn(|byte| byte as f32);
    session.take_pixels("x", &[(2, table), (1, table), (0, table)]).unwrap();
    session
}

/// What the session of [`bytes_of`] sees of pictures.
fn seen(opened: &Opened, session: &mut Session, pictures: &[Picture<'_>]) -> Vec<u8> {
    let mut encoder = opened.encoder();
    session.encode(&mut encoder, &[("x", DeviceInput::Pictures(pictures))]).unwrap();
    opened.queue.submit([encoder.finish()]);
    let place = session.output_buffer("y").unwrap();
    let all = opened.read(place.buffer, place.offset, place.bytes);
    let values: Vec<f32> = all.chunks(4).map(|value| f32::from_le_bytes(value.try_into().unwrap())).collect();
    values.chunks(4).flat_map(|pixel| [pixel[2], pixel[1], pixel[0]].map(|byte| byte as u8)).collect()
}

#[test]
fn a_texture_of_the_networks_size_is_seen_byte_by_byte_in_every_format() {
    let opened = Opened::plain();
    let device = opened.share(DeviceOptions::default()).unwrap();
    let photo = photo(SIZE);
    let mut session = bytes_of(&device, 1, SIZE);
    let x = session.run_blocking(&[("x", InputData::Rgb8(&photo))]).unwrap();
    let by_host: Vec<u8> = x.f32("y").unwrap().chunks(3).flat_map(|p| [p[2], p[1], p[0]].map(|v| v as u8)).collect();
    assert_eq!(by_host, *photo);
    for format in [Format::Rgba8Unorm, Format::Bgra8Unorm, Format::Rgba8UnormSrgb, Format::Bgra8UnormSrgb] {
        let texture = uploaded(&opened, &photo, format);
        assert_eq!(seen(&opened, &mut session, &[(&texture).into()]), *photo, "{format:?}");
    }
    // Every byte there is.
    let all = RgbImage::from_fn(16, 16, |x, y| [(16 * y + x) as u8; 3].into());
    let texture = uploaded(&opened, &all, Format::Rgba8UnormSrgb);
    assert_eq!(seen(&opened, &mut bytes_of(&device, 1, [16, 16]), &[(&texture).into()]), *all);
    // The bytes of the host go into an encoder as well.
    let mut encoder = opened.encoder();
    session.encode(&mut encoder, &[("x", DeviceInput::Host(InputData::Rgb8(&photo)))]).unwrap();
    session.run_blocking(&[("x", InputData::Rgb8(&vec![0; photo.len()]))]).unwrap();
    opened.queue.submit([encoder.finish()]);
    let place = session.output_buffer("y").unwrap();
    let all = opened.read(place.buffer, place.offset, place.bytes);
    let first = all[..12].chunks(4).map(|value| f32::from_le_bytes(value.try_into().unwrap()) as u8);
    let [r, g, b] = photo.get_pixel(0, 0).0;
    assert_eq!(first.collect::<Vec<u8>>(), [b, g, r]);
}

#[test]
fn textures_of_other_sizes_are_resized_as_photographs_are() {
    let opened = Opened::plain();
    let device = opened.share(DeviceOptions::default()).unwrap();
    for size in [[40, 31], [7, 5], [13, 90], [1, 1], [130, 100]] {
        let photo = photo(size);
        let texture = uploaded(&opened, &photo, Format::Rgba8Unorm);
        let got = seen(&opened, &mut bytes_of(&device, 1, SIZE), &[(&texture).into()]);
        let want = resize(&photo, SIZE[0], SIZE[1], Filter::Bilinear).unwrap();
        close(&got, &want, &format!("{size:?}"));
    }
}

#[test]
fn a_part_of_a_texture_is_what_a_crop_leaves() {
    let opened = Opened::plain();
    let device = opened.share(DeviceOptions::default()).unwrap();
    for (size, side) in [([60, 37], 15), ([33, 70], 20), ([16, 20], 13)] {
        let photo = photo(size);
        let fit = Fit::ShorterSideCrop { side, width: SIZE[0], height: SIZE[1] };
        let part = fit.part(size[0], size[1]).unwrap().unwrap();
        let texture = uploaded(&opened, &photo, Format::Bgra8UnormSrgb);
        let got = seen(&opened, &mut bytes_of(&device, 1, SIZE), &[Picture { texture: &texture, part }]);
        close(&got, &fit.apply(&photo, Filter::Bilinear).unwrap(), &format!("{size:?}"));
    }
}

/// Bytes that differ by one at most, and not most of them.
fn close(got: &[u8], want: &[u8], what: &str) {
    assert_eq!(got.len(), want.len());
    let off = got.iter().zip(want).filter(|(got, want)| got != want).count();
    assert!(got.iter().zip(want).all(|(got, want)| got.abs_diff(*want) <= 1), "{what}: {got:?} {want:?}");
    assert!(off * 2 < got.len(), "{what}: {off} of {} bytes differ", got.len());
}

#[test]
fn a_batch_is_made_of_several_textures() {
    let opened = Opened::plain();
    let device = opened.share(DeviceOptions::default()).unwrap();
    let photos = [photo(SIZE), photo([SIZE[0], SIZE[1] + 1]), RgbImage::from_pixel(SIZE[0], SIZE[1], [1, 2, 3].into())];
    let textures = photos.each_ref().map(|photo| uploaded(&opened, photo, Format::Rgba8Unorm));
    let pictures = textures.each_ref().map(Picture::from);
    let got = seen(&opened, &mut bytes_of(&device, 3, SIZE), &pictures);
    let len = photos[0].len();
    assert_eq!((&got[..len], &got[2 * len..]), (&*photos[0], &*photos[2]));
    close(&got[len..2 * len], &resize(&photos[1], SIZE[0], SIZE[1], Filter::Bilinear).unwrap(), "the second");
}

#[test]
fn textures_that_do_not_serve_as_pictures_are_refused() {
    let opened = Opened::plain();
    let other = opened.other();
    let device = opened.share(DeviceOptions::default()).unwrap();
    let mut session = bytes_of(&device, 1, SIZE);
    let mut encoder = opened.encoder();
    let mut refuse = |pictures: &[Picture<'_>], texts: &[&str]| {
        let error = session.encode(&mut encoder, &[("x", DeviceInput::Pictures(pictures))]).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, GpuError::Resource { .. }) && text.contains("input \"x\""), "{text}");
        assert!(texts.iter().all(|part| text.contains(part)), "{text}");
    };
    let good = uploaded(&opened, &photo(SIZE), Format::Rgba8Unorm);
    let bound = Usage::TEXTURE_BINDING;
    refuse(&[(&opened.texture(SIZE, Format::Rgba16Float, bound)).into()], &["Rgba16Float", "Rgba8Unorm"]);
    refuse(&[(&opened.texture(SIZE, Format::Rgba8Unorm, Usage::COPY_DST)).into()], &["TEXTURE_BINDING"]);
    refuse(&[(&other.texture(SIZE, Format::Rgba8Unorm, bound)).into()], &[]);
    refuse(&[], &["needs 1 pictures, got 0"]);
    refuse(&[(&good).into(), (&good).into()], &["needs 1 pictures, got 2"]);
    for part in [[-1.0, 0.0, 4.0, 4.0], [0.0, 7.0, 4.0, 4.0], [0.0, 0.0, 0.0, 4.0], [0.0, f32::NAN, 4.0, 4.0]] {
        refuse(&[Picture { texture: &good, part }], &["part", "13×10"]);
    }
    let layers = opened.device.create_texture(&wgpu::TextureDescriptor {
        size: wgpu::Extent3d { width: 4, height: 4, depth_or_array_layers: 2 },
        ..descriptor(Format::Rgba8Unorm, bound)
    });
    refuse(&[(&layers).into()], &["2 layers"]);
    let samples = opened.device.create_texture(&wgpu::TextureDescriptor {
        sample_count: 4,
        ..descriptor(Format::Rgba8Unorm, bound | Usage::RENDER_ATTACHMENT)
    });
    refuse(&[(&samples).into()], &["4 samples"]);
    opened.queue.submit([encoder.finish()]);
    assert_eq!(seen(&opened, &mut session, &[(&good).into()]), *photo(SIZE));
}

fn descriptor(format: Format, usage: Usage) -> wgpu::TextureDescriptor<'static> {
    wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width: 4, height: 4, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage,
        view_formats: &[],
    }
}

/// Samples and classes of the session of [`classes`].
const SAMPLES: usize = 2;
const CLASSES: usize = 5;

/// A session whose output `map` is the class of the largest channel of `x`, and that has been encoded with `scores`.
fn classes(opened: &Opened, encoder: &mut wgpu::CommandEncoder) -> (Session, Vec<f32>) {
    let device = opened.share(DeviceOptions::default()).unwrap();
    let mut graph = Graph::new();
    let shape = Shape::new(SAMPLES, SIZE[1] as usize, SIZE[0] as usize, CLASSES);
    let x = graph.input("x", shape, DType::F32).unwrap();
    let scores = graph.add("scores", Op::Unary(atrous_graph::op::Unary::Relu), &[x]).unwrap();
    let map = graph.add("map", Op::ArgMax, &[scores]).unwrap();
    graph.set_outputs(vec![map, scores]);
    let mut session = session(&device, &graph, graph.outputs());
    let values: Vec<f32> = (0..shape.len()).map(|i| ((i * i * 7 + i / 5) % 101) as f32 / 8.0).collect();
    session.encode(encoder, &[("x", DeviceInput::Host(InputData::F32(&values)))]).unwrap();
    (session, values)
}

/// The classes of a sample of [`classes`].
fn map_of(scores: &[f32], sample: usize) -> ClassMap {
    let shape = [SAMPLES, SIZE[1] as usize, SIZE[0] as usize, CLASSES];
    atrous_vision::argmax_classes(scores, shape).unwrap().swap_remove(sample)
}

#[test]
fn outputs_are_written_into_textures_as_numbers() {
    let opened = Opened::plain();
    let mut encoder = opened.encoder();
    let (session, scores) = classes(&opened, &mut encoder);
    let usage = Usage::STORAGE_BINDING | Usage::COPY_SRC;
    let map = opened.texture(SIZE, Format::R32Uint, usage);
    let large = opened.texture([SIZE[0] * 3, SIZE[1] * 2], Format::R32Uint, usage);
    let channel = opened.texture(SIZE, Format::R32Float, usage);
    session.encode_texture(&mut encoder, "map", (1, 0), &map).unwrap();
    session.encode_texture(&mut encoder, "map", (0, 0), &large).unwrap();
    session.encode_texture(&mut encoder, "scores", (1, 3), &channel).unwrap();
    opened.queue.submit([encoder.finish()]);

    let numbers = |texture| -> Vec<u8> { opened.texels(texture).chunks(4).map(|texel| texel[0]).collect() };
    assert_eq!(numbers(&map), map_of(&scores, 1).classes());
    let enlarged = map_of(&scores, 0).resize(SIZE[0] * 3, SIZE[1] * 2).unwrap();
    assert_eq!(numbers(&large), enlarged.classes());
    let values =
        opened.texels(&channel).chunks(4).map(|v| f32::from_le_bytes(v.try_into().unwrap())).collect::<Vec<_>>();
    let sample = &scores[scores.len() / 2..];
    assert_eq!(values, sample.chunks(CLASSES).map(|pixel| pixel[3]).collect::<Vec<_>>());
}

#[test]
fn classes_are_laid_over_a_picture_as_on_the_host() {
    let opened = Opened::plain();
    let size = [SIZE[0] * 2, SIZE[1] * 3];
    let photo = photo(size);
    let palette = voc_palette();
    for (format, alpha) in [(Format::Rgba8Unorm, 0.5), (Format::Bgra8UnormSrgb, 0.25), (Format::Rgba8UnormSrgb, 1.0)] {
        let mut encoder = opened.encoder();
        let (session, scores) = classes(&opened, &mut encoder);
        let picture = uploaded(&opened, &photo, format);
        let target = opened.texture(size, Format::Rgba8Unorm, Usage::STORAGE_BINDING | Usage::COPY_SRC);
        let drawn = Overlay { picture: &picture, target: &target, colours: &palette, alpha };
        session.encode_overlay(&mut encoder, "map", 1, &drawn).unwrap();
        opened.queue.submit([encoder.finish()]);
        let map = map_of(&scores, 1).resize(size[0], size[1]).unwrap();
        let want = overlay(&photo, &map, &palette, alpha).unwrap();
        let got = opened.texels(&target);
        let rgb: Vec<u8> = got.chunks(4).flat_map(|texel| &texel[..3]).copied().collect();
        assert_eq!(rgb, *want, "{format:?}");
        let alphas = |texels: &[u8]| texels.chunks(4).map(|texel| texel[3]).collect::<Vec<_>>();
        assert_eq!(alphas(&got), alphas(&texels(&photo, format)));
    }
    // A class without a colour.
    let mut encoder = opened.encoder();
    let (session, scores) = classes(&opened, &mut encoder);
    let picture = uploaded(&opened, &photo, Format::Rgba8Unorm);
    let target = opened.texture(size, Format::Rgba8Unorm, Usage::STORAGE_BINDING | Usage::COPY_SRC);
    let drawn = Overlay { picture: &picture, target: &target, colours: &palette[..2], alpha: 1.0 };
    session.encode_overlay(&mut encoder, "map", 0, &drawn).unwrap();
    opened.queue.submit([encoder.finish()]);
    let map = map_of(&scores, 0).resize(size[0], size[1]).unwrap();
    let got = opened.texels(&target);
    for ((texel, class), pixel) in got.chunks(4).zip(map.classes()).zip(photo.pixels()) {
        let want = if *class < 2 { palette[usize::from(*class)] } else { pixel.0 };
        assert_eq!(texel[..3], want);
    }
}

#[test]
fn results_are_not_drawn_into_textures_that_do_not_serve() {
    let opened = Opened::plain();
    let other = opened.other();
    let mut encoder = opened.encoder();
    let (session, _) = classes(&opened, &mut encoder);
    let usage = Usage::STORAGE_BINDING | Usage::TEXTURE_BINDING;
    let uint = opened.texture(SIZE, Format::R32Uint, usage);
    let (foreign, bound) =
        (other.texture(SIZE, Format::R32Uint, usage), opened.texture(SIZE, Format::R32Uint, Usage::COPY_DST));
    let mut refuse = |output: &str, place, target: &wgpu::Texture, texts: &[&str]| {
        let text = session.encode_texture(&mut encoder, output, place, target).unwrap_err().to_string();
        assert!(texts.iter().all(|part| text.contains(part)), "{text}");
    };
    refuse("scores", (0, 0), &uint, &["R32Float", "R32Uint", "\"scores\""]);
    refuse("map", (2, 0), &uint, &["sample 2"]);
    refuse("map", (0, 1), &uint, &["channel 1"]);
    refuse("maps", (0, 0), &uint, &["no output is named \"maps\"", "map"]);
    refuse("map", (0, 0), &foreign, &[]);
    refuse("map", (0, 0), &bound, &["STORAGE_BINDING"]);

    let picture = opened.texture(SIZE, Format::Rgba8Unorm, usage);
    let target = opened.texture(SIZE, Format::Rgba8Unorm, usage);
    let larger = opened.texture([20, 20], Format::Rgba8Unorm, usage);
    let good = Overlay { picture: &picture, target: &target, colours: &[], alpha: 0.5 };
    let mut refuse = |output: &str, overlay: Overlay<'_>, texts: &[&str]| {
        let text = session.encode_overlay(&mut encoder, output, 0, &overlay).unwrap_err().to_string();
        assert!(texts.iter().all(|part| text.contains(part)), "{text}");
    };
    refuse("scores", good, &["no map of classes"]);
    refuse("map", Overlay { alpha: 1.5, ..good }, &["1.5"]);
    refuse("map", Overlay { alpha: f32::NAN, ..good }, &["NaN"]);
    refuse("map", Overlay { target: &larger, ..good }, &["13×10", "20×20"]);
    refuse("map", Overlay { target: &picture, ..good }, &["picture itself"]);
    refuse("map", Overlay { target: &uint, ..good }, &["Rgba8Unorm", "R32Uint"]);
    refuse("map", Overlay { picture: &uint, ..good }, &["R32Uint is no format of pictures"]);
    session.encode_overlay(&mut encoder, "map", 0, &good).unwrap();
    opened.queue.submit([encoder.finish()]);
}
