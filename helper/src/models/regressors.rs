//! Ready-made models: smartcore's, and the random forest of the crate `forest`. Each is deterministic.

use forest::{Forest, Params, TrainingSet};
use smartcore::api::SupervisedEstimator;
use smartcore::ensemble::extra_trees_regressor::{ExtraTreesRegressor, ExtraTreesRegressorParameters};
use smartcore::error::Failed;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linear::linear_regression::{LinearRegression, LinearRegressionParameters};
use smartcore::linear::ridge_regression::{RidgeRegression, RidgeRegressionParameters};
use smartcore::metrics::distance::euclidian::Euclidian;
use smartcore::neighbors::knn_regressor::{KNNRegressor, KNNRegressorParameters};
use smartcore::tree::decision_tree_regressor::{DecisionTreeRegressor, DecisionTreeRegressorParameters};
use smartcore::xgboost::{XGRegressor, XGRegressorParameters};

use crate::data::{Rows, Split};
use crate::error::{Error, ErrorKind, Result};
use crate::sweep::matrix;

type Table = DenseMatrix<f64>;
type Targets = Vec<f64>;

fn refused(failed: Failed) -> Error {
    Error::new(ErrorKind::Data, format!("smartcore refused: {failed}")).caused_by(failed)
}

/// Features, column after column, as smartcore reads them.
fn table(rows: &Rows, x: Vec<f64>) -> Result<Table> {
    DenseMatrix::new(rows.len(), rows.n_features(), x, true).map_err(refused)
}

/// Training rows and test rows.
fn tables(split: &Split) -> Result<[Table; 2]> {
    let [train, test] = [&split.train, &split.test].map(|rows| table(rows, rows.x().to_vec()));
    Ok([train?, test?])
}

/// The same tables with each feature standardised: mean 0 and standard deviation 1 over the training rows. By
/// hand: smartcore's `StandardScaler` divides a constant feature by the smallest number that it has.
fn standardised(split: &Split) -> Result<[Table; 2]> {
    let n = split.train.len();
    let scale = |column: &[f64]| {
        let mean = column.iter().sum::<f64>() / n as f64;
        let variance = column.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n as f64;
        (mean, if variance > 0.0 { variance.sqrt() } else { 1.0 })
    };
    let scales: Vec<(f64, f64)> = split.train.x().chunks(n).map(scale).collect();
    let [train, test] = [&split.train, &split.test].map(|rows| {
        let columns = rows.x().chunks(rows.len()).zip(&scales);
        let scaled = columns
            .flat_map(|(column, (mean, deviation))| column.iter().map(move |x| (x - mean) / deviation));
        table(rows, scaled.collect())
    });
    Ok([train?, test?])
}

fn fit<M, P>([x, test]: [Table; 2], split: &Split, parameters: P) -> Result<Vec<f64>>
where
    M: SupervisedEstimator<Table, Targets, P>,
    P: Clone,
{
    let y = split.train.y().to_vec();
    M::fit(&x, &y, parameters).and_then(|model| model.predict(&test)).map_err(refused)
}

/// Linear regression by least squares.
pub fn linear() -> impl Fn(&Split) -> Result<Vec<f64>> + Send + Sync + 'static {
    |split: &Split| {
        type Linear = LinearRegression<f64, f64, Table, Targets>;
        fit::<Linear, _>(tables(split)?, split, LinearRegressionParameters::default())
    }
}

/// Linear regression on standardised features whose squared coefficients are penalised by `alpha`. A feature
/// that is constant over the training rows is an error.
pub fn ridge(alpha: f64) -> impl Fn(&Split) -> Result<Vec<f64>> + Send + Sync + 'static {
    move |split: &Split| {
        type Ridge = RidgeRegression<f64, f64, Table, Targets>;
        // `normalize` is set by default: smartcore standardises.
        fit::<Ridge, _>(tables(split)?, split, RidgeRegressionParameters::default().with_alpha(alpha))
    }
}

/// The mean of the `k` training rows that are nearest in the standardised features.
pub fn nearest_neighbours(k: usize) -> impl Fn(&Split) -> Result<Vec<f64>> + Send + Sync + 'static {
    move |split: &Split| {
        type Neighbours = KNNRegressor<f64, f64, Table, Targets, Euclidian<f64>>;
        fit::<Neighbours, _>(standardised(split)?, split, KNNRegressorParameters::default().with_k(k))
    }
}

/// A decision tree of unlimited depth.
pub fn decision_tree() -> impl Fn(&Split) -> Result<Vec<f64>> + Send + Sync + 'static {
    |split: &Split| {
        type Tree = DecisionTreeRegressor<f64, f64, Table, Targets>;
        let parameters = DecisionTreeRegressorParameters { seed: Some(0), ..Default::default() };
        fit::<Tree, _>(tables(split)?, split, parameters)
    }
}

/// Extremely randomised trees: each node splits at a random threshold of its best feature. All features are
/// tried, as in scikit-learn.
///
/// Geurts, Ernst and Wehenkel, "Extremely randomized trees", Machine Learning 63 (2006) 3-42,
/// doi:10.1007/s10994-006-6226-1.
pub fn extra_trees(n_estimators: usize) -> impl Fn(&Split) -> Result<Vec<f64>> + Send + Sync + 'static {
    move |split: &Split| {
        type Trees = ExtraTreesRegressor<f64, f64, Table, Targets>;
        let parameters = ExtraTreesRegressorParameters::default().with_n_trees(n_estimators);
        fit::<Trees, _>(tables(split)?, split, parameters.with_m(split.train.n_features()))
    }
}

/// Boosted trees, each fitted to the errors of those before it: XGBoost's algorithm with its defaults (depth 6,
/// learning rate 0.3).
///
/// Chen and Guestrin, "XGBoost", KDD 2016, doi:10.1145/2939672.2939785.
pub fn gradient_boosting(n_estimators: usize) -> impl Fn(&Split) -> Result<Vec<f64>> + Send + Sync + 'static {
    move |split: &Split| {
        type Boosted = XGRegressor<f64, f64, Table, Targets>;
        let ([x, test], y) = (tables(split)?, split.train.y().to_vec());
        let parameters = XGRegressorParameters::default().with_n_estimators(n_estimators);
        Boosted::fit(&x, &y, parameters).and_then(|model| model.predict(&test)).map_err(refused)
    }
}

/// A random forest by the crate `forest`, with the defaults of [`Params`].
pub fn random_forest(n_estimators: usize) -> impl Fn(&Split) -> Result<Vec<f64>> + Send + Sync + 'static {
    move |split: &Split| {
        let training = TrainingSet::new(matrix(&split.train)?, split.train.y())?;
        let forest = Forest::fit(&training, &Params { n_estimators, ..Params::default() })?;
        Ok(forest.predict(matrix(&split.test)?)?)
    }
}
