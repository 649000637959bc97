//! Tests of `store`.

use super::*;
use std::io::ErrorKind;

fn manifest() -> Manifest {
    Manifest::new(
        vec!["econc".into(), "solve".into(), "growth.econ".into()],
        "growth.econ",
        b"model growth",
        7,
        "2025-01-01T00:00:00Z",
    )
}

fn numbered_place(root: &Path) -> RunPlace {
    RunPlace::Numbered {
        root: root.to_path_buf(),
        name: "growth".into(),
    }
}

fn exact(directory: &Path, force: bool) -> RunPlace {
    RunPlace::Exact {
        directory: directory.to_path_buf(),
        force,
    }
}

#[test]
fn a_finished_run_gets_its_name_and_can_be_opened() {
    let root = tempfile::tempdir().unwrap();
    let mut run = RunDirectory::create(numbered_place(root.path()), manifest()).unwrap();
    assert!(run.path().to_str().unwrap().contains("growth-0001.partial-"));
    run.write("plots/policy.svg", b"<svg/>").unwrap();
    run.write_with("a.csv", |w| write!(w, "k,s\n1.0,0.5\n")).unwrap();
    let place = run.finish(Status::Complete, None, 1.5).unwrap();
    assert_eq!(place, root.path().join("growth-0001"));
    let open = open_complete(&place).unwrap();
    assert_eq!(open.manifest.wall_seconds, Some(1.5));
    let names: Vec<_> = open.manifest.files.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["a.csv", "plots/policy.svg"]);
    assert_eq!(open.read("a.csv").unwrap(), b"k,s\n1.0,0.5\n");
    // besides both manifests nothing else is left: no lock, no temporary file, no partial directory
    assert_eq!(fs::read_dir(&place).unwrap().count(), 4);
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
}

#[test]
fn the_manifest_says_interrupted_from_the_start_and_running_while_it_lives() {
    let root = tempfile::tempdir().unwrap();
    let run = RunDirectory::create(numbered_place(root.path()), manifest()).unwrap();
    let place = run.path().to_path_buf();
    let on_disk = fs::read_to_string(place.join(MANIFEST)).unwrap();
    assert!(on_disk.contains("status: Interrupted"), "{on_disk}");
    assert_eq!(inspect(&place).unwrap().1, Status::Running);
    assert_eq!(open_complete(&place).unwrap_err().code, "E0953");
    drop(run); // what a kill does to the lock
    assert_eq!(inspect(&place).unwrap().1, Status::Interrupted);
    let error = open_complete(&place).unwrap_err();
    assert_eq!(error.code, "E0953");
    assert!(error.headline.contains("interrupted"), "{}", error.headline);
}

#[test]
fn numbers_count_runs_that_failed_or_were_left() {
    let root = tempfile::tempdir().unwrap();
    let first = RunDirectory::create(numbered_place(root.path()), manifest()).unwrap();
    let second = RunDirectory::create(numbered_place(root.path()), manifest()).unwrap();
    let failed = second.finish(Status::Failed, Some("no convergence"), 0.1).unwrap();
    assert_eq!(failed, root.path().join("growth-0002.failed"));
    assert_eq!(open_complete(&failed).unwrap_err().code, "E0953");
    drop(first);
    let third = RunDirectory::create(numbered_place(root.path()), manifest()).unwrap();
    let third = third.finish(Status::Complete, None, 0.1).unwrap();
    assert_eq!(third, root.path().join("growth-0003"));
    fs::create_dir(root.path().join("growth-of-nations")).unwrap();
    fs::create_dir(root.path().join("growth-0010.failed")).unwrap();
    assert_eq!(next_number(root.path(), "growth"), 11);
}

#[test]
fn two_runs_with_the_same_number_both_survive() {
    let root = tempfile::tempdir().unwrap();
    let run = RunDirectory::create(numbered_place(root.path()), manifest()).unwrap();
    let rival = root.path().join("growth-0001");
    fs::create_dir(&rival).unwrap();
    fs::write(rival.join("theirs"), b"1").unwrap();
    let place = run.finish(Status::Complete, None, 0.1).unwrap();
    assert_eq!(place, root.path().join("growth-0002"));
    assert_eq!(fs::read(rival.join("theirs")).unwrap(), b"1");
}

#[test]
fn a_named_directory_with_files_is_refused_and_only_runs_are_replaced() {
    let root = tempfile::tempdir().unwrap();
    let foreign = root.path().join("thesis");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("chapter1.tex"), b"Call me").unwrap();
    for force in [false, true] {
        let error = RunDirectory::create(exact(&foreign, force), manifest()).unwrap_err();
        assert_eq!(error.code, "E0952");
    }
    assert_eq!(fs::read(foreign.join("chapter1.tex")).unwrap(), b"Call me");

    let ours = root.path().join("base");
    let mut run = RunDirectory::create(exact(&ours, false), manifest()).unwrap();
    run.write("old", b"old").unwrap();
    run.finish(Status::Complete, None, 0.1).unwrap();
    assert_eq!(
        RunDirectory::create(exact(&ours, false), manifest()).unwrap_err().code,
        "E0952"
    );
    let mut run = RunDirectory::create(exact(&ours, true), manifest()).unwrap();
    run.write("new", b"new").unwrap();
    assert!(
        ours.join("old").exists(),
        "the old run stays until the new one is whole"
    );
    assert_eq!(run.finish(Status::Complete, None, 0.1).unwrap(), ours);
    assert!(ours.join("new").exists() && !ours.join("old").exists());
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
}

#[test]
fn an_empty_directory_is_free_and_a_file_is_not() {
    let root = tempfile::tempdir().unwrap();
    let empty = root.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let run = RunDirectory::create(exact(&empty, false), manifest()).unwrap();
    assert_eq!(run.finish(Status::Complete, None, 0.1).unwrap(), empty);
    let file = root.path().join("file");
    fs::write(&file, b"x").unwrap();
    let error = RunDirectory::create(exact(&file, true), manifest()).unwrap_err();
    assert_eq!(error.code, "E0952");
    let below = RunDirectory::create(exact(&file.join("run"), false), manifest()).unwrap_err();
    assert!(["E0950", "E0952"].contains(&below.code.as_str()));
    assert_eq!(fs::read(&file).unwrap(), b"x");
}

#[test]
fn a_full_disk_is_named_and_the_files_before_it_stay() {
    let root = tempfile::tempdir().unwrap();
    let mut run = RunDirectory::create(numbered_place(root.path()), manifest()).unwrap();
    run.write("first.csv", b"1").unwrap();
    let error = run
        .write_with("second.csv", |w| {
            w.write_all(b"half")?;
            Err(io::Error::from(ErrorKind::StorageFull))
        })
        .unwrap_err();
    assert_eq!(error.code, "E0951");
    assert!(error.notes.iter().any(|n| n.contains("disk is full")), "{error:?}");
    let names: Vec<_> = fs::read_dir(run.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.contains(&"first.csv".to_string()));
    assert!(!names.iter().any(|n| n.starts_with("second.csv")), "{names:?}");
}

#[test]
fn a_changed_or_missing_file_is_found() {
    let root = tempfile::tempdir().unwrap();
    let mut run = RunDirectory::create(numbered_place(root.path()), manifest()).unwrap();
    run.write("a.csv", b"12345").unwrap();
    let place = run.finish(Status::Complete, None, 0.1).unwrap();
    for content in [Some(&b"12346"[..]), Some(&b"123"[..]), None] {
        match content {
            Some(bytes) => fs::write(place.join("a.csv"), bytes).unwrap(),
            None => fs::remove_file(place.join("a.csv")).unwrap(),
        }
        assert_eq!(open_complete(&place).unwrap_err().code, "E0955");
    }
    fs::write(place.join(MANIFEST), "(format: 1").unwrap();
    assert_eq!(open_complete(&place).unwrap_err().code, "E0954");
    assert_eq!(open_complete(root.path()).unwrap_err().code, "E0954");
}

#[test]
fn names_that_leave_the_directory_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let mut run = RunDirectory::create(numbered_place(root.path()), manifest()).unwrap();
    for name in ["../x", "/etc/x", "", "a/../../x", MANIFEST, LOCK] {
        assert_eq!(run.write(name, b"x").unwrap_err().code, "E0957", "{name}");
    }
}

#[test]
fn an_interrupted_run_is_resumed_with_its_files() {
    let root = tempfile::tempdir().unwrap();
    let mut run = RunDirectory::create(numbered_place(root.path()), manifest()).unwrap();
    run.write("checkpoint-1", b"weights").unwrap();
    run.checkpoint().unwrap();
    let place = run.path().to_path_buf();
    assert_eq!(RunDirectory::resume(&place).unwrap_err().code, "E0956");
    let stayed = run.finish(Status::Interrupted, Some("Ctrl-C"), 3.0).unwrap();
    assert_eq!(stayed, place);
    let mut again = RunDirectory::resume(&place).unwrap();
    again.write("policy.npz", b"p").unwrap();
    let done = again.finish(Status::Complete, None, 5.0).unwrap();
    assert_eq!(done, root.path().join("growth-0001"));
    assert_eq!(open_complete(&done).unwrap().manifest.files.len(), 2);
    assert_eq!(RunDirectory::resume(&done).unwrap_err().code, "E0953");
}
