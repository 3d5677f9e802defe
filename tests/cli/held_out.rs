//! What a training holds out of its data stays held out when it goes on with other data.

use std::fs;

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
    assert!(ran.stdout.contains("held_out.toml"), "{}", ran.stdout);
}

/// The numbers of the pictures that are held out, as the run folder tells.
fn held_out(folder: &Folder) -> Vec<String> {
    let text = fs::read_to_string(folder.path("run/held_out.toml")).expect("it is written");
    let number = |line: &str| line.trim().strip_prefix('"')?.split(".png (").next().map(str::to_owned);
    text.lines().filter_map(number).collect()
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

    // One that is gone is not replaced, and not held out again when it comes back.
    remove(&folder, &first[0]);
    let ran = go_on(&folder, "4", &[]);
    let text = "warning: of the 3 samples that were held out, 2 are left to validate on\n";
    assert!(ran.stderr.contains(text) && ran.stderr.contains("14 pictures to train on, 2 to"), "{}", ran.stderr);
    halves(&folder.path("images"), &folder.path("masks"), 17);
    let ran = go_on(&folder, "5", &[]);
    assert!(ran.stderr.contains("15 pictures to train on, 2 to validate on"), "{}", ran.stderr);
    assert_eq!(held_out(&folder), first[1..]);

    first[1..].iter().for_each(|number| remove(&folder, number));
    one_line(
        &["train", "--resume", &run_folder, "--epochs", "6", "--accept-changed-data"],
        &["of the 2 samples that were held out before, 0 are among these 15"],
    );
}

#[test]
fn a_new_choice_of_held_out_samples_is_told() {
    let folder = Folder::new("held-out-anew");
    begin(&folder);
    let run_folder = folder.path("run");
    let anew =
        "warning: the data have changed and the held-out samples were chosen anew, perhaps some that were trained on\n";
    let other = ["train", "--resume", &run_folder, "--epochs", "2", "--split", "0.5"];
    one_line(&other, &["the training data have changed since the checkpoint: 9 pictures then, 6 now"]);
    let ran = go_on(&folder, "2", &["--split", "0.5"]);
    assert!(ran.stderr.contains(anew) && ran.stderr.contains("6 pictures to train on, 6 to"), "{}", ran.stderr);
    assert_eq!(held_out(&folder).len(), 6);

    // The run folder of an older version.
    let file = folder.path("run/held_out.toml");
    fs::remove_file(&file).expect("it is there");
    halves(&folder.path("images"), &folder.path("masks"), 13);
    assert!(go_on(&folder, "3", &[]).stderr.contains(anew));
    // It is known now.
    let before = held_out(&folder);
    assert!(!go_on(&folder, "4", &[]).stderr.contains("chosen anew") && held_out(&folder) == before);

    // A validation of its own: nothing is held out any more.
    let [images, masks] = ["images", "masks"].map(|name| folder.path(name));
    let config = fs::read_to_string(folder.path("run/config.toml")).expect("it is there");
    let own = config.replace("split = 0.5\n", &format!("validation = \"{images}\"\nvalidation_masks = \"{masks}\"\n"));
    fs::write(folder.path("run/config.toml"), own).expect("writable");
    go_on(&folder, "5", &[]);
    assert!(!fs::exists(&file).expect("it can be asked"));

    fs::write(folder.path("run/config.toml"), config).expect("writable");
    fs::write(&file, "split = 0.5\npictures = [1]\n").expect("writable");
    one_line(&["train", "--resume", &run_folder], &["held_out.toml: ", "invalid type: integer `1`, expected a string"]);
}
