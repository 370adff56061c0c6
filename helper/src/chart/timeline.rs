//! Which worker was at which model when.

use super::colour::model_colour;
use super::figure::Figure;
use super::lanes::{Bar, Lanes};
use super::page::{MARGIN, WIDTH, Words, page};
use super::plot::{AXIS, Axis, BAR, BAR_LABELS, TOP, colour_bar, nothing};
use crate::error::Result;
use crate::sweep::Outcome;
use crate::text::{count, number, seconds, thousands};

/// Bars that are drawn, at most.
const BARS: usize = 200;
/// Gaps below this part of the whole time are too short to be seen.
const GAP: f64 = 0.0004;

/// A worker at a model, from when to when.
#[derive(Debug, Clone, PartialEq)]
struct Span {
    model: usize,
    from: f64,
    to: f64,
}

/// Which worker was at which model when, and how much of the time it was busy.
///
/// # Errors
/// [`ErrorKind::Chart`](crate::ErrorKind::Chart) where there is no task.
pub fn timeline(outcome: &Outcome) -> Result<Figure> {
    let (tasks, params) = (&outcome.tasks, outcome.params());
    let end = tasks.iter().map(|task| task.ended).fold(outcome.seconds, f64::max);
    if tasks.is_empty() || end <= 0.0 {
        return Err(nothing("a timeline", "tasks that took time"));
    }
    let workers = tasks.iter().map(|task| task.worker + 1).fold(outcome.workers, usize::max);
    let mut lanes = vec![Vec::new(); workers];
    let mut busy = vec![0.0; workers];
    for task in tasks {
        lanes[task.worker].push(Span { model: task.model, from: task.started, to: task.ended });
        busy[task.worker] += task.seconds();
    }
    let lanes = merge_all(lanes, end);

    let idle = busy.iter().map(|busy| end - busy).fold(0.0, f64::max);
    let workers_text = count(workers, "worker", "workers");
    let words = Words {
        name: format!("timeline-{workers}-workers"),
        title: format!("{}: who worked when, {workers_text}", outcome.dataset),
        subtitle: format!(
            "{} of {} in {}; the workers were busy {} % of that time. One colour per model; grey: idle.",
            count(tasks.len(), "task", "tasks"),
            count(params.len(), "model", "models"),
            seconds(end),
            number(100.0 * busy.iter().sum::<f64>() / (end * workers as f64), 1)
        ),
        facts: format!("The longest idle time of one worker is {}.", seconds(idle)),
        warnings: outcome.cautions(),
    };
    let trees: Vec<String> = params.iter().map(|p| thousands(p.n_estimators as u64)).collect();
    let bar = |(worker, span): (usize, &Span)| {
        let (model, from) = (span.model, seconds(span.from));
        let time = seconds(span.to - span.from);
        let tip = format!("worker {worker}: model {model}, {} trees, {time} from {from} on", trees[model]);
        Bar { lane: worker, from: span.from, to: span.to, colour: model_colour(model, params.len()), tip }
    };
    let bars =
        lanes.iter().enumerate().flat_map(|(worker, spans)| spans.iter().map(move |span| (worker, span)));
    let notes = busy.iter().map(|busy| format!("{} % busy", number(100.0 * busy / end, 1)));
    let lanes = Lanes::of_workers(0.0, end, notes.collect(), bars.map(bar).collect());
    let place = |model: usize| (model as f64 - 0.5, model as f64 + 0.5, model_colour(model, params.len()));
    let colours: Vec<_> = (0..params.len()).map(place).collect();
    let axis = Axis::of(&trees, "trees");
    page(words, (WIDTH, lanes.height()), |area| {
        let (lanes_area, bar_area) = area.split_horizontally(WIDTH - BAR - BAR_LABELS - MARGIN);
        lanes.draw(&lanes_area, MARGIN)?;
        colour_bar(&bar_area.margin(TOP, AXIS, 0, MARGIN), &axis, &colours)
    })
}

/// Joins spans that cannot be told apart at this size, and more where there are too many.
fn merge_all(mut lanes: Vec<Vec<Span>>, end: f64) -> Vec<Vec<Span>> {
    lanes.iter_mut().for_each(|lane| lane.sort_by(|a, b| a.from.total_cmp(&b.from)));
    let all = |least: f64| lanes.iter().map(|lane| merge(lane, GAP * end, least)).collect::<Vec<_>>();
    let merged = all(0.0);
    let bars = BARS.max(2 * lanes.len());
    if merged.iter().map(Vec::len).sum::<usize>() <= bars {
        return merged;
    }
    all(end * lanes.len() as f64 / bars as f64)
}

/// Joins spans of one model at most `gap` apart, and spans of different models while they are shorter
/// than `least`; the longest gives the model.
fn merge(lane: &[Span], gap: f64, least: f64) -> Vec<Span> {
    let mut merged: Vec<Span> = Vec::new();
    let mut longest = 0.0;
    for span in lane {
        let length = span.to - span.from;
        match merged.last_mut() {
            Some(last)
                if span.from - last.to <= gap.max(least)
                    && (span.model == last.model || last.to - last.from < least) =>
            {
                if length > longest {
                    (last.model, longest) = (span.model, length);
                }
                last.to = last.to.max(span.to);
            }
            _ => {
                merged.push(span.clone());
                longest = length;
            }
        }
    }
    merged
}

#[cfg(test)]
mod unit {
    use super::*;

    fn span(model: usize, from: f64, to: f64) -> Span {
        Span { model, from, to }
    }

    #[test]
    fn tasks_of_a_model_become_one_span() {
        let lane = [span(0, 0.0, 1.0), span(0, 1.001, 2.0), span(1, 2.0, 3.0), span(1, 5.0, 6.0)];
        let merged = merge(&lane, 0.01, 0.0);
        assert_eq!(merged, [span(0, 0.0, 2.0), span(1, 2.0, 3.0), span(1, 5.0, 6.0)]);
    }

    #[test]
    fn never_too_many() {
        let lane: Vec<_> = (0..20_000).map(|i| span(i, i as f64, i as f64 + 0.9)).collect();
        let merged = merge_all(vec![lane], 20_000.0);
        assert!(merged[0].len() <= BARS && merged[0].len() > BARS / 4, "{}", merged[0].len());
        assert_eq!((merged[0][0].from, merged[0].last().unwrap().to), (0.0, 19_999.9));
    }
}
