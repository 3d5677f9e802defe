//! Building and running the programs.

use std::collections::HashMap;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use cargo_metadata::Message;

/// The root of the repository.
pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The programs by name, built like this test.
fn programs() -> &'static HashMap<String, PathBuf> {
    static PROGRAMS: OnceLock<HashMap<String, PathBuf>> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
        // All of the workspace, so that features of dependencies are those of the test run and nothing is built again.
        let mut cargo = Command::new(env!("CARGO"))
            .args(["build", "--workspace", "--bins", "--examples", "--message-format=json", "--profile", profile])
            .current_dir(ROOT)
            .stdout(Stdio::piped())
            .spawn()
            .expect("cargo starts");
        let messages = Message::parse_stream(BufReader::new(cargo.stdout.take().expect("a pipe")));
        let mut programs = HashMap::new();
        for message in messages {
            if let Message::CompilerArtifact(artifact) = message.expect("cargo writes JSON")
                && let Some(path) = artifact.executable
            {
                programs.insert(artifact.target.name, path.into_std_path_buf());
            }
        }
        assert!(cargo.wait().expect("cargo ends").success(), "the programs do not build");
        programs
    })
}

/// Where `atrous`, `classify` or `segment` is.
pub(crate) fn program(name: &str) -> &'static Path {
    &programs()[name]
}

/// What a program did.
pub(crate) struct Ran {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `atrous`, `classify` or `segment`. Whatever it was given, it must not panic.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Ran {
    run_in(&[], program, arguments)
}

/// [`run`] with variables of the environment.
pub(crate) fn run_in(environment: &[(&str, &str)], program: &str, arguments: &[&str]) -> Ran {
    let mut command = Command::new(self::program(program));
    command.args(arguments).current_dir(ROOT).envs(environment.iter().copied());
    let output = command.output().expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("programs print UTF-8");
    let ran = Ran { success: output.status.success(), stdout: text(output.stdout), stderr: text(output.stderr) };
    assert!(output.status.code().is_some(), "{program} {arguments:?} was killed: {}", ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "{program} {arguments:?}: {}", ran.stderr);
    ran
}

/// Runs a program that must succeed; its standard output.
pub(crate) fn succeed(program: &str, arguments: &[&str]) -> String {
    let ran = run(program, arguments);
    assert!(ran.success, "{program} {arguments:?}: {}", ran.stderr);
    ran.stdout
}

/// Runs a program that must refuse with a message that contains all of `texts`, and print nothing else.
pub(crate) fn refuse(program: &str, arguments: &[&str], texts: &[&str]) {
    let ran = run(program, arguments);
    assert!(!ran.success, "{program} {arguments:?} succeeded: {}", ran.stdout);
    assert_eq!(ran.stdout, "", "{program} {arguments:?}");
    assert!(ran.stderr.contains("error: "), "{program} {arguments:?}: {}", ran.stderr);
    for text in texts {
        assert!(ran.stderr.contains(text), "{program} {arguments:?} does not say {text:?}: {}", ran.stderr);
    }
}

/// A folder of this test's own, removed in the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("atrous-cli-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the folder for temporary files is writable");
        Self(folder)
    }

    /// The path of a file in it.
    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a UTF-8 path").to_owned()
    }

    /// Writes a file into it and gives its path.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> String {
        std::fs::write(self.0.join(name), content).expect("the folder is writable");
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Best effort: a leftover temporary folder fails no test.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The bytes of a sample photograph.
pub(crate) fn photo() -> Vec<u8> {
    std::fs::read(Path::new(ROOT).join("examples/photos/china.png")).expect("the photograph is there")
}
