//! Runs of the same sweep compared: the speedup of each way of running, and its ceiling.

use std::sync::Arc;

use super::outcome::{Outcome, Place, SweepTask, difference};
use super::schedule::makespan;
use crate::error::{Error, ErrorKind, Result};
use crate::text::seconds;

/// The least share of its wall time that an undisturbed task has a processor.
pub(crate) const LEAST_SHARE: f64 = 0.95;
/// On a steady processor a loop of fixed length varies by no more than this factor within a round. On a
/// quiet virtual machine its few milliseconds vary by 1.18, while runs of 15 s vary by 1.02.
pub(crate) const MOST_DRIFT: f64 = 1.25;
/// On a quiet machine two runs of the same work differ by less than this factor.
const NOISE: f64 = 1.01;

/// The same models, trained in two or more ways: one after another, in parallel, under other schedules,
/// with shared trees, on Ray, by another learner. Every way is compared with the first.
///
/// [`again`](Self::again) repeats all runs in turn (A B A B ...): times are then medians over the rounds,
/// and a speedup is the median of the rounds' ratios, with its range.
///
/// ```
/// use helper::{Cluster, Comparison, Sweep};
///
/// # fn main() -> helper::Result<()> {
/// let split = helper::data::friedman1(200, 5, 1.0, 1)?.split(0.2, 42)?;
/// let sweep = Sweep::over_n_estimators([10, 20]).max_depth(6).quiet();
/// let cluster = Cluster::local_with(2)?;
/// let data = cluster.put(split.clone());
/// let comparison = Comparison::of([&sweep.run_sequential(&split)?, &sweep.run_on(&cluster, &data)?])?
///     .again(2, || Ok([sweep.run_sequential(&split)?, sweep.run_on(&cluster, &data)?]))?;
/// assert_eq!(comparison.rounds(), 3);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Comparison {
    /// The ways, in the order in which they were given.
    pub ways: Vec<Way>,
    pub(crate) rounds: Vec<Round>,
    /// Why later rounds are missing, if any.
    pub(crate) missing: Option<String>,
}

/// One run of each way, and the disturbance that was seen, if any.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    pub(crate) runs: Vec<Arc<Outcome>>,
    pub(crate) disturbance: Option<String>,
}

/// One way of running the sweep; times are in seconds, and medians over the rounds that count.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Way {
    /// The place and schedule of the run, in words.
    pub how: String,
    /// The number of workers.
    pub workers: usize,
    /// The number of tasks.
    pub tasks: usize,
    /// The number of trees that were grown.
    pub trees: usize,
    /// Wall time, from the first task handed in to the last model scored.
    pub seconds: f64,
    /// Processor time of all tasks; `None` if the system does not measure it.
    pub cpu_seconds: Option<f64>,
    /// How many times as fast as the first way, as it was timed (see [`claim`](Self::claim)); `None` for
    /// another learner, whose work is different.
    pub speedup: Option<Spread>,
    /// The best speedup that scheduling allows: if each tree took as long as in the first way, each task
    /// went to the first free worker, and handing it out cost nothing.
    pub ceiling: f64,
    /// The part of the workers' time in which they ran tasks.
    pub busy_share: f64,
    /// Whether as many trees were grown as in the first way, by the same learner.
    same_work: bool,
}

/// The median of several values, with the least and the greatest.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Spread {
    /// The middle value, or the mean of the two middle values.
    pub median: f64,
    /// The least.
    pub low: f64,
    /// The greatest.
    pub high: f64,
}

impl Spread {
    /// The spread of one value or more.
    fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        Self {
            median: f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2]),
            low: sorted[0],
            high: sorted[n - 1],
        }
    }
}

impl Way {
    fn of(rounds: &[&Round], way: usize) -> Self {
        let (run, first) = (&rounds[0].runs[way], &rounds[0].runs[0]);
        let spread = |of: &dyn Fn(&Outcome, &Outcome) -> f64| {
            Spread::of(rounds.iter().map(|round| of(&round.runs[way], &round.runs[0])))
        };
        let cpu = rounds.iter().map(|round| round.runs[way].cpu_seconds()).collect::<Option<Vec<f64>>>();
        let same_trees = run.learner == first.learner;
        Self {
            how: run.how(),
            workers: run.workers,
            tasks: run.tasks.len(),
            trees: run.trees_grown(),
            seconds: spread(&|run, _| run.seconds).median,
            cpu_seconds: cpu.map(|seconds| Spread::of(seconds).median),
            speedup: same_trees.then(|| spread(&|run, first| first.seconds / run.seconds)),
            ceiling: if way == 0 { 1.0 } else { spread(&ceiling).median },
            busy_share: spread(&|run, _| run.busy_share()).median,
            same_work: same_trees && run.trees_grown() == first.trees_grown(),
        }
    }

    /// The speedup that can be claimed: the median, but never more than the ceiling. `None` for another
    /// learner, and where the median is more than 1 % above the ceiling: then the machine was not equally
    /// fast in the runs that were compared.
    pub fn claim(&self) -> Option<f64> {
        let speedup = self.speedup.filter(|speedup| speedup.median <= NOISE * self.ceiling)?;
        Some(speedup.median.min(self.ceiling))
    }

    /// The claimed speedup over the ratio of the numbers of workers: 1 is perfect. `None` without a claim,
    /// or if the work differs from that of the first way.
    pub fn efficiency(&self, first: &Self) -> Option<f64> {
        let more_workers = self.workers as f64 / first.workers as f64;
        self.claim().filter(|_| self.same_work).map(|claim| claim / more_workers)
    }

    /// Processor time over that of the first way: the cost of sharing caches, memory and cores. `None` if
    /// it is not measured, or the work differs.
    pub fn cpu_growth(&self, first: &Self) -> Option<f64> {
        Some(self.cpu_seconds.filter(|_| self.same_work)? / first.cpu_seconds?)
    }
}

impl Comparison {
    /// Compares runs of the same models on the same rows with the first of them.
    ///
    /// # Errors
    /// [`InvalidParameter`](ErrorKind::InvalidParameter) for fewer than two runs, for runs that are not
    /// whole sweeps of the same models on the same rows, for one that grew more trees than the first, and
    /// for learners that differ, unless all trees were kept, so that their nodes can be counted.
    /// [`Task`](ErrorKind::Task) where the same models on the same rows predict different numbers, and
    /// [`Cluster`](ErrorKind::Cluster) where it was on Ray.
    pub fn of<'a>(runs: impl IntoIterator<Item = &'a Outcome>) -> Result<Self> {
        let runs: Vec<_> = runs.into_iter().cloned().map(Arc::new).collect();
        if runs.len() < 2 {
            return Err(Error::invalid("the number of runs", runs.len(), "2 or more, to be compared"));
        }
        runs.iter().enumerate().try_for_each(|(i, run)| check(run, i, &runs[0]))?;
        let unlike = runs.iter().any(|run| run.learner != runs[0].learner);
        if let Some(run) = runs.iter().find(|run| unlike && run.nodes_per_tree().is_none()) {
            return invalid(format!(
                "the runs are by different learners, whose work is compared per node, but trees of the run by {} were not kept; \
                 run the sweep with .keep(Keep::All)",
                run.learner
            ));
        }
        Ok(Self { ways: Vec::new(), rounds: vec![Round::of(runs)], missing: None }.summarised())
    }

    /// Repeats all runs in turn, `rounds` times: `run` is called once per round, and gives an outcome for
    /// each way, in the same order. It prints the times of each round.
    ///
    /// If `run` fails after its first round, the rounds before are kept: the comparison has a warning with
    /// the error, and no more rounds are run.
    ///
    /// # Errors
    /// The error of `run` in its first round, and those of [`of`](Self::of) if a round is not of the same ways.
    pub fn again<R: IntoIterator<Item = Outcome>>(
        mut self,
        rounds: usize,
        mut run: impl FnMut() -> Result<R>,
    ) -> Result<Self> {
        let last = self.rounds.len() + rounds;
        while self.rounds.len() < last {
            let runs: Vec<_> = match run() {
                Ok(runs) => runs.into_iter().map(Arc::new).collect(),
                // The caller has the runs of the first round, but not those of later ones.
                Err(error) if self.rounds.len() > 1 => {
                    let missing = format!("round {} of {last} failed: {error}", self.rounds.len() + 1);
                    println!("{missing}");
                    self.missing = Some(missing);
                    break;
                }
                Err(error) => return Err(error),
            };
            if runs.len() != self.ways.len() {
                return Err(Error::invalid("the number of runs in a round", runs.len(), self.ways.len()));
            }
            for (i, (run, Way { how, workers, tasks, .. })) in runs.iter().zip(&self.ways).enumerate() {
                check(run, i, &self.runs()[0])?;
                if (&run.how(), run.workers, run.tasks.len()) != (how, *workers, *tasks) {
                    return invalid(format!(
                        "run {i} of the round differs from that of the first round ({how}, {workers} workers, {tasks} tasks); give \
                         the runs in the order of Comparison::of"
                    ));
                }
            }
            let times: Vec<_> = runs.iter().map(|run| seconds(run.seconds)).collect();
            self.rounds.push(Round::of(runs));
            println!("round {} of {last}: {}", self.rounds.len(), times.join(", "));
        }
        Ok(self.summarised())
    }

    /// The number of rounds.
    pub fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// The runs of the first round: at least two.
    pub(crate) fn runs(&self) -> &[Arc<Outcome>] {
        &self.rounds[0].runs
    }

    /// The undisturbed rounds; all rounds if each was disturbed.
    pub(crate) fn counted(&self) -> Vec<&Round> {
        let quiet: Vec<_> = self.rounds.iter().filter(|round| round.disturbance.is_none()).collect();
        if quiet.is_empty() { self.rounds.iter().collect() } else { quiet }
    }

    fn summarised(self) -> Self {
        let counted = self.counted();
        let ways = (0..self.runs().len()).map(|way| Way::of(&counted, way)).collect();
        Self { ways, ..self }
    }
}

impl Round {
    fn of(runs: Vec<Arc<Outcome>>) -> Self {
        let share = |run: &Arc<Outcome>| Some((run.cpu_seconds()? / run.busy_seconds(), run.how()));
        let least = runs.iter().filter_map(share).min_by(|a, b| a.0.total_cmp(&b.0));
        let paces = Spread::of(runs.iter().flat_map(|run| run.pace));
        let drift = paces.high / paces.low;
        let disturbance = match least {
            Some((share, how)) if share < LEAST_SHARE => Some(format!(
                "in \"{how}\" tasks had a processor only {:.0} % of the time they ran",
                100.0 * share
            )),
            _ if drift > MOST_DRIFT => Some(format!(
                "the loop took {:.0} % longer beside one run than beside another",
                100.0 * (drift - 1.0)
            )),
            _ => None,
        };
        Self { runs, disturbance }
    }
}

fn invalid<T>(message: String) -> Result<T> {
    Err(Error::new(ErrorKind::InvalidParameter, message))
}

/// Refuses run number `i` unless it is a whole run of the first run's models on the same rows.
fn check(run: &Outcome, i: usize, first: &Outcome) -> Result<()> {
    let (restored, failed) = (run.restored, run.failed.len());
    let reason = if run.dataset != first.dataset {
        format!(
            "is on other data ({}) than run 0 ({}); run both on the same data",
            run.dataset, first.dataset
        )
    } else if run.identity != first.identity {
        "was trained and tested on other rows than run 0, for instance those of an earlier split; run `cluster.put(..)` and \
         the sweep again"
            .to_owned()
    } else if let Some([what, there, here]) = difference(&first.params(), &run.params()) {
        format!(
            "is of another sweep than run 0, its hyperparameters differ: {what} {here}, but {there} in run 0; run the same \
             sweep in several ways"
        )
    } else if run.has_oob() != first.has_oob() {
        "has an out-of-bag score where run 0 has none, or the reverse, which takes time; run the same sweep in several ways, and \
         learners without .oob_score(true)"
            .to_owned()
    } else if restored + failed > 0 {
        format!(
            "is not of a whole sweep: {restored} models came from a journal and {failed} failed; run it without a journal, or \
             delete that, and compare again"
        )
    } else if run.trees_grown() > first.trees_grown() {
        format!("grew more trees than run 0, which shared them; put run {i} first")
    } else if run.learner == first.learner && !run.same_bits(first) {
        let (kind, remedy) = match [run.place, first.place].contains(&Place::Ray) {
            true => (
                ErrorKind::Cluster,
                "the cluster's worker library is of another version; run ./scripts/setup",
            ),
            false => (ErrorKind::Task, "this is a defect, please report it"),
        };
        let message = format!(
            "run {i} trained the same models on the same rows as run 0, and predicts different numbers; {remedy}"
        );
        return Err(Error::new(kind, message));
    } else {
        return Ok(());
    };
    invalid(format!("run {i} {reason}"))
}

/// The ceiling of the speedup of `run` over `first`: each tree takes as long as in `first`, whose tasks may
/// be cut in another way.
fn ceiling(run: &Outcome, first: &Outcome) -> f64 {
    let mut of_tree = vec![Vec::new(); first.models.len()];
    for task in &first.tasks {
        let trees: &mut Vec<f64> = &mut of_tree[task.model];
        trees.resize(trees.len().max(task.trees.end), 0.0);
        trees[task.trees.clone()].fill(task.seconds() / task.trees.len() as f64);
    }
    let seconds = |task: &SweepTask| match run.learner == first.learner {
        true => of_tree[task.model][task.trees.clone()].iter().sum(),
        false => task.seconds(),
    };
    let own = first.tasks.iter().map(SweepTask::seconds);
    makespan(own, first.workers) / makespan(run.tasks.iter().map(seconds), run.workers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::Sweep;

    /// Two runs of the same sweep, of which the second took a part of the time of the first.
    fn runs(speedup: f64, share: f64, paces: [f64; 2]) -> Vec<Outcome> {
        let split = crate::data::friedman1(60, 5, 1.0, 1).unwrap().split(0.5, 1).unwrap();
        let run = Sweep::over_n_estimators([10, 30]).quiet().run_sequential(&split).unwrap();
        let with = |seconds: f64, pace: f64| {
            let mut run = Outcome { seconds, pace: [pace; 2], ..run.clone() };
            for (i, task) in run.tasks.iter_mut().enumerate() {
                (task.started, task.ended) = (i as f64, i as f64 + 1.0);
                task.cpu_seconds = Some(share);
            }
            run
        };
        let parallel = Outcome { workers: 2, ..with(4.0 / speedup, paces[1]) };
        vec![with(4.0, paces[0]), parallel]
    }

    fn compared(rounds: &[(f64, f64, [f64; 2])]) -> Comparison {
        let of = |&(speedup, share, paces): &(f64, f64, [f64; 2])| runs(speedup, share, paces);
        let mut rounds = rounds.iter().map(of);
        let first = Comparison::of(&rounds.next().unwrap()).unwrap();
        first.again(rounds.len(), || Ok(rounds.next().unwrap())).unwrap()
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn the_median_of_the_rounds_that_nothing_disturbed() {
        let quiet = |speedup| (speedup, 1.0, [1.0, 1.2]);
        let all = compared(&[quiet(1.9), quiet(1.5), quiet(1.8)]);
        let of = |comparison: &Comparison| comparison.ways[1].speedup.unwrap();
        let Spread { median, low, high } = of(&all);
        assert!(close(median, 1.8) && close(low, 1.5) && close(high, 1.9), "{:?}", of(&all));
        assert!(all.warnings().is_empty(), "{:?}", all.warnings());
        assert!(close(all.ways[1].ceiling, 2.0) && all.ways[1].cpu_growth(&all.ways[0]) == Some(1.0));

        let some = compared(&[(1.1, 0.9, [1.0; 2]), quiet(1.5), (1.99, 1.0, [1.31, 1.0]), quiet(1.6)]);
        assert!(close(of(&some).median, 1.55), "{:?}", of(&some));
        let [left_out] = &some.warnings()[..] else { panic!("{:?}", some.warnings()) };
        for part in ["Left out", "round 1 (", "90 %", "round 3 (", "31 % longer"] {
            assert!(left_out.contains(part), "no \"{part}\" in {left_out}");
        }

        let none = compared(&[(1.1, 0.5, [1.0; 2]), (1.3, 0.6, [1.0; 2])]);
        assert!(close(of(&none).median, 1.2), "{:?}", of(&none));
        let said = none.conclusions().to_string();
        for part in ["every round was disturbed", "only 50 %", "only 60 %"] {
            assert!(said.contains(part), "no \"{part}\" in {said}");
        }
    }

    #[test]
    fn a_ceiling_is_list_scheduling_with_the_times_of_the_first_way() {
        let all = compared(&[(2.5, 1.0, [1.0; 2]), (2.1, 1.0, [1.0; 2]), (1.9, 1.0, [1.0; 2])]);
        let way = &all.ways[1];
        assert!(close(way.ceiling, 2.0), "{way:?}");
        assert_eq!((way.claim(), way.efficiency(&all.ways[0])), (None, None));
        let near = &compared(&[(2.01, 1.0, [1.0; 2])]).ways[1];
        assert!(near.claim() == Some(near.ceiling) && close(near.claim().unwrap(), 2.0), "{near:?}");
    }
}
