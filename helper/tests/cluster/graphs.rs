//! Random graphs of tasks, which wait for each other in every way, panic, and are cancelled.

use std::time::Duration;

use helper::cluster::TaskRecord;
use helper::{Cluster, ErrorKind, ObjectRef};
use proptest::prelude::*;
use proptest::sample::Index;

use super::within_a_minute;

/// How a task uses another one that was asked for before it.
#[derive(Debug, Clone)]
enum Need {
    Argument(Index),
    Get(Index),
    /// Waits for it or a value that is there, then gets it.
    WaitForAny(Index),
    /// Waits for both.
    WaitForAll(Index, Index),
    /// Looks again and again.
    Poll(Index),
    /// Asks for a task of its own that gets it, and gets that.
    Child(Index),
}

/// A task: its own value, what it needs, whether it panics.
#[derive(Debug, Clone)]
struct Node {
    value: u64,
    needs: Vec<Need>,
    panics: bool,
}

fn need() -> impl Strategy<Value = Need> {
    let index = any::<Index>;
    prop_oneof![
        3 => index().prop_map(Need::Argument),
        3 => index().prop_map(Need::Get),
        1 => index().prop_map(Need::WaitForAny),
        1 => (index(), index()).prop_map(|(a, b)| Need::WaitForAll(a, b)),
        1 => index().prop_map(Need::Poll),
        2 => index().prop_map(Need::Child),
    ]
}

fn graph() -> impl Strategy<Value = Vec<Node>> {
    let node = (0..256_u64, prop::collection::vec(need(), 0..4), prop::bool::weighted(0.05));
    let node = node.prop_map(|(value, needs, panics)| Node { value, needs, panics });
    prop::collection::vec(node, 1..40)
}

impl Need {
    fn of(&self, earlier: usize) -> Vec<usize> {
        match self {
            Self::Argument(i) | Self::Get(i) | Self::WaitForAny(i) | Self::Poll(i) | Self::Child(i) => {
                vec![i.index(earlier)]
            }
            Self::WaitForAll(a, b) => vec![a.index(earlier), b.index(earlier)],
        }
    }

    fn sum(&self, cluster: &Cluster, objects: &[ObjectRef<u64>]) -> helper::Result<u64> {
        match self {
            Self::Argument(_) => return Ok(0), // came as an argument
            Self::Get(_) => {}
            Self::WaitForAny(_) => {
                let (done, rest) = cluster.wait(&[objects[0].clone(), cluster.put(0)], 1)?;
                assert_eq!((done.len(), rest.len()), (1, 1));
            }
            Self::WaitForAll(..) => assert!(cluster.wait(objects, objects.len())?.1.is_empty()),
            Self::Poll(_) => {
                while cluster.wait_timeout(objects, 1, Duration::from_micros(50))?.0.is_empty() {}
            }
            Self::Child(_) => {
                let child = cluster.options().max_retries(0).try_remote((), {
                    let (cluster, object) = (cluster.clone(), objects[0].clone());
                    move |()| cluster.get(&object).map(|value| *value)
                });
                return cluster.get(&child).map(|value| *value);
            }
        }
        Ok(cluster.get_all(objects)?.iter().fold(0, |sum, value| sum.wrapping_add(**value)))
    }
}

/// Hands the graph in and cancels some of it; what each task gave, and the records of all.
fn run(workers: usize, graph: &[Node], cancelled: &[Index]) -> (Vec<helper::Result<u64>>, Vec<TaskRecord>) {
    let cluster = Cluster::local_with(workers).unwrap();
    let mut refs: Vec<ObjectRef<u64>> = Vec::new();
    for Node { value, needs, panics } in graph {
        let (value, panics) = (*value, *panics);
        let mut args = Vec::new();
        let mut others = Vec::new();
        for need in needs.iter().filter(|_| !refs.is_empty()) {
            let objects: Vec<_> = need.of(refs.len()).into_iter().map(|i| refs[i].clone()).collect();
            match need {
                Need::Argument(_) => args.extend(objects),
                _ => others.push((need.clone(), objects)),
            }
        }
        let inside = cluster.clone();
        refs.push(cluster.options().max_retries(1).try_remote(&args, move |args| -> helper::Result<u64> {
            let mut sum = args.into_iter().fold(value, |sum, arg| sum.wrapping_add(*arg));
            for (need, objects) in &others {
                sum = sum.wrapping_add(need.sum(&inside, objects)?);
            }
            assert!(!panics, "on purpose");
            Ok(sum)
        }));
    }
    cancelled.iter().for_each(|index| cluster.cancel(&refs[index.index(refs.len())]));
    let found = refs.iter().map(|task| cluster.get(task).map(|value| *value)).collect();
    // Children of a task that was cancelled may still run.
    while cluster.tasks().iter().any(|task| !task.state.is_last()) {
        std::thread::yield_now();
    }
    (found, cluster.tasks().to_vec())
}

/// The most tasks that ran at once, and whether a worker ever ran two.
fn at_once(workers: usize, tasks: &[TaskRecord]) -> (i32, bool) {
    // Starts and ends as marks on a line; ends come first where times are equal.
    let mut marks: Vec<(Duration, i32, usize)> = Vec::new();
    for span in tasks.iter().flat_map(|task| &task.spans) {
        marks.push((span.started, 1, span.worker));
        marks.push((span.ended.unwrap(), -1, span.worker));
    }
    marks.sort_unstable();
    let (mut busy, mut most, mut twice) = (vec![0; workers], 0, false);
    for (_, step, worker) in marks {
        busy[worker] += step;
        twice |= busy[worker] > 1;
        most = most.max(busy.iter().sum());
    }
    (most, twice)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// However tasks wait for each other, all are done with what plain code gives, and no more run at
    /// once than there are workers.
    #[test]
    fn no_graph_hangs_or_gives_anything_else(
        workers in 1..5_usize,
        graph in graph(),
        cancelled in prop::collection::vec(any::<Index>(), 0..3),
    ) {
        let mut expected: Vec<Option<u64>> = Vec::new();
        let mut touched: Vec<bool> = Vec::new();
        for (i, Node { value, needs, panics }) in graph.iter().enumerate() {
            let needs: Vec<usize> = match i {
                0 => Vec::new(),
                _ => needs.iter().flat_map(|need| need.of(i)).collect(),
            };
            let sum = needs.iter().try_fold(*value, |sum, &need| Some(sum.wrapping_add(expected[need]?)));
            expected.push(sum.filter(|_| !panics));
            let cancelled = cancelled.iter().any(|index| index.index(graph.len()) == i);
            touched.push(cancelled || needs.iter().any(|&need| touched[need]));
        }
        let (found, tasks) = within_a_minute(move || run(workers, &graph, &cancelled));
        for ((found, expected), touched) in found.iter().zip(expected).zip(touched) {
            match found {
                Ok(value) => prop_assert_eq!(Some(*value), expected),
                Err(error) if touched => {
                    prop_assert!([ErrorKind::Cancelled, ErrorKind::Task].contains(&error.kind()));
                }
                Err(error) => prop_assert!(expected.is_none(), "{}", error),
            }
        }
        let (most, twice) = at_once(workers, &tasks);
        prop_assert!(most as usize <= workers && !twice, "{} at once on {} workers", most, workers);
    }
}
