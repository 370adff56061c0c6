//! A training set as one block of words: a header, then sections that start at multiples of
//! 64 bytes: targets, weights, where each feature's values start, values, orders.

use super::{Order, TrainingView};
use crate::{Error, Scale};

/// Spells "FOREST", then the version; read on a machine of the other byte order it differs.
const MAGIC: u64 = u64::from_be_bytes(*b"FOREST\0\x01");
const HEADER_WORDS: usize = 8;
/// Entries that may be read, but are not used, behind each feature's order.
const PADDING: usize = 8;

const WEIGHTED: u64 = 1;

/// Most rows, and most features: ranks and rows fit into 30 bits.
pub(super) const MOST: usize = 1 << 30;

/// Entries from one feature's list to the next.
pub(crate) fn stride(n_rows: usize) -> usize {
    (n_rows + PADDING).next_multiple_of(16)
}

/// Sizes that say where everything is.
pub(super) struct Header {
    pub(super) n_rows: usize,
    pub(super) n_features: usize,
    pub(super) n_values: usize,
    pub(super) weighted: bool,
    pub(super) scale: Scale,
    pub(super) offset: i64,
    pub(super) span: u64,
}

/// First words of the sections, and the total.
pub(super) struct Sections {
    pub(super) targets: usize,
    pub(super) weights: usize,
    pub(super) starts: usize,
    pub(super) values: usize,
    pub(super) orders: usize,
    pub(super) end: usize,
    /// Entries from one feature's order to the next.
    pub(super) stride: usize,
}

impl Header {
    pub(super) fn short(&self) -> bool {
        self.n_rows <= 1 << 16
    }

    /// None if the sizes overflow.
    pub(super) fn sections(&self) -> Option<Sections> {
        let round = |words: usize| words.checked_next_multiple_of(8);
        let stride = stride(self.n_rows);
        let targets = HEADER_WORDS;
        let weights = targets.checked_add(round(self.n_rows)?)?;
        let n_weights = if self.weighted { self.n_rows } else { 0 };
        let starts = weights.checked_add(round(n_weights)?)?;
        let values = starts.checked_add(round(self.n_features.checked_add(1)?)?)?;
        let orders = values.checked_add(round(self.n_values)?)?;
        let words = if self.short() { stride / 2 } else { stride };
        let end = orders.checked_add(words.checked_mul(self.n_features)?)?;
        Some(Sections { targets, weights, starts, values, orders, end, stride })
    }

    pub(super) fn write(&self, words: &mut [u64]) {
        words[..HEADER_WORDS].copy_from_slice(&[
            MAGIC,
            self.n_rows as u64,
            self.n_features as u64,
            self.n_values as u64,
            if self.weighted { WEIGHTED } else { 0 },
            self.scale.exponent() as u64,
            self.offset as u64,
            self.span,
        ]);
    }

    fn read(words: &[u64]) -> Result<Header, Error> {
        let Some(&[magic, n_rows, n_features, n_values, flags, exponent, offset, span]) = words.first_chunk()
        else {
            return Err(Error::format(format!("{} words are no header", words.len())));
        };
        if magic != MAGIC {
            return Err(Error::format(format!("it starts with {magic:#x}, not {MAGIC:#x}")));
        }
        let scale = i32::try_from(exponent as i64).ok().and_then(Scale::from_exponent);
        let size = |n: u64| usize::try_from(n).ok().filter(|n| (1..=MOST).contains(n));
        let header = (|| {
            Some(Header {
                n_rows: size(n_rows)?,
                n_features: size(n_features)?,
                n_values: usize::try_from(n_values).ok()?,
                weighted: (flags <= WEIGHTED).then_some(flags == WEIGHTED)?,
                scale: scale?,
                offset: Some(offset as i64).filter(|o| o.unsigned_abs() <= 1 << 40)?,
                span: Some(span).filter(|&s| s <= 1 << 41)?,
            })
        })();
        header.ok_or_else(|| Error::format("its header is out of range"))
    }
}

/// The words as a training set. `check` looks at every entry, for words from elsewhere.
pub(super) fn view(words: &[u64], check: bool) -> Result<TrainingView<'_>, Error> {
    let header = Header::read(words)?;
    let sections = header.sections().filter(|s| s.end == words.len());
    let Some(at) = sections else {
        let found = words.len();
        return Err(Error::format(format!("its length, {found} words, is not what it says")));
    };
    let floats = |from: usize, n: usize| bytemuck::cast_slice(&words[from..from + n]);
    let orders = &words[at.orders..at.end];
    let view = TrainingView {
        n_rows: header.n_rows,
        n_features: header.n_features,
        scale: header.scale,
        offset: header.offset,
        span: header.span,
        targets: &words[at.targets..][..header.n_rows],
        weights: header.weighted.then(|| floats(at.weights, header.n_rows)),
        starts: &words[at.starts..][..header.n_features + 1],
        values: floats(at.values, header.n_values),
        order: if header.short() { Order::Short(bytemuck::cast_slice(orders)) } else { Order::Long(orders) },
        stride: at.stride,
    };
    if check {
        check_contents(&view)?;
    }
    Ok(view)
}

/// Whether everything that training relies on holds.
fn check_contents(view: &TrainingView<'_>) -> Result<(), Error> {
    let require = |fine: bool, what: &str| {
        if fine { Ok(()) } else { Err(Error::format(format!("its {what} are damaged"))) }
    };
    let row_bits = usize::BITS - view.n_rows.leading_zeros();
    require(view.span.leading_zeros() > row_bits, "targets")?;
    require(view.targets.iter().all(|&t| t <= view.span), "targets")?;
    if let Some(weights) = view.weights {
        require(weights.iter().all(|w| (0.0..2.0).contains(w)), "weights")?;
        require(weights.iter().any(|&w| w >= 1.0), "weights")?;
    }
    let n = view.values.len() as u64;
    let (first, last) = (view.starts[0], view.starts[view.n_features]);
    require(first == 0 && last == n, "values")?;
    for feature in 0..view.n_features {
        let (from, to) = (view.starts[feature], view.starts[feature + 1]);
        require(from < to && to <= n, "values")?;
        let values = &view.values[from as usize..to as usize];
        require(values.is_sorted_by(|a, b| a < b), "values")?;
        require(values.iter().all(|v| v.is_finite()), "values")?;
    }
    let mut seen = vec![u32::MAX; view.n_rows];
    for feature in 0..view.n_features {
        let distinct = (view.starts[feature + 1] - view.starts[feature]) as usize;
        let mut last = 0;
        let mut fits = |rank: usize, row: usize| {
            let new = row < view.n_rows && seen[row] != feature as u32;
            let sorted = rank == last || rank == last + 1;
            if new && sorted {
                seen[row] = feature as u32;
            }
            last = rank;
            new && sorted && rank < distinct
        };
        let list = feature * view.stride..feature * view.stride + view.n_rows;
        let padding = list.end..(feature + 1) * view.stride;
        let fine = match view.order {
            Order::Short(order) => {
                order[list].iter().all(|e| fits((e >> 16) as usize, (e & 0xffff) as usize))
                    && order[padding].iter().all(|&e| e == 0)
            }
            Order::Long(order) => {
                order[list].iter().all(|e| fits((e >> 32) as usize, *e as u32 as usize))
                    && order[padding].iter().all(|&e| e == 0)
            }
        };
        require(fine, "orders")?;
    }
    Ok(())
}
