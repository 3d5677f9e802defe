//! What tells two datasets apart, wherever they are.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::support::{assert_has, names, numbered, temporary, write_picture};
use atrous_train::data::{
    DataIdentity, Dataset, ImageFolder, InMemory, MaskFolder, Picture, Sample, Shapes, Subset, Target, digits,
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
