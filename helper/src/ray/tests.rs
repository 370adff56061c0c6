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
    Call { key, name: name.to_owned(), request, objects: vec![1, 2], files: vec![("file".to_owned(), 7)] }
}

/// The next end of a task.
fn ended(batch: &Batch<'_>) -> Result<Ended> {
    loop {
        if let News::Ended(ended) = batch.next()? {
            return Ok(*ended);
        }
    }
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
    if name == 'lost':
        lost([command])
        continue
    status = 'finished' if name == 'second try' and request == 'attempt 2' else name
    end(command, 'panicked' if status == 'second try' else status, request.encode())
",
    );
    let names = ["finished", "second try", "refused", "panicked", "lost", "unusable"];
    let mut batch = ray.batch();
    names.iter().enumerate().for_each(|(key, name)| batch.submit(call(key, name)).unwrap());
    let mut ended: Vec<Ended> = names.iter().map(|_| ended(&batch).unwrap()).collect();
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
    assert!(tasks.iter().map(|task| task.attempt).eq([1, 2, 1, 4, 4, 1]));
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
        "files": [["file", 7]],
    });
    assert_eq!(*first, sent);
}

#[test]
fn what_is_lost_with_a_node_is_run_again_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let ray = fake::cluster(
        folder.path(),
        "
tasks = [hear() for _ in range(5)]
lost([], what='host A is left out')
lost(tasks[:2] + tasks[3:4])
for task in [*tasks[2:3], *tasks[4:], *(hear() for _ in range(3))]:
    end(task, 'finished', task['request'].encode())
hear()
",
    );
    let (mut one, mut other) = (ray.batch(), ray.batch());
    (0..3).for_each(|key| one.submit(call(key, "one")).unwrap());
    (0..2).for_each(|key| other.submit(call(key, "other")).unwrap());
    for (batch, tasks, told) in [
        (&one, 3, "host B is gone; 2 tasks are run again on 1 CPU"),
        (&other, 2, "host B is gone; 1 task is run again on 1 CPU"),
    ] {
        let mut lost = Vec::new();
        let mut attempts = Vec::new();
        while attempts.len() < tasks {
            match batch.next().unwrap() {
                News::Lost(what) => lost.push(what),
                News::Ended(ended) => attempts.push(ended.record.attempt),
            }
        }
        assert_eq!(lost, ["host A is left out", told]);
        attempts.sort_unstable();
        assert_eq!(attempts, if tasks == 3 { vec![1, 2, 2] } else { vec![1, 2] });
    }
    let error = ray.tasks()[0].error.clone();
    assert!(error.is_none(), "it has finished: {error:?}");
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
    assert_eq!(ended(&batch).unwrap().record.state, TaskState::Finished);
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
    let mut keys: Vec<usize> = (0..3).map(|_| ended(&other).unwrap().key).collect();
    keys.sort_unstable();
    assert_eq!(keys, [0, 1, 2]);
    drop(other);
    for task in &*ray.tasks() {
        let cancelled = task.error.as_ref().is_some_and(|error| error.kind() == ErrorKind::Cancelled);
        assert_eq!(cancelled, task.name == "one", "{task:?}");
    }
    let cancels: Vec<_> = fake::heard(folder.path()).into_iter().filter(|c| c["do"] == "cancel").collect();
    assert_eq!(cancels, [serde_json::json!({ "do": "cancel", "tasks": [0, 2, 4] })]);
}

#[test]
fn a_killed_driver_is_an_error_at_once() {
    let home = tempfile::tempdir().unwrap();
    let setup = fake::setup(home.path(), "ready()\nhear()\nhear()\nos.kill(os.getpid(), signal.SIGKILL)");
    let ray = RayCluster::start(&setup, None, Some(Local { nodes: 1, cpus: 2 })).unwrap();
    assert_eq!(fake::heard(home.path())[0]["local"], serde_json::json!({ "nodes": 1, "cpus": 2 }));
    let mut batch = ray.batch();
    batch.submit(call(0, "one")).unwrap();
    batch.submit(call(1, "other")).unwrap();
    let said = batch.next().err().unwrap().to_string();
    assert!(said.contains("signal: 9") && said.contains("run the sweep again"), "{said}");
    assert_eq!(batch.submit(call(2, "late")).unwrap_err().to_string(), said);
    assert_eq!(ray.put("late").unwrap_err().to_string(), said);
    until("all have failed", || ray.tasks().iter().all(|task| task.state == TaskState::Failed));
}

#[test]
fn the_end_of_a_cluster_is_waited_for() {
    let home = tempfile::tempdir().unwrap();
    // As the guard: it holds the driver's stderr for longer than the driver lives.
    let guard = "import subprocess
subprocess.Popen(['sh', '-c', 'sleep 1; echo gone > \"$0\"', __file__ + '.guard'])
ready()
hear()
";
    drop(
        RayCluster::start(&fake::setup(home.path(), guard), None, Some(Local { nodes: 1, cpus: 2 })).unwrap(),
    );
    assert!(home.path().join("driver.py.guard").exists());
}

#[test]
fn results_that_stall_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let ray = fake::cluster(folder.path(), "hear()\nhear()").patience(SHORT);
    let mut batch = ray.batch();
    batch.submit(call(0, "task")).unwrap();
    let error = batch.next().err().unwrap().to_string();
    assert!(error.contains("no task has ended for 0 s"), "{error}");
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
