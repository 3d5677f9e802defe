//! Every kind of target, from samples to batches.

use crate::support::{all, assert_has, levels, loader, options, text};
use atrous_gpu::Data;
use atrous_train::data::{
    Augment, Batch, Crop, DataError, Framing, InMemory, Loader, LoaderOptions, Picture, Sample, Target, TargetKind,
    TargetSpec, split_stratified,
};
use atrous_vision::{ClassMap, RgbImage};
use image::Rgb;
use std::sync::Arc;

fn grey(width: u32, height: u32, value: u8) -> Picture {
    Picture::new(width, height, 1, vec![value; (width * height) as usize]).unwrap()
}

/// A sample of each kind of target, all of whose numbers tell its index.
fn sample(index: u8) -> Sample {
    let share = f32::from(index) / 4.0;
    let targets = vec![
        Target::Class(index.into()),
        Target::Mask(ClassMap::new(2, 1, vec![index, 0]).unwrap()),
        Target::SoftLabels(vec![share, 1.0 - share]),
        Target::MultiHot(vec![index == 0, true, index == 1]),
        Target::Vector(vec![share, -1.0]),
        Target::Boxes(vec![[0.0, 0.0, share, 1.0]; usize::from(index > 0)]),
        Target::Image(Picture::new(2, 1, 1, vec![index, 255]).unwrap()),
    ];
    Sample { image: grey(2, 1, index), targets }
}

fn specs() -> Vec<TargetSpec> {
    let kinds = [
        ("class", TargetKind::Class { classes: 3 }),
        ("mask", TargetKind::Mask { classes: 3 }),
        ("soft", TargetKind::SoftLabels { classes: 2 }),
        ("hot", TargetKind::MultiHot { classes: 3 }),
        ("vector", TargetKind::Vector { len: 2 }),
        ("boxes", TargetKind::Boxes { most: 2 }),
        ("image", TargetKind::Image { channels: 1 }),
    ];
    kinds.into_iter().map(|(name, kind)| TargetSpec::new(name, kind)).collect()
}

fn floats<'a>(batch: &'a Batch, name: &str) -> &'a [f32] {
    match &batch.target(name).unwrap().values {
        Data::F32(values) => values,
        Data::U32(_) => panic!("{name} is f32"),
    }
}

#[test]
fn a_batch_carries_all_of_them() {
    let data = InMemory::with_targets("all", specs(), (0..3).map(sample).collect()).unwrap();
    let batches = all(&loader(data, LoaderOptions { framing: Framing::Keep, ..options(2, [1, 2]) }), 0);
    let [first, last] = &batches[..] else { panic!("two batches") };
    assert_eq!((last.samples, last.shape), (1, [1, 1, 2, 3]));
    let last = &last.clone().filled(2, 255);
    let shapes: Vec<[usize; 4]> = first.targets.iter().map(|target| target.shape).collect();
    assert_eq!(
        shapes,
        [[2, 1, 1, 1], [2, 1, 2, 1], [2, 1, 1, 2], [2, 1, 1, 3], [2, 1, 1, 2], [2, 1, 2, 4], [2, 1, 2, 1]]
    );
    assert_eq!(first.target("class").unwrap().values, Data::U32(vec![0, 1]));
    assert_eq!(first.target("mask").unwrap().values, Data::U32(vec![0, 0, 1, 0]));
    assert_eq!(floats(first, "soft"), [0.0, 1.0, 0.25, 0.75]);
    assert_eq!(floats(first, "hot"), [1.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
    assert_eq!(floats(first, "vector"), [0.0, -1.0, 0.25, -1.0]);
    // What a sample lacks of the most boxes is zero.
    assert_eq!(floats(first, "boxes")[..8], [0.0; 8]);
    assert_eq!(floats(first, "boxes")[8..], [0.0, 0.0, 0.25, 1.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(floats(first, "image"), [0.0, 1.0, 1.0 / 255.0, 1.0]);
    assert_eq!(first.sample_weights(), [1.0, 1.0]);
    assert!(first.labels().is_empty() && first.target("labels").is_none());

    // A batch that is filled up: no labels, and everything else again with a weight of zero.
    assert_eq!((last.samples, last.sample_weights()), (1, vec![1.0, 0.0]));
    assert_eq!(last.target("class").unwrap().values, Data::U32(vec![2, 255]));
    assert_eq!(last.target("mask").unwrap().values, Data::U32(vec![2, 0, 255, 255]));
    assert_eq!(floats(last, "soft"), [0.5; 4]);
    assert_eq!(floats(last, "vector"), [0.5, -1.0, 0.5, -1.0]);
}

#[test]
fn there_may_be_none() {
    let samples = (0..2).map(|i| Sample { image: grey(1, 1, i), targets: vec![] }).collect();
    let data = InMemory::with_targets("pictures", vec![], samples).unwrap();
    let batches = all(&loader(data, options(2, [1, 1])), 0);
    assert!(batches[0].targets.is_empty());
    assert_eq!(levels(&batches[0]), [0, 0, 0, 1, 1, 1]);
}

/// A white rectangle on black with its mask, its box, and itself as a picture to be found.
fn rectangle() -> InMemory {
    let (width, height) = (40, 30);
    let inside = |x: u32, y: u32| (8..26).contains(&x) && (6..18).contains(&y);
    let image = RgbImage::from_fn(width, height, |x, y| Rgb([if inside(x, y) { 255 } else { 0 }; 3]));
    let classes = (0..height).flat_map(|y| (0..width).map(move |x| u8::from(inside(x, y)))).collect();
    let corners = [8.0 / 40.0, 6.0 / 30.0, 26.0 / 40.0, 18.0 / 30.0];
    let image = Picture::try_from(image).unwrap();
    let targets = vec![
        Target::Mask(ClassMap::new(width, height, classes).unwrap()),
        Target::Boxes(vec![corners]),
        Target::Image(image.clone()),
    ];
    let kinds = [TargetKind::Mask { classes: 2 }, TargetKind::Boxes { most: 1 }, TargetKind::Image { channels: 3 }];
    let specs = ["labels", "boxes", "image"].into_iter().zip(kinds).map(|(name, kind)| TargetSpec::new(name, kind));
    InMemory::with_targets("rectangle", specs.collect(), vec![Sample { image, targets }]).unwrap()
}

/// Left, top, right, bottom of the pixels of class 1.
fn extent(labels: &[u32], width: usize) -> Option<[f32; 4]> {
    let ones = labels.iter().enumerate().filter(|(_, label)| **label == 1).map(|(i, _)| (i % width, i / width));
    let (xs, ys): (Vec<usize>, Vec<usize>) = ones.unzip();
    let ends = |v: &[usize]| Some((*v.iter().min()? as f32, *v.iter().max()? as f32 + 1.0));
    let ((left, right), (top, bottom)) = (ends(&xs)?, ends(&ys)?);
    Some([left, top, right, bottom])
}

#[test]
fn boxes_and_pictures_move_with_the_picture() {
    let flips = Augment { horizontal_flip: 0.5, vertical_flip: 0.5, ..Augment::NONE };
    let crop = Crop::Random { padding: 4 };
    // Turned boxes become larger than what is in them, so turns are by quarters where extents are compared.
    for augment in [flips, Augment { scale: (0.6, 1.8), ..flips }, Augment { scale: (0.5, 2.0), crop, ..flips }] {
        for (framing, size) in [(Framing::Cover, [32, 32]), (Framing::Stretch, [24, 36]), (Framing::Keep, [25, 37])] {
            let loader = loader(rectangle(), LoaderOptions { augment, framing, seed: 5, ..options(1, size) });
            let mut compared = 0;
            for batch in (0..40).flat_map(|epoch| all(&loader, epoch)) {
                let found = floats(&batch, "boxes");
                let sides = [size[1] as f32, size[0] as f32, size[1] as f32, size[0] as f32];
                let found: Vec<f32> = found.iter().zip(sides).map(|(v, side)| v * side).collect();
                let Some(seen) = extent(batch.labels(), size[1]) else { continue };
                let near = seen.iter().zip(&found).all(|(seen, found)| (seen - found).abs() <= 1.0);
                assert!(near, "{augment:?} {framing:?}: {seen:?} {found:?}");
                compared += 1;
            }
            assert!(compared > 30, "{compared}");
            let batch = &all(&loader, 1)[0];
            assert_eq!(floats(batch, "image"), batch.images, "{augment:?} {framing:?}");
        }
    }
}

#[test]
fn a_turned_box_is_the_upright_one_around_it() {
    let augment = Augment { rotation: 180.0, scale: (0.4, 0.6), ..Augment::NONE };
    let loader = loader(rectangle(), LoaderOptions { augment, seed: 5, ..options(1, [48, 48]) });
    let mut larger = 0;
    for batch in (0..40).flat_map(|epoch| all(&loader, epoch)) {
        let [left, top, right, bottom] = *floats(&batch, "boxes") else { panic!("one box") };
        let seen = extent(batch.labels(), 48).unwrap().map(|v| v / 48.0);
        let slack = 1.0 / 48.0;
        assert!(left <= seen[0] + slack && top <= seen[1] + slack, "{seen:?} {left} {top}");
        assert!(right >= seen[2] - slack && bottom >= seen[3] - slack, "{seen:?} {right} {bottom}");
        // A pixel's centre decides, so at the tips of a turned rectangle up to two pixels are not seen.
        let spare = [seen[0] - left, seen[1] - top, right - seen[2], bottom - seen[3]];
        assert!(spare.iter().all(|v| *v <= 2.5 / 48.0), "{spare:?}");
        // Not turned it is 0.087 at most.
        larger += usize::from((right - left) * (bottom - top) > 0.1);
    }
    assert!(larger > 0);
}

#[test]
fn what_leaves_the_picture_is_gone() {
    // The window shows the middle of a picture three times its size, the box lies in a corner.
    let image = grey(9, 9, 7);
    let targets = vec![Target::Boxes(vec![[0.0, 0.0, 0.3, 0.3], [0.0, 0.0, 0.5, 0.5]])];
    let specs = vec![TargetSpec::new("boxes", TargetKind::Boxes { most: 2 })];
    let data = InMemory::with_targets("corner", specs, vec![Sample { image, targets }]).unwrap();
    let batch = &all(&loader(data, LoaderOptions { framing: Framing::Keep, ..options(1, [3, 3]) }), 0)[0];
    assert_eq!(floats(batch, "boxes"), [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.5]);
}

#[test]
fn colours_of_a_target_stay() {
    let augment = Augment { brightness: 0.9, contrast: 0.9, ..Augment::NONE };
    let loader = loader(rectangle(), LoaderOptions { augment, framing: Framing::Keep, ..options(1, [30, 40]) });
    let batch = &all(&loader, 3)[0];
    assert!(floats(batch, "image").iter().all(|v| *v == 0.0 || *v == 1.0));
    assert_ne!(floats(batch, "image"), batch.images);
}

#[test]
fn soft_labels_may_have_names() {
    let samples =
        [0.5, 0.25].map(|p| Sample { image: grey(1, 1, 0), targets: vec![Target::SoftLabels(vec![p, 1.0 - p])] });
    let names = ["cat", "dog"].map(str::to_owned).to_vec();
    let data = InMemory::new("pets", names.clone(), samples.to_vec()).unwrap();
    let batch = &all(&loader(data, options(2, [1, 1])), 0)[0];
    assert_eq!(floats(batch, "labels"), [0.5, 0.5, 0.25, 0.75]);
    let vectors = vec![Sample { image: grey(1, 1, 0), targets: vec![Target::Vector(vec![1.0, 2.0])] }];
    let error = text(InMemory::new("pets", names.clone(), vectors));
    assert_has(&error, &["pets: sample 0", "promises one target with classes", "has a vector of 2"]);
    let none = text(InMemory::new("pets", names, vec![Sample { image: grey(1, 1, 0), targets: vec![] }]));
    assert_has(&none, &["has 0 targets"]);
}

#[test]
fn stratified_parts_need_no_names() {
    let samples = (0..12).map(|i| Sample { image: grey(1, 1, i), targets: vec![Target::Class(u32::from(i % 3))] });
    let data =
        InMemory::with_targets("n", vec![TargetSpec::labels(TargetKind::Class { classes: 3 })], samples.collect());
    let (train, held_out) = split_stratified(Arc::new(data.unwrap()), 0.25, 1).unwrap();
    assert_eq!((train.indices().len(), held_out.indices().len()), (9, 3));
}

/// The message for one sample with this target, where a target of this kind is promised.
fn refusal(kind: TargetKind, target: Target) -> String {
    let specs = vec![TargetSpec::new("truth", kind)];
    text(InMemory::with_targets("set", specs, vec![Sample { image: grey(2, 1, 0), targets: vec![target] }]))
}

#[test]
fn numbers_that_make_no_sense_are_named() {
    let soft = |p: [f32; 2]| refusal(TargetKind::SoftLabels { classes: 2 }, Target::SoftLabels(p.to_vec()));
    let start = "set: sample 0: target \"truth\"";
    assert_has(&soft([f32::NAN, 1.0]), &[start, "probabilities must lie in 0..=1, that of class 0 is NaN"]);
    assert_has(&soft([1.5, -0.5]), &[start, "that of class 0 is 1.5"]);
    assert_has(&soft([0.5, 0.4]), &[start, "must sum up to 1, got 0.9"]);
    let vector = refusal(TargetKind::Vector { len: 2 }, Target::Vector(vec![0.0, f32::INFINITY]));
    assert_has(&vector, &[start, "numbers must be finite, number 1 is inf"]);
    let boxed = |corners| refusal(TargetKind::Boxes { most: 1 }, Target::Boxes(vec![corners]));
    assert_has(&boxed([0.5, 0.0, 0.2, 1.0]), &[start, "in order, box 0 is 0.5, 0, 0.2, 1"]);
    assert_has(&boxed([0.0, 0.0, 1.1, 1.0]), &[start, "must lie in 0..=1"]);
    assert_has(&boxed([f32::NAN, 0.0, 1.0, 1.0]), &[start, "box 0 is NaN"]);
    let image = refusal(TargetKind::Image { channels: 1 }, Target::Image(grey(1, 2, 0)));
    assert_has(&image, &[start, "it is 1×2, but its sample's picture is 2×1"]);
}

#[test]
fn other_kinds_than_promised_are_refused() {
    for (kind, target, parts) in [
        (TargetKind::Class { classes: 2 }, Target::Vector(vec![1.0]), ["one of 2 classes a picture", "a vector of 1"]),
        (TargetKind::Vector { len: 2 }, Target::Vector(vec![1.0]), ["a vector of 2", "a vector of 1"]),
        (TargetKind::SoftLabels { classes: 3 }, Target::SoftLabels(vec![1.0]), ["of 3 classes", "of 1 classes"]),
        (TargetKind::MultiHot { classes: 3 }, Target::MultiHot(vec![true]), ["any of 3", "any of 1"]),
        (TargetKind::Boxes { most: 1 }, Target::Boxes(vec![[0.0; 4]; 2]), ["at most 1 boxes", "at most 2 boxes"]),
        (TargetKind::Image { channels: 3 }, Target::Image(grey(2, 1, 0)), ["of 3 channels", "of 1 channels"]),
    ] {
        assert_has(&refusal(kind, target), &["set: sample 0: the dataset promises \"truth\": ", parts[0], parts[1]]);
    }
    let specs = || vec![TargetSpec::new("truth", TargetKind::Vector { len: 1 })];
    let without = Sample { image: grey(1, 1, 0), targets: vec![] };
    assert_has(&text(InMemory::with_targets("set", specs(), vec![without])), &["the sample has no target"]);
    let twice = Sample { image: grey(1, 1, 0), targets: vec![Target::Vector(vec![1.0]); 2] };
    assert_has(&text(InMemory::with_targets("set", specs(), vec![twice])), &["the sample has 2 of them"]);
}

#[test]
fn promises_that_cannot_be_kept_are_refused() {
    let new = |specs: Vec<TargetSpec>| {
        let image = || Sample { image: grey(1, 1, 0), targets: vec![] };
        text(InMemory::with_targets("set", specs, vec![image()]))
    };
    let spec = TargetSpec::new;
    let twice = vec![spec("a", TargetKind::Vector { len: 1 }), spec("a", TargetKind::Vector { len: 1 })];
    assert_has(&new(twice), &["target \"a\": every target must have a name of its own"]);
    assert_has(&new(vec![spec("", TargetKind::Vector { len: 1 })]), &["a name of its own"]);
    assert_has(&new(vec![spec("a", TargetKind::Vector { len: 0 })]), &["a vector of 0 is nothing to learn"]);
    assert_has(&new(vec![spec("a", TargetKind::Boxes { most: 0 })]), &["nothing to learn"]);
    assert_has(&new(vec![spec("a", TargetKind::Image { channels: 2 })]), &["pictures have 1 or 3 channels, got 2"]);
    assert_has(&new(vec![spec("a", TargetKind::Class { classes: 1 })]), &["training needs at least two"]);
    let error = |result: Result<Loader, DataError>| text(result);
    let named = crate::support::Custom {
        samples: 1,
        class_names: crate::support::names(&["a", "b", "c"]),
        targets: crate::support::classes(2),
        read: |_| Err(DataError::Index { index: 0, len: 0 }),
    };
    let refused = error(Loader::new(Arc::new(named), options(1, [1, 1])));
    assert_has(&refused, &["it has 2 classes, but 3 class names are given"]);
}
