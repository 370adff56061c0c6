//! Who worked when.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::figure::Figure;
use super::sheet::{
    AXIS_HEIGHT, Area, Drawn, MARGIN, Scale, TEXT, WIDTH, Words, axes, nothing, px, sheet, text,
};
use super::style::{IDLE, INK, count, model_colour, number, text_width};
use crate::error::Result;
use crate::sweep::Outcome;
use crate::text::seconds;

/// Workers with a lane that is high enough for a line of text.
const LANES: usize = 64;
/// Spans that are drawn at most.
const SPANS: usize = 1_200;
/// A gap of less than this part of the time is none that could be seen.
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
    let (tasks, models) = (&outcome.tasks, outcome.params().len());
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
    let share = number(100.0 * busy.iter().sum::<f64>() / (end * workers as f64), 1);
    let words = Words {
        name: format!("timeline-{workers}-workers"),
        title: format!("{}: who worked when, {workers_text}", outcome.dataset),
        subtitle: format!(
            "{} of {} in {}; the workers were busy {share} % of that time.",
            count(tasks.len(), "task", "tasks"),
            count(models, "model", "models"),
            seconds(end)
        ),
        description: format!(
            "{workers_text} ran {} of {} in {}, busy {share} % of the time; the longest that one was idle is {}.",
            count(tasks.len(), "task", "tasks"),
            count(models, "model", "models"),
            seconds(end),
            seconds(idle)
        ),
        legend: Vec::new(),
    };
    let tall = workers <= LANES;
    let lane =
        if tall { (320.0 / workers as f64).clamp(16.0, 44.0) } else { (1000.0 / workers as f64).max(2.0) };
    let x = Scale { grid: false, ..Scale::new(0.0..end, 10, "time since the start, seconds") };
    let every = if tall { 1 } else { workers.div_ceil(40) };
    let tick = |worker: usize| (worker as f64 + 0.5, worker.to_string());
    let ticks = (0..workers).step_by(every).map(tick).collect();
    let y = Scale { range: workers as f64..0.0, ticks, name: "worker".to_owned(), grid: false };
    let height = STRIP + lane * workers as f64 + AXIS_HEIGHT + 8.0;
    sheet(words, (WIDTH, height.ceil() as u32), |area| {
        let (strip, area) = area.split_vertically(px(STRIP));
        colours(&strip, outcome)?;
        let mut plot = axes(&area, &x, &y, 100.0)?;
        let gap = if lane < 6.0 { 0.0 } else { 0.08 };
        let bar = |worker: usize, from: f64, to: f64, colour: RGBColor| {
            let (top, bottom) = (worker as f64 + gap, (worker + 1) as f64 - gap);
            Rectangle::new([(from, top), (to, bottom)], colour.filled())
        };
        plot.draw_series((0..workers).map(|worker| bar(worker, 0.0, end, IDLE)))?;
        let mut bars: Vec<_> =
            lanes.iter().enumerate().flat_map(|(w, spans)| spans.iter().map(move |s| (w, s))).collect();
        bars.sort_by_key(|(_, span)| span.model);
        plot.draw_series(
            bars.iter().map(|(w, span)| bar(*w, span.from, span.to, model_colour(span.model, models))),
        )?;
        for worker in (0..workers).step_by(every) {
            let label = format!("{} % busy", number(100.0 * busy[worker] / end, 1));
            let label = Text::new(label, (px(6.0), 0), text(TEXT, INK, HPos::Left));
            plot.draw_series([EmptyElement::at((end, worker as f64 + 0.5)) + label])?;
        }
        Ok(())
    })
}

/// Height of the strip that says which colour is which model.
const STRIP: f64 = 22.0;

fn colours(area: &Area<'_>, outcome: &Outcome) -> Drawn {
    let params = outcome.params();
    let trees =
        |model: usize| params.get(model).map_or_else(String::new, |p| count(p.n_estimators, "tree", "trees"));
    let models = params.len();
    let (left, width) = (MARGIN, (models as f64 * 12.0).clamp(18.0, 240.0));
    let first = format!("models in order: {}", trees(0));
    area.draw_text(&first, &text(TEXT, INK, HPos::Left), (px(left), px(10.0)))?;
    let left = left + text_width(&first, TEXT) + 8.0;
    // Those of one colour one after another, so that they are one path.
    for model in (0..models).step_by(2).chain((1..models).step_by(2)) {
        let edge = |i: usize| px(left + width * i as f64 / models as f64);
        let corners = [(edge(model), px(3.0)), (edge(model + 1), px(17.0))];
        area.draw(&Rectangle::new(corners, model_colour(model, models).filled()))?;
    }
    let last = if models > 1 { trees(models - 1) } else { String::new() };
    let left = left + width + 8.0;
    area.draw_text(&last, &text(TEXT, INK, HPos::Left), (px(left), px(10.0)))?;
    let left = left + text_width(&last, TEXT) + 24.0;
    area.draw(&Rectangle::new([(px(left), px(3.0)), (px(left + 14.0), px(17.0))], IDLE.filled()))?;
    area.draw_text("idle", &text(TEXT, INK, HPos::Left), (px(left + 20.0), px(10.0)))
}

/// Joins what cannot be told apart at this size, and more where there are too many spans.
fn merge_all(mut lanes: Vec<Vec<Span>>, end: f64) -> Vec<Vec<Span>> {
    lanes.iter_mut().for_each(|lane| lane.sort_by(|a, b| a.from.total_cmp(&b.from)));
    let mut least = 0.0;
    loop {
        let merged: Vec<_> = lanes.iter().map(|lane| merge(lane, GAP * end, least * end)).collect();
        if merged.iter().map(Vec::len).sum::<usize>() <= SPANS.max(2 * lanes.len()) || least > 1.0 {
            return merged;
        }
        least = (2.0 * least).max(GAP);
    }
}

/// Joins spans of one model with no more than `gap` between them, and those of others while they are
/// shorter than `least`; the longer gives the colour.
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
        assert!(merged[0].len() <= SPANS && merged[0].len() > SPANS / 4, "{}", merged[0].len());
        assert_eq!((merged[0][0].from, merged[0].last().unwrap().to), (0.0, 19_999.9));
    }
}
