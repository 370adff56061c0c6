//! Growing on rayon's threads. The forest has the same bits as one that is grown on one thread.

use rayon::prelude::*;

use crate::grow;
use crate::{Error, Forest, Params, TrainingView};

impl Forest {
    /// As [`fit`](Self::fit), on the threads of the current rayon pool.
    ///
    /// # Errors
    /// If a hyperparameter is out of range.
    pub fn fit_parallel<'a>(training: impl Into<TrainingView<'a>>, params: &Params) -> Result<Forest, Error> {
        let trees = 0..params.n_estimators;
        Forest::grow_with(training.into(), params, trees, |view, checked, trees| {
            // Small pieces share out well, but each needs memory of its own for a while.
            let piece = trees.len().div_ceil(8 * rayon::current_num_threads()).clamp(1, 16);
            let starts: Vec<usize> = trees.clone().step_by(piece).collect();
            let pieces = starts
                .into_par_iter()
                .map(|start| grow::grow(view, checked, start..trees.end.min(start + piece)));
            pieces.collect::<Vec<_>>().into_iter().flatten().collect()
        })
    }
}
