//! JPEGs of every arrangement of components and scans have libjpeg's pixels, or are refused.

use crate::support::{bytes, data, load, max_difference};
use atrous_vision::{Error, Limits, RgbImage, decode_rgb8, stated_size};

/// Markers of frames, scans and the end of the image.
const FRAME: u8 = 0xC0;
const SCAN: u8 = 0xDA;
const END: [u8; 2] = [0xFF, 0xD9];

fn decode(bytes: &[u8]) -> Result<RgbImage, Error> {
    decode_rgb8("photo", bytes, &Limits::default())
}

/// Where segments with this marker start.
fn segments(jpeg: &[u8], marker: u8) -> Vec<usize> {
    (2..jpeg.len() - 1).filter(|&at| jpeg[at..at + 2] == [0xFF, marker]).collect()
}

/// Decoders may round the inverse transform to the neighbouring level. Then blue, the luma and 1.772 times the chroma,
/// is up to three levels off.
#[test]
fn sampling_factors_and_scans_have_the_pixels_of_libjpeg() {
    let mut tested = 0;
    for entry in std::fs::read_dir(data("jpeg")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some((kind, _)) = name.strip_suffix(".jpg").and_then(|stem| stem.rsplit_once('_')) else { continue };
        let got = decode(&bytes(&format!("jpeg/{name}"))).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(stated_size(data(&format!("jpeg/{name}"))), Some(got.dimensions()), "{name}");
        let off = max_difference(&got, &load(&format!("jpeg/{kind}.rgb.png")));
        assert!(off <= 3, "{name}: {off} grey levels off");
        tested += 1;
    }
    assert_eq!(tested, 26);
}

/// A JPEG says by the marker of Adobe, else by the names of its components, whether they are RGB; JFIF files never are.
#[test]
fn colours_follow_the_rules_of_libjpeg() {
    let stored = bytes("jpeg/444_apart.jpg");
    let ycbcr = decode(&stored).unwrap();
    let app0 = segments(&stored, 0xE0)[0];
    let plain = [&stored[..app0], &stored[app0 + 18..]].concat();
    let marked = |transform: u8| {
        let adobe = [b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0".as_slice(), &[transform]].concat();
        [&plain[..2], &adobe, &plain[2..]].concat()
    };
    let named = |ids: [u8; 3]| {
        let mut renamed = plain.clone();
        let frame = segments(&plain, FRAME)[0];
        for (i, (id, scan)) in ids.iter().zip(segments(&plain, SCAN)).enumerate() {
            renamed[frame + 10 + 3 * i] = *id;
            renamed[scan + 5] = *id;
        }
        renamed
    };
    for same in [plain.clone(), marked(1), marked(2), named([0, 1, 2]), named([1, 34, 35]), named([5, 200, 9])] {
        assert_eq!(decode(&same).unwrap(), ycbcr);
    }
    let rgb = decode(&marked(0)).unwrap();
    assert!(max_difference(&rgb, &ycbcr) > 50);
    assert_eq!(decode(&named(*b"RGB")).unwrap(), rgb);
}

#[test]
fn kinds_that_are_not_decoded_are_named() {
    let stored = bytes("jpeg/420_apart.jpg");
    let frame = segments(&stored, FRAME)[0];
    let with = |at: usize, value: u8| {
        let mut changed = stored.clone();
        changed[at] = value;
        changed
    };
    let mut three_halves = with(frame + 11, 0x32);
    three_halves[frame + 14] = 0x21;
    let mut late_height = stored.clone();
    late_height[frame + 5..frame + 7].fill(0);
    let second = segments(&stored, SCAN)[1];
    late_height.splice(second..second, *b"\xFF\xDC\0\x04\0\x13");
    for (jpeg, feature) in [
        (with(frame + 1, 0xC3), "lossless coding"),
        (with(frame + 1, 0xC5), "hierarchical coding"),
        (with(frame + 1, 0xC9), "arithmetic coding"),
        (with(frame + 4, 12), "12 bits a sample"),
        (with(frame + 9, 2), "2 components"),
        (three_halves, "sampling factors whose ratio is not a whole number"),
        (late_height, "its height is stated after the first scan (marker DNL)"),
    ] {
        let error = decode(&jpeg).expect_err(feature);
        assert!(matches!(error, Error::UnsupportedFeature { .. }), "{error}");
        assert_eq!(error.to_string(), format!("photo: unsupported kind of JPEG picture: {feature}"));
    }
}

/// Decoders fill what never comes with grey, or show a blurred picture.
#[test]
fn a_picture_whose_last_scans_are_missing() {
    for name in ["jpeg/420_apart.jpg", "jpeg/420_partly.jpg", "jpeg/420_progressive.jpg"] {
        let stored = bytes(name);
        for &scan in &segments(&stored, SCAN)[1..] {
            let error = decode(&[&stored[..scan], &END].concat()).unwrap_err();
            assert!(matches!(error, Error::Damaged { format: "JPEG", .. }), "{name}: {error}");
            assert!(error.to_string().contains("the scans end before component"), "{name}: {error}");
        }
    }
}

/// Decoders fill what is missing with grey. A picture is refused if half of the data of a scan is missing, or of a run
/// between restart markers.
#[test]
fn a_picture_with_a_gap_in_its_data() {
    for name in ["jpeg/420_apart.jpg", "jpeg/420_partly.jpg", "jpeg/444_partly.jpg", "jpeg/cmyk_together.jpg"] {
        let stored = bytes(name);
        let starts = segments(&stored, SCAN).into_iter().map(|scan| scan + 2 + usize::from(stored[scan + 3]));
        let restarts = (0xD0..=0xD7).flat_map(|marker| segments(&stored, marker)).map(|at| at + 2);
        for start in starts.chain(restarts) {
            let end = (start..).find(|&at| stored[at] == 0xFF && stored[at + 1] != 0).unwrap();
            let half = start + (end - start) / 2;
            let error = decode(&[&stored[..half], &stored[end..]].concat()).expect_err(name);
            assert!(matches!(error, Error::Damaged { format: "JPEG", .. }), "{name}: {error}");
        }
    }
}
