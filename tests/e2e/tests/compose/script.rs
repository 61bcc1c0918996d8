//! `localstack/compose.sh`, with a program in the place of `docker` that writes down how it is called.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use tempfile::TempDir;

use crate::path;

/// Longest wait for the script.
const DEADLINE: Duration = Duration::from_secs(20);

/// A folder with a program `docker`, which is the given shell script, and with the file `calls`.
fn docker(script: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("docker");
    let calls = dir.path().join("calls");
    fs::write(&program, format!("#!/bin/sh\necho \"$*\" >> '{}'\n{script}\n", calls.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

fn compose(docker: &TempDir, shell_command: &str) -> Command {
    let mut command = Command::new(path("compose.sh"));
    command.args(["sh", "-c", shell_command]).env_clear().env("AWS_PORT", "9401");
    command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", docker.path().display()));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(docker: &TempDir, shell_command: &str) -> Output {
    compose(docker, shell_command).output().unwrap()
}

fn calls(docker: &TempDir) -> String {
    fs::read_to_string(docker.path().join("calls")).unwrap()
}

fn containers_were_removed(docker: &TempDir) -> bool {
    calls(docker).lines().last().unwrap().contains(" down --volumes --remove-orphans")
}

#[test]
fn missing_docker_is_one_line() {
    for (script, reason) in [
        ("[ \"$1\" != compose ]", "error: Docker with its compose plugin is missing: "),
        ("[ \"$1\" != version ]", "error: the Docker Engine does not respond: "),
    ] {
        let output = run(&docker(script), "true");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.starts_with(reason) && error.lines().count() == 1, "{error}");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    }
}

#[test]
fn command_reaches_the_containers_and_its_exit_status_is_kept() {
    let docker = docker("");
    let output = run(&docker, "echo $AWS_ENDPOINT_URL $KAFKA_BOOTSTRAP_SERVERS $OTLP_ENDPOINT $VIEWER_URL; exit 3");
    let expected = "http://127.0.0.1:9401 127.0.0.1:9092 http://127.0.0.1:4318 http://127.0.0.1:16686";
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.lines().any(|line| line == expected), "{stdout}");
    assert_eq!(output.status.code(), Some(3));
    assert!(calls(&docker).contains(" up --detach --wait"), "{}", calls(&docker));
    assert!(containers_were_removed(&docker));
}

#[test]
fn containers_are_removed_when_they_do_not_start() {
    let docker = docker("case \"$*\" in *' up '*) exit 1;; esac");
    let output = run(&docker, "echo started");
    assert!(!String::from_utf8(output.stdout).unwrap().contains("started\n"));
    assert_eq!(output.status.code(), Some(1));
    assert!(containers_were_removed(&docker));
}

#[test]
fn sigterm_stops_the_command_and_removes_the_containers() {
    let docker = docker("");
    let mut script = compose(&docker, "trap 'exit 7' TERM; echo ready; while :; do sleep 0.1; done").spawn().unwrap();
    let mut output = Vec::new();
    let mut stdout = script.stdout.take().unwrap();
    while !output.ends_with(b"ready\n") {
        let mut byte = [0];
        stdout.read_exact(&mut byte).unwrap();
        output.extend(byte);
    }
    assert!(Command::new("kill").args(["-s", "TERM", &script.id().to_string()]).status().unwrap().success());
    let start = Instant::now();
    let status = loop {
        if let Some(status) = script.try_wait().unwrap() {
            break status;
        }
        assert!(start.elapsed() < DEADLINE, "the script does not end");
        thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(7));
    assert!(containers_were_removed(&docker));
}
