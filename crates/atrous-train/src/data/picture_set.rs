//! Pictures that are known again.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::dataset::Dataset;
use crate::fingerprint::Fingerprint;

/// Hexadecimal digits of a fingerprint.
const DIGITS: usize = 16;

/// A set of pictures, each known by a fingerprint of its [`Dataset::picture_identity`]. Its text has 16 hexadecimal digits
/// for each.
///
/// ```
/// use atrous_train::data::{PictureSet, Shapes};
///
/// let [first, more] = [3, 5].map(|samples| Shapes::new(samples, [16, 16], 1).map(|shapes| PictureSet::of(&shapes)));
/// let (first, more) = (first?, more?);
/// assert_eq!((first.len(), more.without(&first).len()), (3, 2));
/// assert_eq!(String::from(first).len(), 3 * 16);
/// # Ok::<(), atrous_train::data::DataError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PictureSet(BTreeSet<u64>);

impl PictureSet {
    /// All pictures of a dataset. Reads no sample, but for data in files the size of each file.
    pub fn of(dataset: &dyn Dataset) -> Self {
        Self((0..dataset.len()).map(|index| fingerprint(dataset, index)).collect())
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the picture of a sample is one of them.
    pub fn contains(&self, dataset: &dyn Dataset, index: usize) -> bool {
        self.0.contains(&fingerprint(dataset, index))
    }

    /// These and those of another set.
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).copied().collect())
    }

    /// These without those of another set.
    pub fn without(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).copied().collect())
    }
}

fn fingerprint(dataset: &dyn Dataset, index: usize) -> u64 {
    let mut fingerprint = Fingerprint::default();
    fingerprint.text(&dataset.picture_identity(index));
    fingerprint.finish()
}

impl From<PictureSet> for String {
    fn from(set: PictureSet) -> Self {
        set.0.iter().fold(String::with_capacity(DIGITS * set.len()), |mut text, picture| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{picture:016x}");
            text
        })
    }
}

impl TryFrom<String> for PictureSet {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bad = || format!("pictures must be given by {DIGITS} hexadecimal digits each");
        let picture = |digits: &[u8]| {
            let plain = digits.len() == DIGITS && digits.iter().all(u8::is_ascii_hexdigit);
            let digits = std::str::from_utf8(digits).ok().filter(|_| plain);
            digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).ok_or_else(bad)
        };
        text.as_bytes().chunks(DIGITS).map(picture).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_text_is_read_again() {
        let set = PictureSet(BTreeSet::from([7, u64::MAX, 0x0123_4567_89ab_cdef]));
        let text = String::from(set.clone());
        assert_eq!(text, "00000000000000070123456789abcdefffffffffffffffff");
        assert_eq!(PictureSet::try_from(text).unwrap(), set);
        assert!(PictureSet::try_from(String::new()).unwrap().is_empty());
        for bad in ["0", "+000000000000007", "000000000000000g", "00000000000000070", "ä00000000000000"] {
            assert!(PictureSet::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
