//! The example programs run, and refuse what makes no sense.

use crate::support::{Folder, ROOT, refuse, succeed};

#[test]
fn train_shapes_says_how_well_it_did_and_writes_a_run_folder() {
    let folder = Folder::new("train-shapes");
    let run = folder.path("run");
    let text = succeed("train_shapes", &["--epochs", "1", "--samples", "8", "--size", "32", "--run-folder", &run]);
    assert!(text.starts_with("small_unet: mean IoU 0."), "{text}");
    assert!(["background", "disc", "square", "triangle"].iter().all(|name| text.contains(name)), "{text}");
    let files = std::fs::read_dir(&run).expect("the run folder").count();
    assert!(files >= 3, "{run} holds {files} files");
}

#[test]
fn train_digits_says_how_well_it_did() {
    let text = succeed("train_digits", &["--epochs", "1"]);
    assert!(text.starts_with("small_resnet: ") && text.contains("% of 359 unseen digits"), "{text}");
}

/// On the left the photograph, on the right what `segment` lays over it by way of the host.
#[test]
fn share_device_draws_what_segment_draws() {
    let folder = Folder::new("share-device");
    let [photo, shared, mask] = ["photo.png", "shared.png", "mask.png"].map(|name| folder.path(name));
    let pixel = |x: u32, y: u32| [x * 5 + y, y * 7 + x / 2, x * y].map(|value| value as u8).into();
    image::RgbImage::from_fn(96, 64, pixel).save(&photo).expect("the photograph is written");
    let text = succeed("share_device", &[&photo, "-o", &shared]);
    assert!(text.contains("small_unet segmented") && text.contains("on a shared device"), "{text}");
    succeed("segment", &[&photo, "-o", &mask, "--model", "small_unet"]);
    let read = |path: &str| image::open(path).expect("a picture").into_rgb8();
    let (photo, shared, overlay) = (read(&photo), read(&shared), read(&folder.path("mask.overlay.png")));
    assert_eq!((photo.dimensions(), shared.dimensions()), ((96, 64), (192, 64)));
    for (x, y, pixel) in shared.enumerate_pixels() {
        let want = if x < 96 { photo.get_pixel(x, y) } else { overlay.get_pixel(x - 96, y) };
        assert_eq!(pixel, want, "{x}, {y}");
    }
    assert!(photo != overlay);
}

#[test]
fn own_loop_learns() {
    let text = succeed("own_loop", &["--epochs", "2"]);
    let losses: Vec<f64> = text.lines().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    assert!(losses.len() == 2 && losses[1] < 0.6 * losses[0], "{text}");
}

#[test]
fn a_network_of_ones_own_learns() {
    let text = succeed("own_network", &[]);
    let mean = text.strip_prefix("mean IoU ").and_then(|rest| rest.split(' ').next()?.parse::<f64>().ok());
    assert!(mean.is_some_and(|mean| mean > 0.3), "{text}");
}

#[test]
fn the_documentation_shows_the_program() {
    let read = |path: &str| std::fs::read_to_string(format!("{ROOT}/{path}")).expect("the file is there");
    let shown = read("docs/your-network.md");
    let shown = shown.split("```rust,no_run\n").nth(1).and_then(|rest| rest.split("```").next());
    assert_eq!(shown, Some(read("examples/own_network.rs").as_str()));
}

#[test]
fn senseless_arguments_are_refused() {
    refuse("share_device", &["examples/photos/none.png"], &["none.png"]);
    refuse(
        "share_device",
        &["examples/photos/china.png", "--model", "small_resnet"],
        &["no output is named \"class_map\""],
    );
    let [photo, strokes] = ["examples/photos/china.png", "examples/photos/china.strokes.png"];
    refuse("scribble", &[photo, strokes, "-o", strokes], &["china.strokes.png: it is read, and would be overwritten"]);
    refuse("scribble", &[photo, strokes, "-o", "examples/../examples/photos/china.png"], &["would be overwritten"]);
    refuse("scribble", &[photo, strokes, "-o", "painted.jpg"], &["painted.jpg: pictures are written as PNG"]);
    refuse("segment", &[photo, "-o", photo], &["would be overwritten"]);
    refuse("segment", &[photo, "-o", strokes, "--weights", strokes], &["would be overwritten"]);
    let [once, again] = ["target/mask.png", "target/../target/mask.png"];
    refuse("segment", &[photo, "-o", once, "--overlay", again], &["two pictures cannot go into one file"]);
    refuse("train_digits", &["--epochs", "0"], &["epochs must be at least 1, got 0"]);
    refuse("train_digits", &["--network", "vgg"], &["vgg", "resnet"]);
    refuse("train_shapes", &["--epochs", "0"], &["epochs must be at least 1, got 0"]);
    refuse("train_shapes", &["--samples", "0"], &["at least one picture"]);
    refuse("train_shapes", &["--size", "8"], &["16 to 4096 pixels a side", "8×8"]);
    refuse("train_shapes", &["--size", "40"], &["multiples of 16, got 40×40; 48×48 fits"]);
}
