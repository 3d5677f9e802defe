//! Every kind of bad picture has its own error, and none a panic.

use crate::support::{bytes, data, empty_folder, load, png_of};
use atrous_vision::{Error, ErrorKind, Limits, RgbImage, decode_rgb8, load_header, load_rgb8, read_labels};
use png::{BitDepth, ColorType};
use std::path::Path;

const PICTURES: [&str; 8] = [
    "decode_progressive.jpg",
    "decode_grey_jpeg.jpg",
    "decode_cmyk.jpg",
    "decode_lossy.webp",
    "decode_lossless_alpha.webp",
    "decode_rgba.png",
    "decode_palette.png",
    "decode_grey16.png",
];

fn decode(bytes: &[u8]) -> Result<RgbImage, Error> {
    decode_rgb8("photo", bytes, &Limits::default())
}

#[test]
fn a_missing_file() {
    let error = load_rgb8("no/such/photo.jpg", &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::FileMissing { .. }));
    assert_eq!(error.kind(), ErrorKind::Io);
    assert_eq!(error.to_string(), "no/such/photo.jpg: no such file");
}

#[test]
fn a_folder() {
    let error = load_rgb8(data(""), &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::Io { action: "read", .. }), "{error}");
}

/// A pipe without a writer is not waited for, and names do not break lines.
#[cfg(unix)]
#[test]
fn pipes_and_devices() {
    let pipe = empty_folder("pipe").join("a\nb.png");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (path, kind) in [(&*pipe, "pipe (FIFO)"), (Path::new("/dev/zero"), "character device")] {
        let want = format!(
            "{}: cannot read: it is a {kind}, not a regular file: write its content into a file first",
            path.display().to_string().replace('\n', "\\n")
        );
        assert_eq!(load_rgb8(path, &Limits::default()).unwrap_err().to_string(), want);
        assert_eq!(load_header(path, &Limits::default()).unwrap_err().to_string(), want);
        assert_eq!(read_labels(path, 3).unwrap_err().to_string(), want);
    }
}

#[test]
fn not_a_picture() {
    for content in [b"".as_slice(), b"P", b"hello, this is text", &[0; 100]] {
        let error = decode(content).unwrap_err();
        assert!(matches!(error, Error::NotAPicture { .. }), "{error}");
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}

#[test]
fn an_unsupported_format() {
    let error = decode(b"GIF89a\x01\0\x01\0\0\0\0;").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(error.to_string(), "photo: GIF pictures are not supported: use JPEG, PNG or WebP");
}

#[test]
fn half_a_picture() {
    for picture in PICTURES {
        let whole = bytes(picture);
        let error = decode(&whole[..whole.len() / 2]).unwrap_err();
        assert!(matches!(error, Error::Truncated { .. }), "{picture}: {error}");
        let ends = format!("it ends after {} bytes", whole.len() / 2);
        assert!(error.to_string().contains(&ends), "{error}");
    }
}

/// Cut anywhere, a picture is either refused or complete (PNG's last chunks carry no pixels).
#[test]
fn a_picture_cut_anywhere() {
    for picture in PICTURES {
        let whole = bytes(picture);
        let want = load(picture);
        for length in 0..whole.len() {
            if let Ok(image) = decode(&whole[..length]) {
                assert_eq!(image, want, "{picture} cut to {length} bytes");
            }
        }
    }
}

/// Whatever a flipped byte makes of a picture, it is a picture or an error.
#[test]
fn a_picture_with_a_flipped_byte() {
    let limits = Limits { max_side: 1000, max_bytes: 1 << 22 };
    for picture in PICTURES {
        let mut damaged = bytes(picture);
        for at in 0..damaged.len() {
            for flip in [0xFF, 0x01, 0x80] {
                damaged[at] ^= flip;
                if let Ok(image) = decode_rgb8(picture, &damaged, &limits) {
                    assert!(image.width() > 0 && image.height() > 0);
                }
                damaged[at] ^= flip;
            }
        }
    }
}

#[test]
fn a_damaged_png() {
    let mut damaged = bytes("decode_rgba.png");
    damaged[45] ^= 0xFF;
    let error = decode(&damaged).unwrap_err();
    assert!(matches!(error, Error::Damaged { format: "PNG", .. }), "{error}");
}

/// A PNG whose palette chunk has another length, with the checksum that belongs to it.
fn with_palette(bytes: usize) -> Vec<u8> {
    let png = self::bytes("decode_palette.png");
    let at = png.windows(4).position(|tag| tag == b"PLTE").unwrap();
    let length = u32::from_be_bytes(png[at - 4..at].try_into().unwrap()) as usize;
    let chunk = [b"PLTE", &vec![7; bytes][..]].concat();
    let mut crc = !0u32;
    for byte in &chunk {
        crc = (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 * (crc & 1)));
    }
    let [length_of, crc] = [bytes as u32, !crc].map(u32::to_be_bytes);
    [&png[..at - 4], &length_of, &chunk, &crc, &png[at + 8 + length..]].concat()
}

#[test]
fn a_palette_of_no_whole_colours() {
    for palette in [0, 1, 2, 4, 767, 769, 771] {
        let error = decode(&with_palette(palette)).unwrap_err();
        let want = format!("its palette has {palette} bytes, not 3 for each of 1 to 256 colours");
        assert!(error.to_string().ends_with(&want), "{error}");
    }
    decode(&with_palette(3)).unwrap();
    decode(&with_palette(768)).unwrap();
}

/// A chunk that claims 4 GiB takes no memory: the file is too short for it.
#[test]
fn a_webp_chunk_longer_than_its_file() {
    let mut webp = bytes("decode_lossy.webp");
    let at = webp.windows(4).position(|tag| tag == b"EXIF").unwrap();
    webp[at + 4..at + 8].fill(0xFF);
    assert!(matches!(decode(&webp).unwrap_err(), Error::Truncated { .. }));
    let path = empty_folder("webp-chunk").join("long.webp");
    std::fs::write(&path, webp).unwrap();
    assert!(matches!(load_header(path, &Limits::default()).unwrap_err(), Error::Truncated { .. }));
}

/// A frame of 16383×16383 in a picture of 24×16 would take 400 MB before it is found not to fit.
#[test]
fn a_webp_frame_larger_than_its_picture() {
    let mut webp = bytes("decode_lossy.webp");
    let at = webp.windows(4).position(|tag| tag == b"VP8 ").unwrap();
    webp[at + 14..at + 18].copy_from_slice(&[0xFF, 0x3F, 0xFF, 0x3F]);
    let error = decode(&webp).unwrap_err().to_string();
    assert!(error.ends_with("a frame of it is 16383×16383, the whole picture 24×16"), "{error}");
}

/// The fixture without its extended header: RIFF, then the VP8 chunk alone.
fn plain_lossy_webp() -> Vec<u8> {
    let extended = bytes("decode_lossy.webp");
    let chunk = extended.windows(4).position(|tag| tag == b"VP8 ").unwrap();
    let length = u32::from_le_bytes(extended[chunk + 4..chunk + 8].try_into().unwrap());
    let chunk = &extended[chunk..][..8 + length.next_multiple_of(2) as usize];
    let riff_length = (4 + chunk.len() as u32).to_le_bytes();
    [b"RIFF", riff_length.as_slice(), b"WEBP", chunk].concat()
}

#[test]
fn a_plain_lossy_webp_is_fine() {
    assert_eq!(decode(&plain_lossy_webp()).unwrap().dimensions(), (24, 16));
}

#[test]
fn a_picture_without_pixels() {
    let mut png = bytes("decode_rgba.png");
    png[16..20].fill(0);
    let mut jpeg = bytes("decode_grey_jpeg.jpg");
    let frame = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 5..frame + 7].fill(0);
    let mut webp = plain_lossy_webp();
    webp[26..28].fill(0);
    for (picture, size) in [(png, "0×16"), (jpeg, "24×0"), (webp, "0×16")] {
        let error = decode(&picture).unwrap_err();
        assert!(matches!(error, Error::NoPixels { .. }), "{error}");
        assert_eq!(error.to_string(), format!("photo: the picture is {size} and has no pixels"));
    }
}

#[test]
fn a_side_too_large() {
    let wide = png_of(30_000, 1, ColorType::Grayscale, BitDepth::Eight, &[9; 30_000]);
    let error = decode(&wide).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(error.to_string(), "photo: the picture is 30000×1, but its sides are limited to 16384 pixels");
    let tall = png_of(1, 16_385, ColorType::Grayscale, BitDepth::Eight, &[9; 16_385]);
    assert!(matches!(decode(&tall).unwrap_err(), Error::SideTooLarge { .. }));
    let larger = Limits { max_side: 30_000, ..Limits::default() };
    let image = decode_rgb8("photo", &wide, &larger).unwrap();
    assert_eq!(image.dimensions(), (30_000, 1));
}

#[test]
fn too_many_bytes() {
    let wide = png_of(5000, 1, ColorType::Rgb, BitDepth::Eight, &[9; 15_000]);
    let limits = Limits { max_bytes: 14_999, ..Limits::default() };
    let error = decode_rgb8("photo", &wide, &limits).unwrap_err();
    assert_eq!(error.to_string(), "photo: the decoded picture takes 15000 bytes or more, the limit is 14999");

    let path = empty_folder("large-file").join("large.png");
    std::fs::write(&path, &wide).unwrap();
    let limits = Limits { max_bytes: 20, ..Limits::default() };
    let error = load_rgb8(&path, &limits).unwrap_err();
    assert!(matches!(error, Error::TooManyBytes { what: "file", max_bytes: 20, .. }), "{error}");
    // What is no picture is not read to its end.
    std::fs::write(&path, [7; 100]).unwrap();
    assert!(matches!(load_rgb8(&path, &limits).unwrap_err(), Error::NotAPicture { .. }));
}
