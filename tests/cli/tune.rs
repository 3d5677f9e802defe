//! Searching for the fastest kernels from the command line.

use super::support::{Folder, Ran, run_in};

fn tuned(folder: &Folder, tuning: &str, arguments: &[&str]) -> Ran {
    run_in(&[("ATROUS_CACHE_DIR", &folder.path("cache")), ("ATROUS_TUNE", tuning)], "atrous", arguments)
}

#[test]
fn a_search_prints_what_it_found_and_the_next_program_knows_it() {
    let folder = Folder::new("tune");
    for (arguments, op) in [
        (&["profile", "small_resnet", "--size", "8", "--runs", "1", "--tune=600"][..], "conv2d stride"),
        (
            &["profile", "small_resnet", "--size", "8", "--runs", "1", "--tune=600", "--train"],
            "conv2d_grad_weight stride",
        ),
    ] {
        let ran = tuned(&folder, "on", arguments);
        assert!(ran.success, "{}", ran.stderr);
        assert!(ran.stdout.contains("of the predicted time") && ran.stdout.contains(op), "{}", ran.stdout);
        assert!(ran.stdout.contains("roofline: "), "{}", ran.stdout);
    }
    let ran = tuned(&folder, "on", &["plan", "small_resnet", "--tune"]);
    assert!(ran.success && ran.stdout.contains("predicted peak"), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn a_search_is_refused_where_tuning_is_off_and_for_no_number_of_seconds() {
    let folder = Folder::new("tune-off");
    let refuse = |tuning: &str, seconds: &str, text: &str| {
        let ran = tuned(&folder, tuning, &["plan", "small_resnet", seconds]);
        assert!(!ran.success && ran.stderr.contains(text), "{seconds}: {}{}", ran.stdout, ran.stderr);
    };
    refuse("off", "--tune", "tuning is off");
    refuse("maybe", "--tune", "ATROUS_TUNE=maybe: expected on or off");
    refuse("on", "--tune=-1", "a number of seconds");
    refuse("on", "--tune=soon", "a number of seconds");
}
