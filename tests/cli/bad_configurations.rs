//! Configurations of trainings, in files and flags, that make no sense.

use super::support::{Folder, refuse};
use super::train::{one_line, tiny};

#[test]
fn configurations_without_meaning_are_refused_by_name() {
    let folder = Folder::new("train-config");
    let file = |text: &str, texts: &[&str]| {
        let path = folder.file("bad.toml", text.as_bytes());
        one_line(&["train", &path], texts);
    };
    let rest = "model = 'small_unet'\n[data]\nkind = 'shapes'\n";
    file("model = \n", &["bad.toml, line 1"]);
    file("modle = 'small_unet'\n", &["bad.toml, line 1: unknown key `modle` (did you mean `model`?)", "`epochs`"]);
    file("model = 'small_unet'\nepocs = 3\n", &["bad.toml, line 2: unknown key `epocs` (did you mean `epochs`?)"]);
    file("epochs = 3\n", &["no network is given", "model = \"NAME\""]);
    file("model = 'small_unet'\n[data]\npath = 'x'\n", &["no data are given", "--data KIND"]);
    file(&format!("{rest}[augment]\nflip = 0.5\n"), &["line 5: unknown key `augment.flip`", "`horizontal_flip`"]);
    file(
        &format!("{rest}[optimizer]\ntype = 'sgd'\nbeta1 = 0.5\n"),
        &["line 6: unknown key `optimizer.beta1`", "`momentum`"],
    );
    file(&format!("{rest}[loss]\ntype = 'hinge'\n"), &["line 5: `loss.type` is \"hinge\"; known are", "`dice`"]);
    file(
        &format!("{rest}[schedule]\ntype = 'step'\ngamma = 0.1\n"),
        &["line 4: `schedule.step_size` is missing: add --step-size N, or the key step_size to the table [schedule]"],
    );
    file(&format!("epochs = 'ten'\n{rest}"), &["line 1: `epochs` must be a whole number from 0 on, got \"ten\""]);
    file(&format!("batch = -3\n{rest}"), &["line 1: `batch` must be a whole number from 0 on, got -3"]);
    file(&format!("maximize = 1\n{rest}"), &["line 1: `maximize` must be true or false, got 1"]);
    file(&format!("size = 32\n{rest}"), &["line 1: `size` must be a list of 2 values, got 32"]);
    file(&format!("size = [32]\n{rest}"), &["line 1: `size` must be a list of 2 values, got 1 of them"]);
    file(&format!("size = [32, '8']\n{rest}"), &["line 1: a value of `size` must be a whole number", "got \"8\""]);
    let sum = "[loss]\ntype = 'sum'\nparts = [{ weight = 1, loss = { type = 'dic' } }]\n";
    file(&format!("{rest}{sum}"), &["line 4: `loss` has \"dic\" (did you mean `dice`?)"]);
    file(&format!("watch = 'acuracy'\n{rest}"), &["line 1: `watch` is \"acuracy\" (did you mean `accuracy`?)"]);
    file(&format!("{rest}samples = 'many'\n"), &["line 4: `data.samples` must be a whole number", "got \"many\""]);
    file(&format!("{rest}[optimizer]\nlr = 'high'\n"), &["line 5: `optimizer.lr` must be a number, got \"high\""]);
    let image_folder =
        "`data.path` is missing: add --path FOLDER, or the key path to the table [data] of the TOML file";
    file("model = 'small_unet'\n[data]\nkind = 'image-folder'\n", &["bad.toml, line 2: ", image_folder]);
    one_line(&["train", "--model", "small_resnet", "--data", "image-folder"], &["the flags: ", image_folder]);
    let flags = |more: &[&str], texts: &[&str]| one_line(&tiny(more), texts);
    flags(&["--run-folder", ""], &["the flags: `run_folder` must be a path that is not empty, got \"\""]);
    file(&format!("weights = ''\n{rest}"), &["line 1: `weights` must be a path that is not empty, got \"\""]);
    // Names of any kind make no line of their own.
    let model = ["train", "--model", "x\nerror: fine", "--data", "shapes"];
    one_line(&model, &[r#"no network is named "x\nerror: fine""#]);
    for [flag, text] in [
        ["--freeze", r#"no parameter of small_unet is called "x\nerror: fine""#],
        ["--adapter", r#"no adapter is named "x\nerror: fine""#],
    ] {
        flags(&[flag, "x\nerror: fine"], &[text]);
    }
    flags(&["--lr", "-1"], &["lr must be positive and finite, got -1"]);
    flags(&["--smoothing", "2"], &["smoothing must lie in 0..=1, got 2"]);
    let split = ["train", "--model", "small_unet", "--data", "shapes", "--split", "1.5"];
    one_line(&split, &["data.split must be at least 0 and below 1, got 1.5"]);
    flags(&["--rotation", "200"], &["rotation must be within 0 to 180 degrees, got 200"]);
    flags(&["--padding", "4"], &["augment.padding must be 0 unless"]);
    flags(&["--optimizer", "sgd", "--momentum", "1"], &["momentum must lie in 0..1, got 1"]);
    flags(
        &["--optimizer", "nadam", "--momentum-decay", "-1"],
        &["nadam momentum_decay must be finite and not negative"],
    );
    flags(
        &["--optimizer", "nadam", "--rule", "keras"],
        &["the flags: unknown key `optimizer.rule`", "`momentum_decay`"],
    );
    flags(&["--optimizer", "adagrad", "--initial-accumulator", "inf"], &["adagrad initial_accumulator must be finite"]);
    let keras = ["--optimizer", "adagrad", "--lr-decay", "0.1", "--rule", "keras"];
    flags(&keras, &["adagrad by the rule of Keras has no lr_decay, got 0.1"]);
    flags(&["--optimizer", "sgd", "--amsgrad"], &["unknown key `optimizer.amsgrad`"]);
    flags(&["--loss", "weighted-cross-entropy"], &["`loss.weights` is missing: add --class-weights W,W,…"]);
    one_line(
        &["train", "--model", "small_unet", "--data", "digits"],
        &["\"small_unet\": height and width must be multiples of 16, got 8×8", "--size HxW, or size"],
    );
    flags(&["--recompute", "all"], &["recompute must be nothing, cheap, or segments=N", "got all"]);
    flags(&["--memory-budget", "much"], &["memory_budget must be", "got \"much\""]);
    flags(&["--freeze", "encoder9"], &["small_unet", "encoder9"]);
    flags(&["--path", "/tmp"], &["unknown key `data.path`; known are `samples`"]);
    one_line(&["train", "--data", "digits"], &["no network is given", "--model"]);
    one_line(&["train", "--model", "small_resnet"], &["no data are given", "--data"]);
    one_line(&["train", "--model", "small_rsnet", "--data", "digits"], &["small_rsnet", "small_resnet"]);
    one_line(&["train", "--model", "small_resnet", "--data", "shapes"], &["small_resnet gives", "labels"]);
    one_line(&["train", &folder.path("none.toml")], &["cannot read", "none.toml"]);
    let none = "there is no training to resume: there is no such folder";
    one_line(&["train", "--resume", &folder.path("none")], &["none: ", none]);
    one_line(&["train", &folder.path("bad.toml"), "--resume", &folder.path("none")], &["none: ", none]);
    one_line(&["train", "--resume", &folder.path("")], &["it has no config.toml"]);
    one_line(&["train", "--resume", &folder.path("bad.toml")], &["it is a file, not a folder"]);
    refuse("atrous", &["train", "--model", "small_unet", "--data", "faces"], &["--data", "image-folder", "shapes"]);
    refuse("atrous", &["train", "--model", "small_unet", "--loss", "dice+hinge"], &["hinge", "cross-entropy"]);
}
