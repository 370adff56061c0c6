use std::time::Instant;

use super::*;
use crate::cluster::TaskState;
use crate::error::ErrorKind;

const SHORT: Duration = Duration::from_millis(300);
/// What a busy machine may take for something that takes no time.
const SOON: Duration = Duration::from_secs(20);

impl Ship for &'static str {
    type Value = String;

    fn value(self) -> Result<Arc<String>> {
        Ok(Arc::new(self.to_owned()))
    }

    fn parts(value: &String) -> Result<Vec<(String, Vec<u8>)>> {
        Ok(value.split(' ').map(|part| (part.to_owned(), part.as_bytes().to_vec())).collect())
    }
}

fn call(key: usize, name: &str) -> Call {
    let request = Box::new(|attempt: u32| format!("attempt {attempt}"));
    Call { key, name: name.to_owned(), request, objects: vec![1, 2], files: vec!["file".to_owned()] }
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < SOON, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn why_a_driver_did_not_start() {
    let cases = [
        ("hear(); tell('error', kind='no-ray', message='do this')", ErrorKind::NotInstalled, "do this"),
        ("hear(); tell('error', kind='cluster', message='do that')", ErrorKind::Cluster, "do that"),
        ("sys.exit('boom: no such thing')", ErrorKind::Cluster, "(its last words: boom: no such thing)"),
        ("os.kill(os.getpid(), signal.SIGTERM)", ErrorKind::Cluster, "signal: 15"),
        (
            "print('warning: a stray line'); hear()",
            ErrorKind::Cluster,
            "\"warning: a stray line\", which is no event",
        ),
        ("tell('news'); hear()", ErrorKind::Cluster, "unknown variant `news`"),
        ("tell('ready', address='host:1'); hear()", ErrorKind::Cluster, "missing field `nodes`"),
    ];
    for (does, kind, says) in cases {
        let folder = tempfile::tempdir().unwrap();
        let error = RayCluster::start(&fake::setup(folder.path(), does), Some("host:1"), None).unwrap_err();
        assert!(error.kind() == kind && error.to_string().contains(says), "{does}: {error}");
    }
}

#[test]
fn a_driver_that_never_gets_ready_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut setup =
        fake::setup(folder.path(), "print('no answer', file=sys.stderr, flush=True)\ntime.sleep(600)");
    (setup.limits.join, setup.limits.grace) = (Duration::from_secs(2), SHORT);
    let error = RayCluster::start(&setup, Some("host:1"), None).unwrap_err().to_string();
    assert!(error.contains("not ready within 2 s (its last words: no answer)"), "{error}");
}

#[test]
fn the_first_command_has_all_that_a_driver_needs() {
    let folder = tempfile::tempdir().unwrap();
    let ray = fake::cluster(folder.path(), "hear()");
    let heard = serde_json::json!({
        "do": "start", "protocol": protocol::PROTOCOL, "address": "host:1", "local": null, "libraries": {},
    });
    assert_eq!(fake::heard(folder.path()), [heard]);
    assert_eq!((ray.workers(), ray.nodes().len(), ray.address()), (2, 1, "host:1"));
    assert_eq!(format!("{ray:?}"), "Ray 2.60.0 cluster at host:1: 1 nodes, 2 CPUs, there after 0.5 s");
}

#[test]
fn objects_are_stored_once_and_freed_with_the_last_reference() {
    let folder = tempfile::tempdir().unwrap();
    let ray = fake::cluster(
        folder.path(),
        "
for command in commands():
    if command['do'] == 'put':
        if command['payload'] == b'huge':
            tell('refused', object=command['object'], message='it does not fit')
        else:
            stored(command)
",
    );
    let value = ray.put("a bc").unwrap();
    assert_eq!((value.bytes(), value.put_seconds()), (3, 0.5));
    assert_eq!(*ray.get(&value).unwrap(), "a bc");
    let again = value.clone();
    assert_eq!(again.part("bc", || panic!("it is there")).unwrap(), 1);
    assert_eq!(again.part("d", || Ok(b"later".to_vec())).unwrap(), 2);
    assert_eq!(value.bytes(), 8);
    let error = ray.put("huge").unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Memory, "it does not fit"));
    drop(value);
    assert!(fake::heard(folder.path()).iter().all(|command| command["do"] != "drop"));
    drop(again);
    until("freed", || {
        fake::heard(folder.path()).iter().filter(|command| command["do"] == "drop").count() == 3
    });
}

#[test]
fn a_task_ends_in_each_way() {
    let folder = tempfile::tempdir().unwrap();
    let ray = fake::cluster(
        folder.path(),
        "
for command in commands():
    name, request = command['name'], command['request']
    status = 'finished' if name == 'second try' and request == 'attempt 2' else name
    end(command, 'panicked' if status == 'second try' else status, request.encode())
",
    );
    let names = ["finished", "second try", "refused", "panicked", "lost", "unusable"];
    let mut batch = ray.batch();
    names.iter().enumerate().for_each(|(key, name)| batch.submit(call(key, name)).unwrap());
    let mut ended: Vec<Ended> = names.iter().map(|_| batch.next().unwrap()).collect();
    ended.sort_by_key(|ended| ended.key);
    let done: Vec<&Done> = ended.iter().map(|ended| &ended.done).collect();
    assert_eq!(*done[0], Done::Finished(b"attempt 1".to_vec()));
    assert_eq!(*done[1], Done::Finished(b"attempt 2".to_vec()));
    assert_eq!(*done[2], Done::Failed("attempt 1".to_owned()));
    assert_eq!(*done[3], Done::Failed("panicked: attempt 4".to_owned()));
    assert!(
        matches!(done[4], Done::Failed(said) if said.starts_with("lost, and not run again after 3 retries: "))
    );
    assert_eq!(*done[5], Done::Unusable("attempt 1".to_owned()));
    let tasks = ray.tasks();
    assert!(tasks.iter().map(|task| task.name.as_str()).eq(names));
    assert!(tasks.iter().map(|task| task.attempt).eq([1, 2, 1, 4, 1, 1]));
    assert!(tasks.iter().map(|task| task.spans.len()).eq([1, 2, 1, 4, 0, 1]));
    // Where the lost task ran is not known.
    assert!(tasks.iter().map(|task| task.worker).eq([Some(0), Some(0), Some(0), Some(0), None, Some(0)]));
    assert!(
        tasks
            .iter()
            .map(|task| task.state == TaskState::Finished)
            .eq([true, true, false, false, false, false])
    );
    let error = tasks[3].error.clone().unwrap().to_string();
    assert!(error.ends_with("(panicked) panicked in attempt 4: attempt 4"), "{error}");
    let first = &fake::heard(folder.path())[1];
    let sent = serde_json::json!({
        "do": "task", "task": first["task"], "name": "finished", "request": "attempt 1", "objects": [1, 2],
        "files": ["file"], "retries": 3,
    });
    assert_eq!(*first, sent);
}

#[test]
fn a_task_is_pending_until_it_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let ray = fake::cluster(folder.path(), "task = hear()\nhear()\nend(task)\nhear()");
    let mut batch = ray.batch();
    batch.submit(call(0, "task")).unwrap();
    let record = &ray.tasks()[0];
    assert_eq!((record.state, record.worker, record.started), (TaskState::Pending, None, None));
    batch.submit(call(1, "another")).unwrap();
    assert_eq!(batch.next().unwrap().record.state, TaskState::Finished);
}

#[test]
fn a_batch_cancels_its_own_tasks_alone() {
    let folder = tempfile::tempdir().unwrap();
    let ray = fake::cluster(
        folder.path(),
        "
tasks = []
for command in commands():
    if command['do'] == 'task':
        tasks.append(command)
    if command['do'] == 'cancel':
        # That of a cancelled task comes too late.
        for task in tasks:
            end(task)
",
    );
    let (mut one, mut other) = (ray.batch(), ray.batch());
    for key in 0..3 {
        one.submit(call(key, "one")).unwrap();
        other.submit(call(key, "other")).unwrap();
    }
    drop(one);
    let mut ended: Vec<usize> = (0..3).map(|_| other.next().unwrap().key).collect();
    ended.sort_unstable();
    assert_eq!(ended, [0, 1, 2]);
    drop(other);
    for task in &*ray.tasks() {
        let cancelled = task.error.as_ref().is_some_and(|error| error.kind() == ErrorKind::Cancelled);
        assert_eq!(cancelled, task.name == "one", "{task:?}");
    }
    let cancels: Vec<_> = fake::heard(folder.path()).into_iter().filter(|c| c["do"] == "cancel").collect();
    assert_eq!(cancels, [serde_json::json!({ "do": "cancel", "tasks": [0, 2, 4] })]);
}

#[test]
fn a_killed_driver_is_an_error_at_once_and_its_cluster_goes() {
    let home = tempfile::tempdir().unwrap();
    let setup = fake::setup(home.path(), "ready()\nhear()\nhear()\nos.kill(os.getpid(), signal.SIGKILL)");
    // Ends at the end of its input, as the real one does.
    let guard = "import sys; open(__file__ + '.told', 'w').write(sys.stdin.read())";
    std::fs::write(home.path().join("guard.py"), guard).unwrap();
    let folder = Folder::new(&setup).unwrap();
    let path = folder.path().to_owned();
    let ray = RayCluster::start(&setup, None, Some((1, 2, folder))).unwrap();
    assert!(path.is_dir());
    assert_eq!(fake::heard(home.path())[0]["local"]["folder"], path.to_str().unwrap());
    let mut batch = ray.batch();
    batch.submit(call(0, "one")).unwrap();
    batch.submit(call(1, "other")).unwrap();
    let said = batch.next().err().unwrap().to_string();
    assert!(said.contains("signal: 9") && said.contains("run the sweep again"), "{said}");
    assert_eq!(batch.submit(call(2, "late")).unwrap_err().to_string(), said);
    assert_eq!(ray.put("late").unwrap_err().to_string(), said);
    until("all have failed", || ray.tasks().iter().all(|task| task.state == TaskState::Failed));
    until("the folder goes", || !path.exists());
    assert!(
        std::fs::read_to_string(home.path().join("guard.py.told")).unwrap().trim().parse::<u32>().is_ok()
    );
}

#[test]
fn results_that_stall_and_a_driver_that_is_silent_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let ray = fake::cluster(folder.path(), "hear()\nhear()").patience(SHORT);
    let mut batch = ray.batch();
    batch.submit(call(0, "task")).unwrap();
    let error = batch.next().err().unwrap().to_string();
    assert!(error.contains("no task has ended for 0 s"), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let mut setup = fake::setup(folder.path(), "ready()\nhear()\nhear()");
    setup.limits.silence = SHORT;
    let ray = RayCluster::start(&setup, Some("host:1"), None).unwrap();
    let error = ray.put("value").unwrap_err().to_string();
    assert!(error.contains("the Ray driver has said nothing for 0 s"), "{error}");
}

#[test]
fn a_stopped_driver_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut setup = fake::setup(folder.path(), "ready()\nos.kill(os.getpid(), signal.SIGSTOP)\nhear()");
    setup.limits.grace = SHORT;
    let ray = RayCluster::start(&setup, Some("host:1"), None).unwrap().patience(SHORT);
    let began = Instant::now();
    // More than a pipe holds.
    let large = ray.share(Arc::new(())).part("large", || Ok(vec![0; 1 << 20])).unwrap_err().to_string();
    assert!(large.contains("not stored within 0 s"), "{large}");
    let mut batch = ray.batch();
    (0..2_000).for_each(|key| batch.submit(call(key, "task")).unwrap());
    assert!(batch.next().err().unwrap().to_string().contains("no task has ended"));
    drop(batch);
    drop(ray);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}
