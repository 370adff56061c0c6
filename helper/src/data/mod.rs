//! The table: find it, read it, check it, split it; and generated data where there is none.
//!
//! ```
//! # fn main() -> helper::Result<()> {
//! # if helper::data::california_housing().is_err() { return Ok(()); }
//! let housing = helper::data::california_housing()?;
//! assert_eq!((housing.rows(), housing.features().len()), (20_640, 8));
//! let split = housing.split(0.2, 42)?;
//! assert_eq!((split.train.len(), split.test.len()), (16_512, 4_128));
//! # Ok(())
//! # }
//! ```

mod california;
mod dataset;
mod find;
mod friedman;
mod shards;
mod split;

pub use california::{california_housing, california_housing_or_stand_in};
pub use dataset::Dataset;
pub use friedman::friedman1;
pub use shards::Shards;
pub use split::{Rows, Split};
