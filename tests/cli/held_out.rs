//! What a training holds out of its data stays held out when it goes on with other data.

use std::fs;

use atrous::train::checkpoint::Checkpoint;

use super::support::{Folder, Ran, run};
use super::train::{halves, one_line};

/// A training of one epoch that holds out 3 of 12 pictures with masks, in the folder `run`.
fn begin(folder: &Folder) {
    let [images, masks, to] = ["images", "masks", "run"].map(|name| folder.path(name));
    halves(&images, &masks, 12);
    let data = ["--data", "mask-folder", "--path", &images, "--masks", &masks, "--classes", "left,right"];
    let rest = ["--size", "32", "--batch", "4", "--epochs", "1", "--split", "0.25", "--run-folder", &to];
    let ran = run("atrous", &[&["train", "--model", "small_unet"][..], &data, &rest].concat());
    assert!(ran.success && ran.stderr.contains("9 pictures to train on, 3 to validate on"), "{}", ran.stderr);
}

/// The numbers of the pictures that are held out, as the checkpoint tells.
fn held_out(folder: &Folder) -> Vec<String> {
    let state = Checkpoint::load(folder.path("run/last.checkpoint")).expect("a checkpoint").state;
    let number = |identity: &String| identity.split(".png (").next().unwrap_or_default().to_owned();
    state.validation.expect("a validation").identities.iter().map(number).collect()
}

fn go_on(folder: &Folder, epochs: &str, more: &[&str]) -> Ran {
    let run_folder = folder.path("run");
    let go_on = ["train", "--resume", &run_folder, "--epochs", epochs, "--accept-changed-data"];
    let ran = run("atrous", &[&go_on[..], more].concat());
    assert!(ran.success, "{}", ran.stderr);
    ran
}

/// Removes the picture of a number with its mask.
fn remove(folder: &Folder, number: &str) {
    for kind in ["images", "masks"] {
        fs::remove_file(folder.path(&format!("{kind}/{number}.png"))).expect("it is there");
    }
}

#[test]
fn masks_are_read_as_before() {
    let folder = Folder::new("read-otherwise");
    begin(&folder);
    let run_folder = folder.path("run");
    let resume = ["train", "--resume", &run_folder, "--epochs", "2"];
    let with = |more: &[&'static str]| [&resume[..], more].concat();
    let swapped = with(&["--map", "0=1", "--map", "1=0"]);
    one_line(&swapped, &["the training data have changed", "read as the files are then, with map 0=1 1=0 now"]);
    one_line(&with(&["--exif", "raw"]), &["read as the files are then, with exif raw now"]);
    let weights = run("atrous", &with(&["--weights", "none"]));
    assert!(!weights.success && weights.stderr.contains("cannot be used with '--weights"), "{}", weights.stderr);
    let ran = go_on(&folder, "2", &["--exif", "raw"]);
    assert!(ran.stderr.contains("9 pictures to train on, 3 to validate on"), "{}", ran.stderr);
    let resume = ["train", "--resume", &run_folder, "--epochs", "3", "--exif", "apply"];
    one_line(&resume, &["read with exif raw then, as the files are now"]);
}

#[test]
fn new_samples_are_trained_on_and_held_out_ones_stay_so() {
    let folder = Folder::new("held-out");
    begin(&folder);
    let run_folder = folder.path("run");
    let first = held_out(&folder);
    assert_eq!(first.len(), 3);
    // Five more: drawn anew it would be four of seventeen.
    halves(&folder.path("images"), &folder.path("masks"), 17);
    let resume = ["train", "--resume", &run_folder, "--epochs", "2"];
    let ran = one_line(&resume, &["the training data have changed since the checkpoint: 9 pictures then, 14 now; "]);
    assert!(ran.stderr.contains("new: 12.png (") && !ran.stderr.contains("gone: "), "{}", ran.stderr);
    let ran = go_on(&folder, "2", &[]);
    assert!(ran.stderr.contains("14 pictures to train on, 3 to validate on"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    assert_eq!(held_out(&folder), first);

    // A corrected mask changes no part.
    let mask = fs::read(folder.path("masks/0.png")).expect("it is there");
    fs::write(folder.path(&format!("masks/{}.png", first[1])), [&mask[..], b"\n"].concat()).expect("writable");
    one_line(&["train", "--resume", &run_folder, "--epochs", "3"], &["the validation data have changed"]);
    assert!(!go_on(&folder, "3", &[]).stderr.contains("warning") && held_out(&folder) == first);

    // One that is gone is not replaced, and held out again when it comes back.
    remove(&folder, &first[0]);
    let ran = go_on(&folder, "4", &[]);
    let text = "warning: of 3 pictures that were held out, 2 are left to validate on\n";
    assert!(ran.stderr.contains(text) && ran.stderr.contains("14 pictures to train on, 2 to"), "{}", ran.stderr);
    assert_eq!(held_out(&folder), first[1..]);
    halves(&folder.path("images"), &folder.path("masks"), 17);
    let ran = go_on(&folder, "5", &[]);
    assert!(ran.stderr.contains("14 pictures to train on, 3 to validate on"), "{}", ran.stderr);
    assert!(held_out(&folder) == first && !ran.stderr.contains("warning"), "{}", ran.stderr);

    first.iter().for_each(|number| remove(&folder, number));
    let gone = ["train", "--resume", &run_folder, "--epochs", "6", "--accept-changed-data"];
    one_line(&gone, &["none of the 3 pictures that were held out is among the data: validate on other data"]);
    // As it advises.
    let [images, masks] = ["own-images", "own-masks"].map(|name| folder.path(name));
    halves(&images, &masks, 5);
    let own = ["--validation", &images, "--validation-masks", &masks];
    let ran = go_on(&folder, "6", &own);
    assert!(ran.stderr.contains("14 pictures to train on, 5 to validate on"), "{}", ran.stderr);
    assert!(!fs::read_to_string(folder.path("run/config.toml")).expect("it is there").contains("split"));
}

#[test]
fn what_is_told_first_is_what_has_changed() {
    let folder = Folder::new("held-out-told");
    begin(&folder);
    let run_folder = folder.path("run");
    held_out(&folder).iter().for_each(|number| remove(&folder, number));
    let resume = ["train", "--resume", &run_folder, "--epochs", "2"];
    one_line(&resume, &["the training data have changed since the checkpoint: 9 pictures then, 7 now; "]);
    one_line(&[&resume[..], &["--seed", "9"]].concat(), &["its seed is 0, here it is 9"]);

    // Only what was held out is left.
    halves(&folder.path("images"), &folder.path("masks"), 12);
    let kept = held_out(&folder);
    (0..12).map(|i| i.to_string()).filter(|i| !kept.contains(i)).for_each(|number| remove(&folder, &number));
    let accepting = [&resume[..], &["--accept-changed-data"]].concat();
    one_line(
        &accepting,
        &["of the 3 pictures that were held out before, 3 are among these 3; there must be one or more"],
    );
}

#[test]
fn what_an_older_checkpoint_does_not_tell_is_told() {
    let folder = Folder::new("held-out-older");
    begin(&folder);
    let run_folder = folder.path("run");
    let last = folder.path("run/last.checkpoint");
    let mut older = Checkpoint::load(&last).expect("a checkpoint");
    assert_eq!(older.state.held_out.take().map(|pictures| pictures.len()), Some(3));
    older.save(&last).expect("writable");
    let before = held_out(&folder);
    let ran = run("atrous", &["train", "--resume", &run_folder, "--epochs", "2"]);
    assert!(ran.success && !ran.stderr.contains("warning") && held_out(&folder) == before, "{}", ran.stderr);

    older.save(&last).expect("writable");
    halves(&folder.path("images"), &folder.path("masks"), 17);
    let ran = go_on(&folder, "3", &[]);
    assert!(ran.stderr.contains("of an older version, does not tell what was held out"), "{}", ran.stderr);
    // Now it is known.
    assert!(!go_on(&folder, "4", &[]).stderr.contains("older version"));
}

#[test]
fn a_part_that_is_chosen_is_not_chosen_again() {
    let folder = Folder::new("held-out-own");
    begin(&folder);
    let run_folder = folder.path("run");
    let other = ["train", "--resume", &run_folder, "--split", "0.5"];
    let ran = run("atrous", &other);
    let refused = "error: the argument '--resume <FOLDER>' cannot be used with '--split <FRACTION>'";
    assert!(!ran.success && ran.stderr.contains(refused), "{}", ran.stderr);

    // With a validation of its own the training has all pictures, and cannot hold out some of them later.
    let config = fs::read_to_string(folder.path("run/config.toml")).expect("it is there");
    let [images, masks] = ["own-images", "own-masks"].map(|name| folder.path(name));
    halves(&images, &masks, 20);
    let own = config.replace("split = 0.25\n", &format!("validation = \"{images}\"\nvalidation_masks = \"{masks}\"\n"));
    let own = folder.file("own.toml", own.as_bytes());
    go_on(&folder, "2", &[&own]);
    assert_eq!(held_out(&folder).len(), 20);
    let back = folder.file("back.toml", config.as_bytes());
    one_line(
        &["train", &back, "--resume", &run_folder, "--epochs", "3", "--accept-changed-data"],
        &["none of the 8 pictures that were held out is among the data"],
    );
}
