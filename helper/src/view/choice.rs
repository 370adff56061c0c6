//! The model that was chosen, in sentences.

use crate::sweep::{Choice, DEVIATIONS, ModelOutcome, Outcome, Params, RESAMPLES, named, varied};
use crate::text::{count, score, thousands};

/// Which model is the best, how sure its error is, by what it was chosen, and which others are as good.
pub(super) fn of_choice(run: &Outcome) -> Vec<String> {
    let Choice { model, interval, as_good } = run.choice();
    let others = varied(&run.models.iter().map(|model| model.params).collect::<Vec<_>>()).split_off(1);
    let name = |model: &ModelOutcome| match named(&model.params, &others) {
        others if others.is_empty() => trees(&model.params),
        others => format!("{}, {others}", trees(&model.params)),
    };
    let rows = count(run.actual.len(), "test row", "test rows");
    let interval = match interval {
        Some([low, high]) => format!(
            " (95 % interval {} to {}, by {} bootstrap resamples of {rows})",
            score(low),
            score(high),
            thousands(RESAMPLES as u64)
        ),
        None => format!(" (of {rows})"),
    };
    let [mse, r2, mae] = [model.scores.mse, model.scores.r2, model.scores.mae].map(score);
    let which = if run.models.len() == 1 { "The only" } else { "The best" };
    let mut sentences =
        vec![format!("{which} model has {}: MSE {mse}{interval}, R2 {r2}.{}", name(model), gain(run, model))];
    if run.models.len() > 1 {
        sentences.push(by(run, model, name));
        if run.actual.len() == 1 {
            sentences.push("A single test row does not tell which models are worse.".to_owned());
        } else if model.scores.mse.is_finite() {
            let as_good = match as_good.iter().min_by_key(|model| model.params.n_estimators) {
                Some(smallest) if as_good.len() > 1 => format!(
                    "{} of {} are no worse on the test rows; the smallest of them has {}.",
                    as_good.len(),
                    count(run.models.len(), "model", "models"),
                    name(smallest)
                ),
                _ => "Every other model is worse on the test rows.".to_owned(),
            };
            sentences.push(format!(
                "{as_good} (Worse is a model whose squared error, row by row, is higher by more than {DEVIATIONS} standard \
                 errors in the mean.)"
            ));
        }
    }
    sentences.push(format!(
        "On average its predictions are off by {mae} in units of the target (mean absolute error)."
    ));
    sentences
}

/// How the model was chosen, and which one the test rows would choose.
fn by(run: &Outcome, model: &ModelOutcome, name: impl Fn(&ModelOutcome) -> String) -> String {
    let Some(oob) = model.oob else {
        let remedy = match run.learner.leaves_out() {
            true => ".oob_score(true) chooses without them".to_owned(),
            false => format!("{} has no out-of-bag error to choose by", run.learner),
        };
        return format!("It was chosen by the test rows that it is judged by, which flatters it; {remedy}.");
    };
    let other = match run.best_by_test() {
        same if same.model == model.model => "They would choose the same model.".to_owned(),
        other => format!(
            "They would choose that with {}, whose MSE of {} is flattered by the choice.",
            name(other),
            score(other.scores.mse)
        ),
    };
    format!(
        "It has the lowest out-of-bag MSE, {}, so the test rows had no part in the choice. {other}",
        score(oob.scores.mse)
    )
}

/// What the trees of the model gained over the smallest model with the same other hyperparameters.
fn gain(run: &Outcome, model: &ModelOutcome) -> String {
    let like = |params: &Params| Params { n_estimators: 0, ..*params };
    let smaller = run.models.iter().filter(|other| {
        like(&other.params) == like(&model.params) && other.params.n_estimators < model.params.n_estimators
    });
    let Some(smallest) = smaller.min_by_key(|other| other.params.n_estimators) else { return String::new() };
    let gain = 100.0 * (1.0 - model.scores.mse / smallest.scores.mse);
    if !gain.is_finite() {
        return String::new();
    }
    let (size, than) = (gain.abs(), if gain < 0.0 { "more" } else { "less" });
    let smallest = trees(&smallest.params);
    format!(" That is {size:.1} % {than} error than {smallest} with the same other hyperparameters.")
}

fn trees(params: &Params) -> String {
    count(params.n_estimators, "tree", "trees")
}
