//! A ranking of models by their errors.

use crate::data::Split;
use crate::error::{Error, Result};
use crate::sweep::Scores;

/// Models that were trained on one split, the lowest mean squared error first, failed models last.
///
/// As the last line of a cell it shows itself as a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaderboard {
    pub(crate) dataset: String,
    actual: Vec<f64>,
    entries: Vec<Entry>,
}

/// A model of a [`Leaderboard`].
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Wall time in seconds that training and predicting took, on one worker.
    pub seconds: f64,
    /// Its scores and predictions, or why it failed.
    pub fitted: Result<Fitted>,
}

/// The predictions of a model for the test rows, and their scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The scores of the predictions.
    pub scores: Scores,
    /// A prediction for each test row.
    pub predictions: Vec<f64>,
}

impl Entry {
    pub(crate) fn mse(&self) -> f64 {
        self.fitted.as_ref().map_or(f64::NAN, |fitted| fitted.scores.mse)
    }
}

impl Leaderboard {
    pub(super) fn new(split: &Split, entries: Vec<Entry>) -> Self {
        let board = Self { dataset: split.dataset.clone(), actual: split.test.y().to_vec(), entries };
        board.sorted()
    }

    /// Sorts by error; NaN, which stands for no score, is above all numbers.
    fn sorted(mut self) -> Self {
        self.entries
            .sort_by(|a, b| a.mse().total_cmp(&b.mse()).then(a.fitted.is_err().cmp(&b.fitted.is_err())));
        self
    }

    /// The models, the best first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The same models and an ensemble: the mean of the named models' predictions.
    ///
    /// # Errors
    /// [`InvalidParameter`](crate::ErrorKind::InvalidParameter) for no name, or one that no model has; the error
    /// of a named model that failed.
    ///
    /// ```
    /// # use helper::prelude::*;
    /// # fn main() -> helper::Result<()> {
    /// # let cluster = Cluster::local_with(2)?;
    /// # let data = cluster.put(data::friedman1(100, 5, 1.0, 1)?.split(0.2, 42)?);
    /// let constant = |value: f64| move |split: &Split| vec![value; split.test.len()];
    /// let board = Models::new().add("low", constant(10.0)).add("high", constant(20.0)).run_on(&cluster, &data)?;
    /// let board = board.mean(["low", "high"])?;
    /// let mean = board.entries().iter().find(|entry| entry.name == "mean of low, high").unwrap();
    /// assert_eq!(mean.fitted.clone()?.predictions[0], 15.0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn mean(&self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self> {
        let find = |name: &str| {
            let all: Vec<&str> = self.entries.iter().map(|entry| entry.name.as_str()).collect();
            let unknown =
                || Error::invalid("model", format!("\"{name}\""), format!("one of {}", all.join(", ")));
            self.entries.iter().find(|entry| entry.name == name).ok_or_else(unknown)
        };
        let members: Vec<&Entry> =
            names.into_iter().map(|name| find(name.as_ref())).collect::<Result<_>>()?;
        if members.is_empty() {
            return Err(Error::invalid("the number of models in a mean", 0, "1 or more"));
        }
        let mut predictions = vec![0.0; self.actual.len()];
        for member in &members {
            let fitted = member.fitted.as_ref().map_err(Error::clone)?;
            predictions.iter_mut().zip(&fitted.predictions).for_each(|(sum, prediction)| *sum += prediction);
        }
        predictions.iter_mut().for_each(|sum| *sum /= members.len() as f64);
        let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
        let entry = Entry {
            name: format!("mean of {}", names.join(", ")),
            seconds: members.iter().map(|member| member.seconds).sum(),
            fitted: Ok(Fitted { scores: Scores::of(&self.actual, &predictions), predictions }),
        };
        let mut board = self.clone();
        board.entries.push(entry);
        Ok(board.sorted())
    }
}
