//! The digits that are part of the crate are those of scikit-learn's `load_digits`.

use crate::support::{class_of, classes};
use atrous_train::data::{Dataset, digits};

#[test]
fn the_digits_are_scikit_learns() {
    let data = digits();
    assert_eq!((data.len(), data.targets()), (1797, classes(10)));
    assert_eq!(data.class_names().join(""), "0123456789");
    let mut counts = [0; 10];
    let mut sum = 0;
    for index in 0..data.len() {
        let sample = data.get(index).unwrap();
        assert_eq!((sample.image.width(), sample.image.height(), sample.image.channels()), (8, 8, 1));
        assert_eq!(data.class_of(index), Some(class_of(&sample)));
        counts[class_of(&sample) as usize] += 1;
        // Back from 0..=255 to the 0..=16 of the source.
        sum += sample.image.pixels().iter().map(|&p| (f64::from(p) * 16.0 / 255.0).round() as u32).sum::<u32>();
    }
    assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    assert_eq!(sum, 561_718);
    let first = data.get(0).unwrap();
    // 0 0 5 13 9 1 0 0 in sixteenths.
    assert_eq!(first.image.pixels()[..8], [0, 0, 80, 207, 143, 16, 0, 0]);
    assert_eq!(class_of(&first), 0);
}
