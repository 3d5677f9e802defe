//! The 8×8 digits of UCI, which are part of this crate.

use super::in_memory::InMemory;
use super::picture::Picture;
use super::sample::Sample;
use super::target::Target;
use flate2::read::GzDecoder;
use std::io::Read;

/// Optical Recognition of Handwritten Digits, test set: E. Alpaydin and C. Kaynak, 1998, UCI Machine Learning
/// Repository, <https://doi.org/10.24432/C50P49>, licence CC BY 4.0. This is the file that scikit-learn's `load_digits`
/// reads: 1,797 lines of 64 values and a label.
const FILE: &[u8] = include_bytes!("digits.csv.gz");

/// The 1,797 handwritten digits of scikit-learn's `load_digits`, in its order: grey 8×8 pictures, light on dark, of the
/// classes `0` to `9`, each about 180 times. The values 0 to 16 of the source become `round(255 / 16 * value)`.
///
/// The source is the test set of Optical Recognition of Handwritten Digits (E. Alpaydin and C. Kaynak, 1998, UCI
/// Machine Learning Repository, <https://doi.org/10.24432/C50P49>, licence CC BY 4.0).
pub fn digits() -> InMemory {
    let mut text = String::new();
    GzDecoder::new(FILE).read_to_string(&mut text).expect("the file of this crate is whole");
    let samples = text.lines().map(sample).collect();
    InMemory::new("digits", (0..10).map(|digit| digit.to_string()).collect(), samples)
        .expect("the file of this crate has pictures of ten classes")
}

fn sample(line: &str) -> Sample {
    let mut values: Vec<u32> =
        line.split(',').map(|value| value.parse().expect("the file of this crate holds numbers")).collect();
    let class = values.pop().expect("a line has values");
    let pixels = values.iter().map(|value| ((255 * value + 8) / 16) as u8).collect();
    let image = Picture::new(8, 8, 1, pixels).expect("a line has 64 values");
    Sample { image, targets: vec![Target::Class(class)] }
}
