//! Parts of datasets.

use crate::support::{assert_has, numbered, text};
use atrous_train::data::{
    DataError, Dataset, PictureSet, Shapes, Subset, digits, split_again, split_every, split_random, split_stratified,
};
use proptest::prelude::*;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// Samples of each class in a part.
fn counts(part: &Subset) -> Vec<usize> {
    let mut counts = vec![0; part.class_names().len()];
    (0..part.len()).for_each(|i| counts[part.class_of(i).unwrap() as usize] += 1);
    counts
}

/// Both parts are sorted, and together all there is.
fn check_whole(parts: &(Subset, Subset), samples: usize) {
    let (train, held_out) = (parts.0.indices(), parts.1.indices());
    assert!(train.is_sorted() && held_out.is_sorted());
    let mut together = [train, held_out].concat();
    together.sort();
    assert_eq!(together, (0..samples).collect::<Vec<_>>());
}

#[test]
fn a_subset_is_the_samples_chosen() {
    let all = Arc::new(numbered(10, 3));
    let subset = Subset::new(all.clone(), vec![7, 2, 2]).unwrap();
    assert_eq!((subset.len(), subset.targets()), (3, all.targets()));
    assert_eq!(subset.class_names(), all.class_names());
    assert_eq!(subset.get(0).unwrap(), all.get(7).unwrap());
    assert_eq!(subset.get(2).unwrap(), all.get(2).unwrap());
    assert_eq!((subset.class_of(0), subset.class_of(3)), (Some(1), None));
    assert_eq!(subset.describe(1), "numbered: sample 2");
    assert_eq!(text(subset.get(3)), "sample 3 of a dataset of 3");
    assert_eq!(text(Subset::new(all.clone(), vec![0, 10])), "sample 10 of a dataset of 10");
    assert_has(&text(Subset::new(all, vec![])), &["no samples", "10 samples"]);
}

#[test]
fn every_fifth() {
    let parts = split_every(Arc::new(numbered(23, 2)), 5).unwrap();
    assert_eq!(parts.1.indices(), [4, 9, 14, 19]);
    check_whole(&parts, 23);
    for nth in [0, 1, 24] {
        let error = text(split_every(Arc::new(numbered(23, 2)), nth));
        assert_has(&error, &["nth must be between 2 and the 23 samples", &format!("got {nth}")]);
    }
}

#[test]
fn at_random() {
    let all = Arc::new(numbered(100, 4));
    let parts = split_random(all.clone(), 0.2, 1).unwrap();
    check_whole(&parts, 100);
    assert_eq!(parts.1.len(), 20);
    assert_eq!(split_random(all.clone(), 0.2, 1).unwrap().1.indices(), parts.1.indices());
    assert_ne!(split_random(all.clone(), 0.2, 2).unwrap().1.indices(), parts.1.indices());
    assert_eq!(split_random(Arc::new(Shapes::new(10, [16, 16], 0).unwrap()), 0.25, 1).unwrap().1.len(), 3);
    for fraction in [0.0, -0.5, 0.001, 0.999, 1.0, 7.0, f64::NAN, f64::INFINITY] {
        let error = text(split_random(all.clone(), fraction, 1));
        assert_has(&error, &["held-out fraction", "100 samples", &format!("got {fraction}")]);
    }
}

#[test]
fn by_class() {
    let all = Arc::new(digits());
    let parts = split_stratified(all.clone(), 0.2, 5).unwrap();
    check_whole(&parts, 1797);
    assert_eq!(parts.1.len(), 359);
    let (train, held_out) = (counts(&parts.0), counts(&parts.1));
    for (class, (train, held_out)) in train.into_iter().zip(held_out).enumerate() {
        let want = 0.2 * (train + held_out) as f64;
        assert!((held_out as f64 - want).abs() <= 1.0, "class {class}: {held_out} of {}", train + held_out);
    }
    assert_eq!(split_stratified(all.clone(), 0.2, 5).unwrap().1.indices(), parts.1.indices());
    assert_ne!(split_stratified(all, 0.2, 6).unwrap().1.indices(), parts.1.indices());
    let one_each = split_stratified(Arc::new(numbered(8, 4)), 0.5, 0).unwrap();
    assert_eq!((counts(&one_each.0), counts(&one_each.1)), (vec![1; 4], vec![1; 4]));
    assert_has(&text(split_stratified(Arc::new(numbered(8, 4)), 1.0, 0)), &["held-out fraction"]);
    let unknown = text(split_stratified(Arc::new(Shapes::new(10, [16, 16], 3).unwrap()), 0.5, 1));
    assert_has(&unknown, &["shapes: picture 0 of seed 3", "cannot be split by class"]);
}

#[test]
fn copies_of_a_picture_are_in_one_part() {
    let all: Arc<dyn Dataset> = Arc::new(numbered(8, 2));
    let twice = || Arc::new(Subset::new(all.clone(), [0, 1, 2, 3, 4, 5, 6, 7].repeat(2)).unwrap());
    let names = |part: &Subset| (0..part.len()).map(|index| part.picture_identity(index)).collect::<HashSet<_>>();
    for (train, held_out) in (0..20)
        .flat_map(|seed| [split_random(twice(), 0.3, seed), split_stratified(twice(), 0.3, seed)])
        .chain([split_every(twice(), 3)])
        .map(Result::unwrap)
    {
        assert!(names(&train).is_disjoint(&names(&held_out)));
        assert_eq!(train.len() + held_out.len(), 16);
    }
    let one = || Arc::new(Subset::new(all.clone(), vec![3; 6]).unwrap());
    let must = "both parts have pictures: there are 1, each perhaps repeated";
    assert_has(&text(split_random(one(), 0.5, 1)), &["held-out fraction", must]);
    assert_has(&text(split_every(one(), 2)), &["nth", must]);
}

#[test]
fn again_if_any_is_left_on_both_sides() {
    let all: Arc<dyn Dataset> = Arc::new(numbered(10, 2));
    let of = |indices: &[usize]| Arc::new(Subset::new(all.clone(), indices.to_vec()).unwrap());
    let held_out = PictureSet::of(&*of(&[2, 5]));
    let parts = split_again(of(&[5, 1, 8, 2, 5]), &held_out).unwrap();
    assert_eq!((parts.0.indices(), parts.1.indices()), (&[1, 2][..], &[0, 3, 4][..]));
    for (now, found) in [(&[0, 1, 3][..], 0), (&[5, 2, 2], 3)] {
        let error = split_again(of(now), &held_out).err().unwrap();
        assert!(matches!(error, DataError::HeldOut { known: 2, samples: 3, found: f } if f == found), "{error}");
    }
    let text = text(split_again(of(&[1]), &held_out));
    assert_eq!(
        text,
        "of the 2 pictures that were held out before, 0 are among these 1; there must be one or more, and others"
    );
}

proptest! {
    /// Samples come and go between trainings that go on from each other, as the trainer keeps account of them: none is
    /// trained on and later held out, and what was away is held out when it is back.
    #[test]
    fn again_holds_out_nothing_that_was_trained_on(
        sets in prop::collection::vec(prop::collection::btree_set(0usize..40, 4..40), 2..6),
        seed: u64,
    ) {
        let all: Arc<dyn Dataset> = Arc::new(numbered(40, 2));
        let of = |set: &BTreeSet<usize>| Subset::new(all.clone(), set.iter().copied().collect()).unwrap();
        let names = |part: &Subset| (0..part.len()).map(|index| part.picture_identity(index)).collect::<HashSet<_>>();
        let (train, first) = split_random(Arc::new(of(&sets[0])), 0.3, seed).unwrap();
        let (mut trained, mut known) = (names(&train), PictureSet::of(&first));
        for set in &sets[1..] {
            let Ok((train, again)) = split_again(Arc::new(of(set)), &known) else { break };
            prop_assert_eq!(train.len() + again.len(), set.len());
            let here = names(&of(set));
            prop_assert_eq!(names(&again), &names(&first) & &here);
            trained.extend(names(&train));
            prop_assert!(names(&again).is_disjoint(&trained));
            known = known.union(&PictureSet::of(&again)).without(&PictureSet::of(&train));
        }
    }
}
