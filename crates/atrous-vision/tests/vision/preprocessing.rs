//! Tensors against values computed with NumPy in f64, rounded once to f32.

use crate::support::pattern;
use atrous_vision::{CAFFE_MEAN_BGR, Error, HALF, IMAGENET_MEAN, IMAGENET_STD, Normalize, Preprocess, RgbImage};
use image::Rgb;

/// The bits of the tensor of one pixel with R, G, B = 10, 124, 255.
fn bits(preprocess: Preprocess) -> Vec<u32> {
    let image = RgbImage::from_pixel(1, 1, Rgb([10, 124, 255]));
    let tensor = preprocess.run(&[image]).unwrap();
    assert_eq!(tensor.shape, [1, 1, 1, preprocess.channels()]);
    tensor.data.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn known_values() {
    assert_eq!(bits(Preprocess::IMAGENET), [0xbff92c09, 0x3e0a65d4, 0x4028f5c3]);
    assert_eq!(bits(Preprocess::TF), [0xbf6bebec, 0xbce0e0e1, 0x3f800000]);
    assert_eq!(bits(Preprocess::CAFFE), [0x43170f9e, 0x40e7126f, 0xc2e35c29]);
    let green = Normalize::Green { mean: 0.5, std: 0.25 };
    assert_eq!(bits(Preprocess::new(green)), [0xbd60e0e1]);
}

#[test]
fn a_further_scale_multiplies_the_rounded_values() {
    let scaled = |then_scale| Preprocess { then_scale, ..Preprocess::CAFFE };
    assert_eq!(bits(scaled(0.015625)), [0x40170f9e, 0x3de7126f, 0xbfe35c29]);
    assert_eq!(bits(scaled(0.1)), [0x4171b297, 0x3f38db8c, 0xc135e354]);
}

#[test]
fn black_and_white() {
    let image = RgbImage::from_vec(2, 1, vec![0, 0, 0, 255, 255, 255]).unwrap();
    let run = |normalize| Preprocess::new(normalize).run(std::slice::from_ref(&image)).unwrap().data;
    let (mean, std) = (HALF, HALF);
    let ends = [-1.0, -1.0, -1.0, 1.0, 1.0, 1.0];
    assert_eq!(run(Normalize::Torch { mean, std }), ends);
    assert_eq!(run(Normalize::Tf), ends);
    let caffe = [-103.939, -116.779, -123.68, 151.061, 138.221, 131.32];
    assert_eq!(run(Normalize::Caffe { mean_bgr: CAFFE_MEAN_BGR }), caffe);
}

/// Every pixel stands where the layout says, for several pictures.
#[test]
fn layout_of_a_batch() {
    let (w, h) = (5, 3);
    let images = [pattern(w, h), image::imageops::flip_horizontal(&pattern(w, h))];
    for preprocess in [Preprocess::IMAGENET, Preprocess::CAFFE] {
        let tensor = preprocess.run(&images).unwrap();
        assert_eq!(tensor.shape, [2, 3, 5, 3]);
        for (n, image) in images.iter().enumerate() {
            for (x, y, pixel) in image.enumerate_pixels() {
                for c in 0..3 {
                    let index = ((n * 3 + y as usize) * 5 + x as usize) * 3 + c;
                    let want = match preprocess.normalize {
                        Normalize::Caffe { .. } => f64::from(pixel[2 - c]) - CAFFE_MEAN_BGR[c],
                        _ => (f64::from(pixel[c]) / 255.0 - IMAGENET_MEAN[c]) / IMAGENET_STD[c],
                    };
                    assert_eq!(tensor.data[index], want as f32);
                }
            }
        }
    }
}

#[test]
fn bad_batches() {
    let error = Preprocess::TF.run(&[]).unwrap_err();
    assert!(matches!(error, Error::EmptyBatch));
    let error = Preprocess::TF.run(&[pattern(4, 3), pattern(4, 3), pattern(3, 4)]).unwrap_err();
    assert_eq!(error.to_string(), "preprocess: picture 2 of the batch is 3×4, but the first is 4×3");
    let error = Preprocess::TF.run(&[RgbImage::new(0, 3)]).unwrap_err();
    assert!(matches!(error, Error::NoPixels { .. }));
}

#[test]
fn bad_constants() {
    let run = |normalize, then_scale| {
        let preprocess = Preprocess { normalize, then_scale };
        preprocess.run(&[pattern(1, 1)]).unwrap_err().to_string()
    };
    let mean = IMAGENET_MEAN;
    assert_eq!(
        run(Normalize::Torch { mean, std: [0.2, 0.0, 0.2] }, 1.0),
        "preprocess torch: std of channel 1 must be finite and positive, got 0"
    );
    assert_eq!(
        run(Normalize::Green { mean: f64::NAN, std: 1.0 }, 1.0),
        "preprocess green: mean of channel 0 must be finite, got NaN"
    );
    assert_eq!(
        run(Normalize::Caffe { mean_bgr: [0.0, 0.0, f64::INFINITY] }, 1.0),
        "preprocess caffe: mean of channel 2 must be finite, got inf"
    );
    assert_eq!(run(Normalize::Tf, f32::NAN), "preprocess tf: then_scale must be finite, got NaN");
}
