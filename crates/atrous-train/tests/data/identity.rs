//! What tells two datasets apart, wherever they are.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::support::{assert_has, names, numbered, temporary, write_picture};
use atrous_train::data::{
    DataIdentity, Dataset, Exif, ImageFolder, InMemory, MaskFolder, Picture, Sample, Shapes, Subset, Target, digits,
};

fn of(dataset: impl Dataset) -> DataIdentity {
    DataIdentity::of(&dataset)
}

/// Two classes with two pictures of 4×4 each.
fn pictures(root: &Path) {
    for name in ["cat/1.png", "cat/deep/2.png", "dog/3.png", "dog/4.png"] {
        write_picture(root, name, (4, 4), [1, 2, 3]);
    }
}

#[test]
fn a_folder_that_moved_is_the_same_and_one_that_changed_is_not() {
    let (first, second) = (temporary(), temporary());
    pictures(first.path());
    let moved = second.path().join("else/where");
    pictures(&moved);
    let open = |root: &Path| of(ImageFolder::open(root).unwrap());
    let then = open(first.path());
    assert_eq!(open(&moved), then);
    assert_eq!((then.samples, &then.classes[..], then.fingerprint.len()), (4, &[2, 2][..], 16));
    let size = fs::metadata(moved.join("dog/3.png")).unwrap().len();
    assert_eq!(then.identities[1], format!("cat/deep/2.png ({size} bytes)"));

    let change = |now: &DataIdentity| now.change(&then, &names(&["cat", "dog"])).unwrap();
    write_picture(&moved, "dog/5.png", (4, 4), [1, 2, 3]);
    let grown = format!("4 pictures then, 5 now; class \"dog\": 2 then, 3 now; new: dog/5.png ({size} bytes)");
    assert_eq!(change(&open(&moved)), grown);
    fs::remove_file(moved.join("dog/5.png")).unwrap();
    // Moved to the other class, renamed, changed in size.
    fs::rename(moved.join("dog/4.png"), moved.join("cat/4.png")).unwrap();
    assert_has(&change(&open(&moved)), &["class \"cat\": 2 then, 3 now", "new: cat/4.png", "gone: dog/4.png"]);
    fs::rename(moved.join("cat/4.png"), moved.join("dog/four.png")).unwrap();
    assert_eq!(change(&open(&moved)), format!("new: dog/four.png ({size} bytes); gone: dog/4.png ({size} bytes)"));
    fs::rename(moved.join("dog/four.png"), moved.join("dog/4.png")).unwrap();
    assert_eq!(open(&moved), then);
    fs::write(moved.join("dog/4.png"), b"").unwrap();
    assert_eq!(change(&open(&moved)), format!("new: dog/4.png (0 bytes); gone: dog/4.png ({size} bytes)"));
}

#[test]
fn contents_of_the_same_size_are_told_apart() {
    let root = temporary();
    pictures(root.path());
    let open = || of(ImageFolder::open(root.path()).unwrap());
    let write = |name: &str, bytes: &[u8]| fs::write(root.path().join(name), bytes).unwrap();
    let lengths = [0, 1, 2, 4096, 100_000];
    let name = |length: usize| format!("dog/x{length:06}.png");
    lengths.iter().for_each(|length| write(&name(*length), &vec![7; *length]));
    let then = open();
    assert_eq!((open(), then.contents.len()), (then.clone(), 9));
    for length in lengths.into_iter().filter(|length| *length > 0) {
        for changed in [0, length / 2, length - 1] {
            let mut bytes = vec![7; length];
            bytes[changed] = 8;
            write(&name(length), &bytes);
            let text = open().change(&then, &[]).unwrap_or_default();
            assert_eq!(text, format!("other contents: {} ({length} bytes)", name(length)), "byte {changed}");
            write(&name(length), &vec![7; length]);
        }
    }
    assert_eq!(open().change(&then, &[]), None);
    // A checkpoint of before knows no contents.
    let old = DataIdentity { contents: Vec::new(), ..then.clone() };
    write(&name(1), &[8]);
    assert_eq!((open().change(&old, &[]), old.change(&open(), &[])), (None, None));
    lengths.iter().skip(1).for_each(|length| write(&name(*length), &vec![8; *length]));
    let text = open().change(&then, &[]).unwrap();
    assert!(text.starts_with("other contents: dog/x000001.png (1 bytes), ") && text.ends_with(" and 1 more"), "{text}");
}

#[test]
fn masks_that_are_read_in_another_way_are_others() {
    let root = temporary();
    for folder in ["images", "masks"] {
        write_picture(root.path(), &format!("{folder}/a.png"), (4, 4), [0; 3]);
    }
    let open = |map: &[(u8, u8)], exif: Option<Exif>| {
        let [images, masks] = ["images", "masks"].map(|folder| root.path().join(folder));
        let data = MaskFolder::open(images, masks, names(&["left", "right"])).unwrap().with_map(map).unwrap();
        let data: Arc<dyn Dataset> = Arc::new(exif.map_or_else(|| data.clone(), |exif| data.clone().with_exif(exif)));
        of(Subset::new(data, vec![0]).unwrap())
    };
    let plain = open(&[], None);
    // What changes nothing is not told.
    assert_eq!((open(&[], Some(Exif::Apply)), open(&[(1, 1)], None)), (plain.clone(), plain.clone()));
    let both = open(&[(255, 1), (0, 1), (1, 0)], Some(Exif::Raw));
    let text = "read as the files are then, with map 0=1 1=0 255=1, exif raw now";
    assert_eq!(both.change(&plain, &[]).as_deref(), Some(text));
    let text = "read with map 0=1 1=0 255=1, exif raw then, with exif raw now";
    assert_eq!(open(&[], Some(Exif::Raw)).change(&both, &[]).as_deref(), Some(text));
    assert_eq!(open(&[(1, 0), (255, 1), (0, 1)], Some(Exif::Raw)), both);
    // A checkpoint of before does not know it.
    let old = DataIdentity { reading: None, ..plain };
    assert_eq!((both.change(&old, &[]), old.change(&both, &[])), (None, None));
}

#[test]
fn contents_of_large_sets_are_told_apart() {
    let root = temporary();
    pictures(root.path());
    for index in 0..1000 {
        fs::write(root.path().join(format!("dog/{index:04}.png")), [7; 9]).unwrap();
    }
    let then = of(ImageFolder::open(root.path()).unwrap());
    assert_eq!((then.identities.len(), then.contents.len()), (0, 1));
    fs::write(root.path().join("dog/0500.png"), [8; 9]).unwrap();
    let change = of(ImageFolder::open(root.path()).unwrap()).change(&then, &[]);
    assert_eq!(change.as_deref(), Some("the same names and sizes, but other contents"));
}

#[test]
fn masks_are_part_of_a_sample() {
    let root = temporary();
    for folder in ["images", "masks"] {
        write_picture(root.path(), &format!("{folder}/a.png"), (4, 4), [0; 3]);
    }
    let open = || {
        let [images, masks] = ["images", "masks"].map(|folder| root.path().join(folder));
        MaskFolder::open(images, masks, names(&["left", "right"])).unwrap()
    };
    let picture = open().picture_identity(0);
    let then = of(open());
    assert!(then.identities[0].starts_with("a.png (") && then.identities[0].contains(" bytes) with a.png ("));
    write_picture(root.path(), "masks/a.png", (9, 9), [0; 3]);
    assert_has(&of(open()).change(&then, &[]).unwrap(), &["new: a.png (", "gone: a.png ("]);
    // A mask of the same size that was corrected.
    let then = of(open());
    let mut bytes = fs::read(root.path().join("masks/a.png")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(root.path().join("masks/a.png"), bytes).unwrap();
    assert_has(&of(open()).change(&then, &[]).unwrap(), &["other contents: a.png ("]);
    // The picture is the same one.
    assert!(picture.starts_with("a.png (") && open().picture_identity(0) == picture, "{picture}");
    write_picture(root.path(), "images/a.png", (9, 9), [0; 3]);
    assert_ne!(open().picture_identity(0), picture);
}

#[test]
fn samples_without_files_are_told_apart_by_their_content() {
    let sample = |grey: u8, class: u32| Sample {
        image: Picture::new(2, 1, 1, vec![grey, 7]).unwrap(),
        targets: vec![Target::Class(class)],
    };
    let set = |name: &str, samples: Vec<Sample>| of(InMemory::new(name, names(&["a", "b"]), samples).unwrap());
    let then = set("here", vec![sample(1, 0), sample(2, 1)]);
    assert_eq!(set("there", vec![sample(1, 0), sample(2, 1)]), then);
    for other in [vec![sample(1, 0), sample(3, 1)], vec![sample(1, 1), sample(2, 0)], vec![sample(2, 1), sample(1, 0)]]
    {
        assert!(set("here", other).change(&then, &[]).is_some());
    }
    let shapes = |seed, side| of(Shapes::new(3, [side, 16], seed).unwrap());
    assert_eq!(shapes(1, 16), shapes(1, 16));
    assert!(shapes(1, 16).change(&shapes(2, 16), &[]).is_some() && shapes(1, 16).change(&shapes(1, 32), &[]).is_some());
}

#[test]
fn subsets_are_their_samples_and_large_sets_are_counted() {
    let all: Arc<dyn Dataset> = Arc::new(numbered(6, 2));
    let subset = |indices: &[usize]| of(Subset::new(all.clone(), indices.to_vec()).unwrap());
    let then = subset(&[0, 1, 2]);
    assert_eq!(then.identities.len(), 3);
    let order = "the same pictures in another order or in other classes";
    assert_eq!(subset(&[2, 1, 0]).change(&then, &[]).as_deref(), Some(order));
    // More than 1000 samples: nobody keeps their names.
    let digits: Arc<dyn Dataset> = Arc::new(digits());
    let part = |first: usize| of(Subset::new(digits.clone(), (first..first + 1200).collect()).unwrap());
    let (first, second) = (part(0), part(1));
    assert!(first.identities.is_empty());
    let change = second.change(&first, &[]).unwrap();
    assert!(change.starts_with("class ") || change.starts_with("as many pictures, but with other names"), "{change}");
}

/// Other systems store the same name in another form, and a name need not be text.
#[cfg(unix)]
#[test]
fn names_of_any_bytes_are_told_apart() {
    use std::os::unix::ffi::OsStrExt;
    let root = temporary();
    write_picture(root.path(), "a/0.png", (4, 4), [1, 2, 3]);
    write_picture(root.path(), "b/0.png", (4, 4), [1, 2, 3]);
    for byte in [0xe4, 0xf6, 0xfc] {
        let name = [&[byte][..], b".png"].concat();
        fs::copy(root.path().join("a/0.png"), root.path().join("a").join(std::ffi::OsStr::from_bytes(&name))).unwrap();
    }
    let then = of(ImageFolder::open(root.path()).unwrap());
    assert!(then.identities[1].starts_with(r"a/\xE4.png ("), "{:?}", then.identities);
    assert_eq!(then.identities.iter().collect::<std::collections::HashSet<_>>().len(), 5);
    let form = |name: &str| {
        let path = root.path().join("b").join(name);
        fs::copy(root.path().join("b/0.png"), &path).unwrap();
        let identity = of(ImageFolder::open(root.path()).unwrap());
        fs::remove_file(path).unwrap();
        identity
    };
    assert_eq!(form("\u{e9}.png"), form("e\u{301}.png"));
}
