//! The request to a worker on another machine, and its answer.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{Error, Learner, LeftOut, Matrix, Params, Result, Whole, features_and_target, numbers, pieces};

/// A request to grow some trees of a model and to add up their predictions for the test rows.
///
/// The inputs are the training set as [`Train::bytes`](crate::Train::bytes) made it, and the test rows, row
/// after row. For a shard they are the test rows and the shard: its columns one after another, the target
/// last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The learner that grows the trees.
    pub learner: Learner,
    /// Hyperparameters of the model.
    pub params: Params,
    /// The range of its trees.
    pub trees: Range<usize>,
    /// The number of features.
    pub n_features: usize,
    /// The table that the shard is a part of; `None` for all training rows.
    pub shard: Option<Whole>,
    /// Whether the answer has a [`LeftOut`] as well.
    pub oob_score: bool,
    /// Whether the worker panics instead, to demonstrate retries.
    pub panic: bool,
}

impl Request {
    /// The sum of the trees' predictions for each test row, in steps of the training set's scale. With
    /// [`oob_score`](Self::oob_score), the sums and then the counts of a [`LeftOut`] follow, one for each
    /// training row.
    ///
    /// # Errors
    /// Where the inputs do not fit the request, or the learner refuses.
    ///
    /// # Panics
    /// Where the request says so.
    pub fn run(&self, inputs: &[&[u8]]) -> Result<Vec<i64>> {
        assert!(!self.panic, "sabotaged");
        let [first, second] = *inputs else {
            return Err(Error::Data(format!("the worker got {} inputs, but needs 2", inputs.len())));
        };
        let (training, test) = match self.shard {
            None => (self.learner.read(first, self.n_features)?, second),
            Some(whole) => {
                let (x, y) = features_and_target(numbers(second)?, self.n_features)?;
                (self.learner.prepare(x, y, whole)?, first)
            }
        };
        let test = Matrix::from_rows(numbers(test)?, self.n_features)?;
        let mut sums = vec![0; test.n_rows()];
        let mut left_out = self.oob_score.then(LeftOut::default);
        for piece in pieces(self.trees.clone()) {
            training.grow(&self.params, piece, left_out.as_mut())?.add_predictions(test, &mut sums)?;
        }
        if let Some(LeftOut { sums: more, counts }) = left_out {
            sums.extend(more.into_iter().chain(counts.into_iter().map(i64::from)));
        }
        Ok(sums)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Prepared as _;

    fn table() -> (Vec<f64>, Vec<f64>) {
        let x: Vec<f64> = (0..600).map(|i| f64::from(i * 37 % 101)).collect();
        let y = x.chunks(3).map(|row| row[0] + 2.0 * row[1]).collect();
        (x, y)
    }

    fn request(learner: Learner, trees: Range<usize>) -> Request {
        let params = Params { n_estimators: 35, max_depth: Some(7), seed: 3, ..Params::default() };
        Request { learner, params, trees, n_features: 3, shard: None, oob_score: false, panic: false }
    }

    #[test]
    fn every_learner_grows_the_same_from_bytes() {
        let (x, y) = table();
        let matrix = Matrix::from_rows(&x, 3).unwrap();
        for &learner in Learner::ALL {
            let prepared = learner.prepare(matrix, &y, Whole::of(&y)).unwrap();
            let mut expected = vec![0; y.len()];
            let request = request(learner, 20..35);
            let trees = prepared.grow(&request.params, 20..35, None).unwrap();
            trees.add_predictions(matrix, &mut expected).unwrap();
            // Aligned, as an object store's bytes are.
            let bytes = learner.bytes(matrix, &y).unwrap();
            let mut words = vec![0_u64; bytes.len() / 8];
            bytemuck::cast_slice_mut::<u64, u8>(&mut words).copy_from_slice(&bytes);
            let inputs = [bytemuck::cast_slice(&words), bytemuck::cast_slice(&x)];
            assert_eq!(request.run(&inputs).unwrap(), expected, "{learner}");
        }
    }

    #[test]
    fn a_shard_that_is_the_whole_gives_the_same() {
        let (x, y) = table();
        let column = |c: usize| x.chunks(3).map(move |row| row[c]).collect::<Vec<_>>();
        let table: Vec<f64> = (0..3).flat_map(column).chain(y.iter().copied()).collect();
        let whole = request(Learner::Forest, 0..4);
        let shard = Request { shard: Some(Whole::of(&y)), ..whole.clone() };
        let set = forest::TrainingSet::new(Matrix::from_rows(&x, 3).unwrap(), &y).unwrap();
        let test: &[u8] = bytemuck::cast_slice(&x);
        let oob = Request { oob_score: true, ..whole.clone() };
        let mut left_out = LeftOut::default();
        set.view().grow(&oob.params, 0..4, Some(&mut left_out)).unwrap();
        let answer = oob.run(&[set.as_bytes(), test]).unwrap();
        assert_eq!(answer[y.len()..2 * y.len()], left_out.sums);
        assert!(answer[2 * y.len()..].iter().copied().eq(left_out.counts.into_iter().map(i64::from)));
        let parts = shard.run(&[test, bytemuck::cast_slice(&table)]).unwrap();
        assert_eq!(parts, whole.run(&[set.as_bytes(), test]).unwrap());
        let whole = Some(Whole { rows: 2 * y.len(), largest: 1e3 });
        let smartcore = Request { learner: Learner::Smartcore, shard: whole, ..shard };
        let error = smartcore.run(&[test, bytemuck::cast_slice(&table)]).unwrap_err().to_string();
        assert!(error.contains("smartcore cannot train on a shard"), "{error}");
    }

    #[test]
    fn a_request_comes_back_from_json_with_the_same_bits() {
        let mut request = request(Learner::Smartcore, 0..4);
        request.params.seed = u64::MAX;
        request.params.max_features = forest::MaxFeatures::Fraction(0.1);
        request.shard = Some(Whole { rows: 7, largest: 5.000_009_999_999_999 });
        let text = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<Request>(&text).unwrap(), request, "{text}");
    }

    #[test]
    fn inputs_that_do_not_fit_are_refused() {
        let (x, y) = table();
        let set = forest::TrainingSet::new(Matrix::from_rows(&x, 3).unwrap(), &y).unwrap();
        let (fine, test) = (set.as_bytes(), bytemuck::cast_slice(&x));
        let all = request(Learner::Forest, 0..35);
        let odd = Params { max_depth: Some(0), ..all.params };
        let cases: [(&[&[u8]], Request, &str); 6] = [
            (&[fine, test], request(Learner::Forest, 0..36), "0..36"),
            (&[fine, test], Request { params: odd, ..all.clone() }, "max_depth"),
            (&[test, test], all.clone(), "write it again"),
            (&[fine], all.clone(), "1 inputs"),
            (&[&fine[..9], test], request(Learner::Smartcore, 0..35), "9 bytes"),
            (&[fine, &test[..9]], all, "9 bytes"),
        ];
        for (inputs, request, says) in cases {
            let error = request.run(inputs).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
