//! Checkpoints that are complete or not there, whatever happens while they are written.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
    thread,
    time::Duration,
};

use atrous_nn::{ParameterKind, zoo};
use atrous_train::{
    Schedule, Waiting,
    checkpoint::{Checkpoint, Computation, NamedTensor, ScaleState, TrainingState},
    data::{DataIdentity, PictureSet, Shapes},
};
use proptest::prelude::*;

fn state(step: u64) -> TrainingState {
    TrainingState {
        network: "test".to_owned(),
        input: [2, 8, 8, 3],
        targets: Some(vec!["\"labels\" 2×1×1×1 u32".to_owned()]),
        classes: Some(vec!["cat".to_owned(), "dog".to_owned()]),
        watch: Some("Loss".to_owned()),
        computation: Some(Computation { fingerprint: "00ff".to_owned(), operations: [("relu".to_owned(), 2)].into() }),
        data: Some(DataIdentity {
            samples: 2,
            classes: vec![1, 1],
            fingerprint: "01ab".to_owned(),
            identities: vec!["cat/1.png (70 bytes)".to_owned(), "dog/ü.png (71 bytes)".to_owned()],
            contents: vec!["0123456789abcdef".to_owned(); 2],
            reading: Some("map 255=1".to_owned()),
        }),
        validation: None,
        held_out: Some(PictureSet::of(&Shapes::new(3, [16, 16], 1).unwrap())),
        changed_data: true,
        adapted: None,
        step,
        epoch: 3,
        batch: 7,
        loss_sum: 0.1 + 0.2,
        samples: 14,
        seed: u64::MAX,
        settings: "sgd momentum=0.9".to_owned(),
        lr: 0.1,
        schedule: Schedule::Warmup { steps: 3, start: 0.1, then: Box::new(Schedule::Poly { steps: 9, power: 0.9 }) },
        best: Some(1.0 / 3.0),
        waiting: Waiting { best: None, waited: 2 },
        loss_scale: Some(ScaleState { scale: 1024.0, applied: 5, skipped: 2 }),
    }
}

/// A checkpoint whose values all tell its step; large enough that writing it takes a while.
fn checkpoint(step: u64, len: usize) -> Checkpoint {
    let tensor =
        |name: &str| NamedTensor { name: name.to_owned(), shape: vec![len / 4, 4], values: vec![step as f32; len] };
    Checkpoint {
        state: state(step),
        parameters: vec![tensor("conv.weight"), tensor("optimizer/odd"), tensor("größe/β:0")],
        optimizer: vec![tensor("momentum/conv.weight")],
    }
}

fn files(folder: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    fs::read_dir(folder).unwrap().map(|e| name(e.unwrap())).collect()
}

#[test]
fn a_checkpoint_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.checkpoint");
    let mut saved = checkpoint(5, 64);
    saved.parameters[0].values[..4].copy_from_slice(&[f32::MIN_POSITIVE, -0.0, f32::NAN, 1e-45]);
    saved.parameters.push(NamedTensor { name: "scalar".to_owned(), shape: vec![], values: vec![2.5] });
    saved.save(&path).unwrap();
    let loaded = Checkpoint::load(&path).unwrap();
    assert_eq!(loaded.state, saved.state);
    let bits = |list: &[NamedTensor]| -> Vec<(String, Vec<usize>, Vec<u32>)> {
        list.iter().map(|t| (t.name.clone(), t.shape.clone(), t.values.iter().map(|v| v.to_bits()).collect())).collect()
    };
    assert_eq!(bits(&loaded.parameters), bits(&saved.parameters));
    assert_eq!(bits(&loaded.optimizer), bits(&saved.optimizer));
    // The same state gives the same bytes.
    let first = fs::read(&path).unwrap();
    saved.save(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), first);
    assert_eq!(files(folder.path()), ["last.checkpoint"]);
}

/// The bytes of a file in which a text is replaced by another of its length.
fn replaced(whole: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at = whole.windows(from.len()).position(|bytes| bytes == from.as_bytes());
    let at = at.unwrap_or_else(|| panic!("{from} in {}", String::from_utf8_lossy(whole)));
    let mut bytes = whole.to_vec();
    bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
    bytes
}

/// A checkpoint of version 1, which had no checksum.
fn first_version(checkpoint: &Checkpoint) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.checkpoint");
    checkpoint.save(&path).unwrap();
    let bytes = replaced(&fs::read(&path).unwrap(), r#"\"version\":2"#, r#"\"version\":1"#);
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let mut notes = header.metadata().clone().unwrap();
    notes.retain(|key, _| key == "atrous.checkpoint");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    safetensors::serialize(tensors.tensors(), Some(notes)).unwrap()
}

#[test]
fn checkpoints_of_the_first_version_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.checkpoint");
    let saved = checkpoint(5, 64);
    let bytes = first_version(&saved);
    assert!(!String::from_utf8_lossy(&bytes).contains("checksum"));
    fs::write(&path, bytes).unwrap();
    let loaded = Checkpoint::load(&path).unwrap();
    assert_eq!(loaded.state, saved.state);
    assert_eq!((loaded.parameters.len(), loaded.optimizer), (3, saved.optimizer));
}

#[test]
fn truncated_damaged_and_foreign_files_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.checkpoint");
    checkpoint(5, 64).save(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    let error = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let text = Checkpoint::load(&path).unwrap_err().to_string();
        assert!(text.contains("last.checkpoint"), "{text}");
        text
    };
    for len in (0..whole.len()).step_by(61).chain([0, 7, 8, 9, whole.len() - 1]) {
        assert!(error(&whole[..len]).contains("is not a valid safetensors file"));
    }
    assert!(error(b"hello, this is a text").contains("is not a valid safetensors file"));
    let checked = error(&replaced(&whole, r#"\"epoch\":3"#, r#"\"epoch\":4"#));
    assert!(checked.contains("its checksum is "), "{checked}");
    let weights = [("conv.weight".to_owned(), vec![1], vec![1.0])];
    atrous_io::save_tensors(&path, &weights).unwrap();
    assert!(Checkpoint::load(&path).unwrap_err().to_string().contains("is not a checkpoint"));
    // Changed by a program that knows nothing of the checksum, and left it out.
    let without = |from: &str, to: &str| {
        let bytes = replaced(&whole, "atrous.checksum", "another.program");
        let bytes = replaced(&bytes, "atrous.format", "other.program");
        error(&replaced(&bytes, from, to))
    };
    assert!(without("network", "network").contains("it has no checksum"));
    assert!(without("atrous.checkpoint", "atrous.something!").contains("its notes lack \"atrous.checkpoint\""));
    assert!(without(r#"\"version\":2"#, r#"\"version\":7"#).contains("version 7"));
    let first = first_version(&checkpoint(5, 64));
    let first = |from: &str, to: &str| error(&replaced(&first, from, to));
    assert!(first(r#"\"epoch\":3"#, r#"\"epoch\":x"#).contains("its state is malformed"));
    assert!(first(r#"\"scale\":1024.0"#, r#"\"scale\":1023.0"#).contains("power of two"));
    assert!(first("parameters/conv.weight", "parameterz/conv.weight").contains("neither a parameter"));
    let missing = Checkpoint::load(folder.path().join("none.checkpoint")).unwrap_err().to_string();
    assert!(missing.contains("cannot read") && missing.contains("none.checkpoint"), "{missing}");
}

/// Loads bytes as a checkpoint. Its file is not emptied before, for which file systems wait.
fn load(folder: &Path, bytes: &[u8]) -> Result<Checkpoint, String> {
    let path = folder.join("damaged.checkpoint");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(false).open(&path).unwrap();
    file.write_all(bytes).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    Checkpoint::load(&path).map_err(|error| error.to_string())
}

#[test]
fn every_changed_or_missing_byte_of_a_small_checkpoint_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.checkpoint");
    checkpoint(5, 4).save(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    assert!(load(folder.path(), &whole).is_ok());
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        for change in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
            bytes[at] = whole[at] ^ change;
            let loaded = load(folder.path(), &bytes);
            assert!(loaded.is_err_and(|error| error.contains("damaged.checkpoint")), "byte {at} as {}", bytes[at]);
        }
        assert!(load(folder.path(), &whole[..at]).is_err(), "{at} bytes");
    }
}

/// The bytes of a checkpoint.
static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.checkpoint");
    checkpoint(5, 256).save(&path).unwrap();
    fs::read(&path).unwrap()
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn damaged_checkpoints_are_refused(at in any::<prop::sample::Index>(), change in 1u8.., cut in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = WHOLE.clone();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= change }
        prop_assert!(load(folder.path(), &bytes).is_err());
    }
}

#[cfg(unix)]
#[test]
fn a_link_is_replaced_by_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let [target, path] = ["precious", "last.checkpoint"].map(|name| folder.path().join(name));
    fs::write(&target, "kept").unwrap();
    std::os::unix::fs::symlink("precious", &path).unwrap();
    checkpoint(1, 64).save(&path).unwrap();
    assert!(!path.is_symlink() && fs::read(&target).unwrap() == b"kept");
    assert_eq!(Checkpoint::load(&path).unwrap(), checkpoint(1, 64));
}

#[test]
fn a_checkpoint_without_a_loss_scale_is_one_of_f32() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.checkpoint");
    let mut plain = checkpoint(1, 64);
    plain.state.loss_scale = None;
    plain.save(&path).unwrap();
    let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
    assert!(text.contains("waited") && !text.contains("loss_scale"), "as it was before there were scales");
    assert_eq!(Checkpoint::load(&path).unwrap(), plain);
}

#[test]
fn tensors_that_cannot_be_saved_leave_the_file_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.checkpoint");
    checkpoint(1, 64).save(&path).unwrap();
    let mut wrong = checkpoint(2, 64);
    wrong.parameters[1].name = "conv.weight".to_owned();
    assert!(
        wrong
            .save(&path)
            .unwrap_err()
            .to_string()
            .contains("\"parameters/conv.weight\" in a checkpoint: the name is taken")
    );
    let mut wrong = checkpoint(2, 64);
    wrong.optimizer[0].values.pop();
    assert!(wrong.save(&path).unwrap_err().to_string().contains("its shape is [16, 4], it has 63 values"));
    assert_eq!(Checkpoint::load(&path).unwrap(), checkpoint(1, 64));
    let nowhere = folder.path().join("no/such/folder/last.checkpoint");
    let error = wrong.save(&nowhere).unwrap_err();
    assert!(error.to_string().contains("63 values"));
    let error = checkpoint(1, 64).save(&nowhere).unwrap_err().to_string();
    assert!(error.contains("cannot write the checkpoint") && error.contains("no/such/folder"), "{error}");
}

#[test]
fn a_checkpoint_of_another_network_lists_all_that_differs() {
    let model = zoo::build("small_resnet", &zoo::BuildOptions::default()).unwrap();
    let input = model.input_shape().dims();
    let tensors = |prefix: &str| -> Vec<NamedTensor> {
        let tensor = |name: &str, shape: &[usize]| NamedTensor {
            name: format!("{prefix}{name}"),
            shape: shape.to_vec(),
            values: vec![0.0; shape.iter().product()],
        };
        model.parameters.iter().map(|p| tensor(&p.name, &p.shape)).collect()
    };
    let mut good = Checkpoint { state: state(1), parameters: tensors(""), optimizer: tensors("momentum/") };
    good.state.network = model.name.clone();
    good.state.input = input;
    let slots: Vec<(String, Vec<usize>)> =
        model.parameters.iter().map(|p| (format!("momentum/{}", p.name), p.shape.clone())).collect();
    let check = |checkpoint: &Checkpoint| {
        checkpoint.check(&model, slots.iter().map(|(n, s)| (n.as_str(), &s[..]))).map_err(|e| e.to_string())
    };
    check(&good).unwrap();

    let mut other = good.clone();
    other.state.network = "unet".to_owned();
    let needs = format!("its network is unet, here it is {}", model.name);
    assert!(check(&other).unwrap_err().contains(&needs));
    other.parameters[0].shape.reverse();
    other.parameters[1].name = "something.else".to_owned();
    let text = check(&other).unwrap_err();
    let (first, second) = (&model.parameters[0], &model.parameters[1]);
    for part in [
        format!("the checkpoint's parameters do not fit {}, it is one of unet", model.name),
        "1 missing, 1 unexpected, 1 of another shape".to_owned(),
        format!("shape: {} needs {:?}", first.name, first.shape),
        format!("missing: {}", second.name),
        "unexpected: something.else".to_owned(),
    ] {
        assert!(text.contains(&part), "{part}: {text}");
    }

    for (end, value) in [("conv1.weight", f32::NAN), ("running_var", -1.0), ("running_mean", f32::INFINITY)] {
        let mut diverged = good.clone();
        let tensor = diverged.parameters.iter_mut().find(|tensor| tensor.name.ends_with(end)).unwrap();
        tensor.values[2] = value;
        let text = check(&diverged).unwrap_err();
        assert!(text.contains("cannot be resumed") && text.contains(end) && text.contains("position 2"), "{text}");
    }

    let mut other = good.clone();
    other.state.input[1] += 32;
    assert!(check(&other).unwrap_err().contains("input shape"));
    let mut other = good.clone();
    other.optimizer.pop();
    let last = model.parameters.last().unwrap();
    assert!(!matches!(last.kind, ParameterKind::RunningMean));
    let text = check(&other).unwrap_err();
    assert!(
        text.contains("optimizer's tensors") && text.contains(&format!("missing: momentum/{}", last.name)),
        "{text}"
    );
}

/// A folder for a child process, which then saves again and again until it is killed or cannot go on.
const CHILD: &str = "ATROUS_TEST_CHECKPOINT_CHILD";
/// Values of a tensor in these tests.
const LEN: usize = 1 << 18;

/// Not a test of its own: what the child processes of the following tests run.
#[test]
fn child_saves_again_and_again() {
    let Some(path) = env::var_os(CHILD).map(PathBuf::from) else { return };
    for step in 1.. {
        if let Err(error) = checkpoint(step, LEN).save(&path) {
            println!("ERROR {error}");
            return;
        }
    }
}

fn child(program: &str, arguments: &[&str], path: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env(CHILD, path).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

const ONLY_CHILD: [&str; 4] = ["--exact", "child_saves_again_and_again", "--nocapture", "--test-threads=1"];

#[test]
fn a_kill_during_a_save_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.checkpoint");
    let program = env::current_exe().unwrap();
    checkpoint(0, LEN).save(&path).unwrap();
    let mut saved = 0;
    for round in 0..12u64 {
        let mut process = child(program.to_str().unwrap(), &ONLY_CHILD, &path).spawn().unwrap();
        thread::sleep(Duration::from_millis(40 + round * 37 % 160));
        process.kill().unwrap();
        process.wait().unwrap();
        let loaded = Checkpoint::load(&path).unwrap();
        let step = loaded.state.step;
        assert_eq!(loaded, checkpoint(step, LEN), "a mixture of two checkpoints");
        saved += step;
    }
    assert!(saved > 0, "no child ever saved");
    // Temporary files are left by those that were killed within a save.
    assert!(files(folder.path()).len() > 1, "no child was killed within a save");
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_an_error_that_leaves_the_file_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.checkpoint");
    let program = env::current_exe().unwrap();
    checkpoint(0, 64).save(&path).unwrap();
    // A limit of 512 KiB per file; where the limit is reached, writing fails as it does on a full disk.
    let script = "trap '' XFSZ; ulimit -f 512; exec \"$0\" \"$@\"";
    let mut arguments = vec!["-c", script, program.to_str().unwrap()];
    arguments.extend(ONLY_CHILD);
    let output = child("bash", &arguments, &path).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let error = text.lines().find_map(|line| line.split_once("ERROR ")).map(|(_, error)| error.to_owned());
    let error = error.unwrap_or_else(|| panic!("the child went on: {text}"));
    assert!(error.contains("cannot write the checkpoint") && error.contains("last.checkpoint"), "{error}");
    assert_eq!(Checkpoint::load(&path).unwrap(), checkpoint(0, 64));
    assert_eq!(files(folder.path()), ["last.checkpoint"]);
}
