//! What data hold, and what of it teaches nothing.

use crate::support::{
    Custom, PLAIN, assert_has, loader, names, numbered, options, pixels, png_of, temporary, text, write, write_picture,
};
use atrous_train::data::{
    DataError, Finding, ImageFolder, Loader, LoaderOptions, MaskFolder, OnBroken, Part, Picture, Sample, Severity,
    Shapes, Survey, Target, split_every,
};
use atrous_vision::ClassMap;
use png::{BitDepth, ColorType};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn survey(loader: &Loader) -> Survey {
    Survey::of(loader, Survey::MOST, &|_, _| {}).expect("every sample can be read")
}

/// Pictures of 2×2 with these masks.
fn masked(root: &Path, masks: &[[u8; 4]]) -> MaskFolder {
    for (i, mask) in masks.iter().enumerate() {
        write_picture(root, &format!("images/{i}.png"), (2, 2), [i as u8; 3]);
        write(root, &format!("masks/{i}.png"), &png_of((2, 2), ColorType::Grayscale, BitDepth::Eight, mask));
    }
    MaskFolder::open(root.join("images"), root.join("masks"), names(&["back", "cell", "edge"])).unwrap()
}

fn texts(found: &[Finding], severity: Severity) -> Vec<String> {
    found.iter().filter(|finding| finding.severity() == severity).map(Finding::to_string).collect()
}

#[track_caller]
fn only(found: &[Finding], severity: Severity, parts: &[&str]) {
    let texts: Vec<String> = found.iter().map(Finding::to_string).collect();
    assert_eq!((found.len(), found[0].severity()), (1, severity), "{texts:?}");
    assert_has(&texts[0], parts);
}

#[test]
fn classes_and_pictures_are_counted() {
    let root = temporary();
    let data = masked(root.path(), &[[0, 1, 1, 255], [0, 0, 0, 2], [0, 0, 0, 0]]);
    write_picture(root.path(), "images/2.png", (2, 2), [0; 3]);
    let threaded = LoaderOptions { threads: 3, ..options(2, [2, 2]) };
    let survey = survey(&loader(data.clone(), threaded));
    assert_eq!((survey.samples, survey.read, survey.pixels), (3, 3, true));
    let counts: Vec<(u64, usize)> = survey.classes.iter().map(|count| (count.labels, count.samples)).collect();
    assert_eq!(counts, [(8, 3), (2, 1), (1, 1)]);
    assert_eq!((survey.ignored.labels, survey.ignored.samples, survey.labels()), (1, 1, 12));
    assert_eq!((survey.widths, survey.heights, survey.channels.get(&3)), ((2, 2), (2, 2), Some(&3)));
    assert_eq!(
        survey.to_string(),
        "3 samples; pictures of 2×2, RGB\n\
         of the pixels: back 66.7 % in 3, cell 16.7 % in 1, edge 8.3 % in 1; ignored (255) 8.3 % in 1"
    );
    assert_eq!(survey.findings(Part::Train), []);
    // Order and threads do not matter, nor does the way through a subset.
    let (train, held_out) = split_every(Arc::new(data), 3).unwrap();
    assert_eq!(self::survey(&loader(held_out, options(2, [2, 2]))).classes[0].labels, 4);
    assert_eq!(self::survey(&loader(train, options(2, [2, 2]))).classes[0].labels, 4);
}

#[test]
fn masks_of_black_and_white_are_refused_with_the_remedy() {
    let root = temporary();
    let data = masked(root.path(), &[[0, 255, 255, 0], [255, 0, 0, 0]]);
    let found = survey(&loader(data.clone(), options(2, [2, 2]))).findings(Part::Train);
    let remedy = ["of the class \"back\"", "37.5 % of the pixels have the value 255", "\"cell\", `--map 255=1`"];
    only(&found, Severity::Error, &remedy);
    let found = survey(&loader(data.clone(), options(2, [2, 2]))).findings(Part::Test);
    only(&found, Severity::Warning, &["of the class \"back\"", "`--map 255=1`"]);
    let mapped = data.with_map(&[(255, 1)]).unwrap();
    let found = survey(&loader(mapped.clone(), options(2, [2, 2]))).findings(Part::Train);
    only(&found, Severity::Warning, &["the class \"edge\" is in none of the 2 masks, and not learnt"]);
    let batch = loader(mapped, options(2, [2, 2])).epoch(0, 0).next().unwrap().unwrap();
    assert_eq!(batch.labels(), [0, 1, 1, 0, 1, 0, 0, 0]);
}

#[test]
fn values_are_mapped_at_once_and_each_to_one_class() {
    let root = temporary();
    let data = masked(root.path(), &[[0, 1, 2, 255]]);
    let swapped = data.clone().with_map(&[(0, 1), (1, 0), (255, 2), (2, 255)]).unwrap();
    let batch = loader(swapped, options(1, [2, 2])).epoch(0, 0).next().unwrap().unwrap();
    assert_eq!(batch.labels(), [1, 0, 255, 2]);
    let error = text(data.with_map(&[(255, 1), (255, 2)]));
    assert_eq!(error, "map must be one class for each value, got 255 twice");
}

#[test]
fn what_teaches_nothing_is_an_error() {
    let root = temporary();
    let ignored = survey(&loader(masked(root.path(), &[[255; 4]]), options(1, [2, 2])));
    for part in [Part::Train, Part::Test] {
        only(
            &ignored.findings(part),
            Severity::Error,
            &["every label has the value 255 and is ignored", "`--map 255=CLASS`"],
        );
    }
    let outside = survey(&loader(masked(root.path(), &[[0, 1, 7, 7], [0, 1, 9, 0], [7, 1, 0, 0]]), options(1, [2, 2])));
    let found = texts(&outside.findings(Part::Train), Severity::Error);
    let first = "masks/0.png: label 7 is none of the 3 classes, 0 to 2, nor the ignored 255; it is in 2 samples";
    assert_has(&found[0], &[first, "`--map 7=CLASS`", "`--map 7=255` ignores it"]);
    assert_has(&found[1], &["masks/1.png: label 9", "it is in 1 sample;"]);
}

#[test]
fn much_ignored_and_absent_classes_are_warnings() {
    let root = temporary();
    let data = masked(root.path(), &[[255, 255, 255, 0], [255, 255, 255, 1]]);
    let found = survey(&loader(data, options(1, [2, 2]))).findings(Part::Train);
    let warnings = texts(&found, Severity::Warning);
    assert_eq!(warnings.len(), found.len());
    assert_has(&warnings[0], &["\"edge\" is in none", "75.0 % of the pixels", "`--map 255=2`"]);
    assert_has(&warnings[1], &["75.0 % of the labels have the value 255 and are ignored"]);
    let held_out = survey(&loader(masked(root.path(), &[[0, 0, 1, 1], [0; 4]]), options(1, [2, 2])));
    only(&held_out.findings(Part::Test), Severity::Warning, &["\"edge\" is in none of the 2 masks, and not measured"]);
}

/// One stray pixel does not make masks of 0 and 255 right.
#[test]
fn a_class_of_hardly_any_pixels_beside_many_ignored_ones_is_a_warning() {
    let root = temporary();
    let mut masks = [[0, 255, 255, 0]; 60];
    masks[7] = [0, 1, 255, 0];
    let two = ["back", "cell"];
    let data = |masks: &[[u8; 4]]| {
        let data = masked(root.path(), masks);
        let (images, masks) = (root.path().join("images"), root.path().join("masks"));
        drop(data);
        loader(MaskFolder::open(images, masks, names(&two)).unwrap(), options(2, [2, 2]))
    };
    assert_eq!(survey(&data(&masks)).findings(Part::Train), [], "a pixel in 240 may be meant");
    let many: Vec<[u8; 4]> = [&[[0, 255, 255, 0]; 600][..], &[[0, 1, 0, 0]]].concat();
    let rare =
        "only 0.04 % of the pixels, in 1 sample, are of the class \"cell\"; 49.9 % of the pixels have the value 255";
    for part in [Part::Train, Part::Test] {
        only(&survey(&data(&many)).findings(part), Severity::Warning, &[rare, "`--map 255=1`"]);
    }
}

#[test]
fn a_class_that_is_ignored_as_asked_is_no_finding() {
    let root = temporary();
    let data = loader(masked(root.path(), &[[0, 1, 1, 2]]), LoaderOptions { ignore_label: 0, ..options(1, [2, 2]) });
    assert_eq!(survey(&data).findings(Part::Train), []);
    let two = loader(masked(root.path(), &[[0, 1, 1, 1]]), LoaderOptions { ignore_label: 0, ..options(1, [2, 2]) });
    only(&survey(&two).findings(Part::Train), Severity::Error, &["of the class \"cell\", so nothing can be learnt"]);
}

#[test]
fn class_weights_of_zero_are_found() {
    let survey = survey(&loader(numbered(6, 3), options(2, [1, 1])));
    assert_eq!(survey.weight_findings(&[1.0, 0.5, 2.0]), []);
    only(&survey.weight_findings(&[1.0, 0.0, 2.0]), Severity::Warning, &["\"class 1\" has the class weight 0"]);
    only(&survey.weight_findings(&[0.0; 3]), Severity::Error, &["all classes that occur have the class weight 0"]);
    let root = temporary();
    let two = self::survey(&loader(masked(root.path(), &[[0, 0, 1, 1]]), options(1, [2, 2])));
    only(&two.weight_findings(&[0.0, 0.0, 1.0]), Severity::Error, &["so nothing can be learnt"]);
}

#[test]
fn folders_of_parts_are_no_classes() {
    let open = |folders: &[&str]| {
        let root = temporary();
        for folder in folders {
            write_picture(root.path(), &format!("{folder}/1.png"), (3, 2), [0; 3]);
        }
        survey(&loader(ImageFolder::open(root.path()).unwrap(), options(1, [2, 2]))).findings(Part::Train)
    };
    only(
        &open(&["train", "Val"]),
        Severity::Error,
        &["\"Val\", \"train\" are taken as classes", "`--path FOLDER/train --validation"],
    );
    only(&open(&["cat", "test", "train"]), Severity::Warning, &["\"test\", \"train\"", "may be no classes"]);
    assert_eq!(open(&["bus", "train"]), []);
    let root = temporary();
    write_picture(root.path(), "train/cat/1.png", (1, 1), [0; 3]);
    assert_has(&text(ImageFolder::open(root.path())), &["only one class, \"train\"; if", "`--path` is that folder"]);
}

#[test]
fn of_a_large_set_some_are_read_and_it_is_said() {
    let calls = AtomicUsize::new(0);
    let progress = |done: usize, all: usize| {
        assert!(done <= all && all == 100);
        calls.fetch_add(1, Ordering::Relaxed);
    };
    let shapes = loader(Shapes::new(5000, [16, 16], 1).unwrap(), options(8, [16, 16]));
    let survey = Survey::of(&shapes, 100, &progress).unwrap();
    assert_eq!((survey.samples, survey.read, calls.into_inner()), (5000, 100, 100));
    assert_has(&survey.to_string(), &["100 of 5000 samples, chosen at random; pictures of 16×16, RGB"]);
    assert_eq!(Survey::of(&shapes, 100, &|_, _| {}).unwrap(), survey);
    // The classes of pictures are known of all.
    let survey = Survey::of(&loader(numbered(200, 3), options(8, [1, 1])), 10, &|_, _| {}).unwrap();
    assert_eq!((survey.read, survey.classes[0].samples), (10, 67));
}

/// A choice that shows one class only is no proof: the others are read.
#[test]
fn a_rare_class_is_not_taken_for_none() {
    let read = |index: usize| {
        let mask = ClassMap::new(1, 1, vec![u8::from(index == 77)])?;
        Ok(Sample { image: Picture::new(1, 1, 1, vec![0])?, targets: vec![Target::Mask(mask)] })
    };
    let data = Custom { samples: 1000, class_names: names(&["well", "ill"]), targets: pixels(2), read };
    let survey = Survey::of(&loader(data, options(8, [1, 1])), 5, &|_, _| {}).unwrap();
    assert_eq!((survey.read, survey.classes[1].samples), (1000, 1));
    assert_eq!(survey.findings(Part::Train), []);
}

#[test]
fn broken_samples_are_refused_or_counted() {
    let root = temporary();
    let data = masked(root.path(), &[[0, 1, 2, 0], [0, 1, 2, 0]]);
    write(root.path(), "masks/1.png", b"no picture");
    let refused = Survey::of(&loader(data.clone(), options(1, [2, 2])), 9, &|_, _| {});
    assert_has(&text(refused), &["masks/1.png: not a readable PNG mask"]);
    let skipping = LoaderOptions { on_broken: OnBroken::Skip, ..options(1, [2, 2]) };
    let found = survey(&loader(data.clone(), skipping)).findings(Part::Train);
    only(&found, Severity::Warning, &["1 of 2 samples cannot be read and are skipped; the first: ", "masks/1.png"]);
    write(root.path(), "masks/0.png", b"no picture");
    let all = Survey::of(&loader(data, skipping), 9, &|_, _| {}).unwrap_err();
    assert!(matches!(all, DataError::AllBroken { samples: 2, .. }), "{all}");
}

#[test]
fn a_survey_is_kept_until_the_files_change() {
    let (root, caches) = (temporary(), temporary());
    let data = loader(masked(root.path(), &[[0, 1, 2, 0]]), options(1, [2, 2]));
    let kept = |settings: &str, reads: usize| {
        let read = AtomicUsize::new(0);
        let progress = |_, _| {
            read.fetch_add(1, Ordering::Relaxed);
        };
        let survey = Survey::kept_in(&caches.path().join("surveys"), &data, 9, settings, &progress).unwrap();
        assert_eq!(read.into_inner(), reads, "samples read");
        survey
    };
    let first = kept("", 1);
    assert_eq!(kept("", 0), first);
    kept("other", 1);
    // Other bounds refuse other pictures.
    let small = LoaderOptions { max_picture: 3, ..options(1, [2, 2]) };
    let small = loader(data.dataset().clone(), small);
    let error = Survey::kept_in(&caches.path().join("surveys"), &small, 9, "", &|_, _| {}).unwrap_err();
    assert!(matches!(error, DataError::PictureTooLarge { .. }), "{error}");
    write(root.path(), "masks/0.png", &png_of((2, 2), ColorType::Indexed, BitDepth::Eight, &[2, 2, 2, 1]));
    assert_eq!(kept("", 1).classes[2].labels, 3);
    // A mask of the same size, with the time of change of the one before, as some programs copy.
    if cfg!(unix) {
        let path = root.path().join("masks/0.png");
        let before = fs::metadata(&path).unwrap();
        write(root.path(), "masks/0.png", &png_of((2, 2), ColorType::Indexed, BitDepth::Eight, &[1, 1, 1, 2]));
        let file = fs::File::options().append(true).open(&path).unwrap();
        file.set_modified(before.modified().unwrap()).unwrap();
        let after = fs::metadata(&path).unwrap();
        assert_eq!((after.len(), after.modified().unwrap()), (before.len(), before.modified().unwrap()));
        assert_eq!(kept("", 1).classes[2].labels, 1);
    }
    // A folder that cannot be used is done without.
    let file = write(root.path(), "file", b"");
    let data = loader(numbered(4, 2), LoaderOptions::new(2, [1, 1], PLAIN));
    assert_eq!(Survey::kept_in(&file, &data, 9, "", &|_, _| {}).unwrap().samples, 4);
}

/// A file that was damaged, or has counts of something else under a right checksum, is not believed: its numbers are indices elsewhere.
#[test]
fn kept_surveys_are_checked() {
    let (root, caches) = (temporary(), temporary());
    let data = loader(masked(root.path(), &[[0, 1, 2, 0]]), options(1, [2, 2]));
    let kept = || {
        let read = AtomicUsize::new(0);
        let progress = |_, _| {
            read.fetch_add(1, Ordering::Relaxed);
        };
        (Survey::kept_in(caches.path(), &data, 9, "", &progress).unwrap(), read.into_inner())
    };
    let (first, _) = kept();
    let file = fs::read_dir(caches.path()).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read_to_string(&file).unwrap();
    let text = whole.split_once("checksum: ").unwrap().0;
    let seal = |text: &str| format!("{text}checksum: {:08x}\n", crc32(text.as_bytes()));
    assert_eq!(seal(text), whole);
    let bad = [
        text.to_owned(),
        whole.replacen("\"labels\":2", "\"labels\":3", 1),
        seal(&text.replace("\"class_names\":[\"back\",", "\"class_names\":[")),
        seal(&text.replace("\"read\":1", "\"read\":2")),
        seal(&text.replace("\"labels\":2", &format!("\"labels\":{}", u64::MAX))),
        seal(&text.replace("\"first_broken\":null", "\"first_broken\":\"\\u001b[2J\"")),
        seal("{}\n"),
        String::new(),
    ];
    for content in bad {
        assert_ne!(content, whole);
        fs::write(&file, &content).unwrap();
        assert_eq!(kept(), (first.clone(), 1), "{content}");
        assert_eq!(kept(), (first.clone(), 0), "it is replaced");
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}
