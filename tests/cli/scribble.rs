//! Painting by strokes.

use super::support::{Folder, refuse, succeed};

const PHOTO: &str = "examples/photos/flower.png";

#[test]
fn a_photograph_is_painted_by_its_strokes() {
    let folder = Folder::new("scribble");
    let painted = folder.path("painted.png");
    let arguments = [PHOTO, "examples/photos/flower.strokes.png", "-o", &painted, "--size", "64", "--steps", "30"];
    let text = succeed("scribble", &arguments);
    let share = text.split("; ").nth(1).and_then(|t| t.split(' ').next()).and_then(|n| n.parse::<f64>().ok());
    assert!(share.is_some_and(|share| share >= 90.0), "{text}");
    // Flowers take a quarter of this photograph.
    let red = text.lines().find(|line| line.contains("#e62828")).and_then(|line| line.split_whitespace().nth(1));
    let red: f64 = red.expect("a line for red").parse().expect("a percentage");
    assert!((15.0..45.0).contains(&red), "{text}");
    for (file, indexed) in [("painted.png", false), ("painted.classes.png", true)] {
        let image = image::open(folder.path(file)).expect("a picture").into_rgb8();
        assert_eq!(image.dimensions(), (320, 320), "{file}");
        assert!(!indexed || image.pixels().any(|p| p.0 == [0xe6, 0x28, 0x28]), "classes have their colours");
    }
}

#[test]
fn strokes_that_cannot_teach_are_refused() {
    let folder = Folder::new("bad-strokes");
    let strokes = |name: &str, size: u32, colour: &dyn Fn(u32, u32) -> [u8; 4]| {
        let picture = image::RgbaImage::from_fn(size, size, |x, y| image::Rgba(colour(x, y)));
        let path = folder.path(name);
        picture.save(&path).expect("a picture is written");
        path
    };
    let refused = |strokes: &str, texts: &[&str]| {
        refuse("scribble", &[PHOTO, strokes, "-o", &folder.path("painted.png")], texts);
    };
    let clear = strokes("clear.png", 320, &|_, _| [0; 4]);
    refused(&clear, &["clear.png: strokes in 2 to 255 colours are needed, 0 found"]);
    let one = strokes("one.png", 320, &|x, _| if x < 9 { [255, 0, 0, 255] } else { [0; 4] });
    refused(&one, &["1 found"]);
    let opaque = strokes("opaque.png", 320, &|x, _| if x < 9 { [255, 0, 0, 255] } else { [255; 4] });
    refused(&opaque, &["1 found"]);
    let small = strokes("small.png", 32, &|x, _| [x as u8 * 8, 0, 0, 255]);
    refused(&small, &["small.png: the strokes are 32×32 pixels, the photograph is 320×320"]);
    refused(&folder.file("text.png", b"no picture"), &["text.png"]);
    refused("none.png", &["none.png"]);
    let fine = "examples/photos/flower.strokes.png";
    refuse("scribble", &[PHOTO, fine, "-o", "/no/such/folder/a.png"], &["/no/such/folder"]);
    refuse("scribble", &[PHOTO, fine, "--size", "3"], &["16..=2048"]);
}
