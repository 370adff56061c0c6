//! CSV files. Each field is read as text first, so that an error can name the text and the line.

use std::io::Cursor;
use std::path::Path;

use polars_core::prelude::*;
use polars_io::SerReader as _;
use polars_io::csv::read::CsvReadOptions;

use super::dataset::{Dataset, first_gap};
use crate::error::{Error, ErrorKind, Result};

impl Dataset {
    /// Reads a CSV file: comma-separated, the names of the columns in the first line, numbers in all
    /// others. The table has the file's name. A byte order mark and empty lines at the end are ignored.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] if the file cannot be read, a column's name is missing or duplicated, a field is
    /// not a finite number (the message names line, column and value), or a line has too few or too many
    /// fields; also the errors of [`Dataset::from_frame`].
    ///
    /// ```
    /// # fn main() -> helper::Result<()> {
    /// # let file = std::env::temp_dir().join(format!("flats-{}.csv", std::process::id()));
    /// # std::fs::write(&file, "rooms,area,rent\n2,48.5,910\n3,71,1250\n4,96,1490\n").unwrap();
    /// let flats = helper::prelude::Dataset::from_csv(&file, "rent")?;
    /// assert_eq!((flats.rows(), flats.features()), (3, vec!["rooms", "area"]));
    /// # std::fs::remove_file(&file).unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_csv(path: impl AsRef<Path>, target: &str) -> Result<Self> {
        let path = path.as_ref();
        let frame = parse(&load(path)?, None).map_err(|flaw| {
            let path = path.display();
            let message = format!("{path} {flaw}; correct the file, or leave this row or column out");
            Error::new(ErrorKind::Data, message)
        })?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Ok(Self::from_frame(name, frame, target)?.read_from(path))
    }
}

pub(super) fn load(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| {
        let path = path.display();
        let message =
            format!("{path} cannot be read: {e}; check the path, and that you have permission to read it");
        Error::new(ErrorKind::Data, message).caused_by(e)
    })
}

/// Parses columns of finite numbers. Without `names`, the first line is the header.
///
/// # Errors
/// The flaw, in words that follow the file's name: "has no value for rooms in line 3".
pub(super) fn parse(bytes: &[u8], names: Option<&[&str]>) -> Result<DataFrame, String> {
    let text = |schema, rows| {
        text(bytes, schema, rows).map_err(|e| format!("cannot be read as comma-separated text: {e}"))
    };
    let width = match names {
        Some(names) => names.len(),
        None => text(None, Some(1))?.len(),
    };
    // One column more than expected, for surplus fields.
    let schema = Schema::from_iter((0..=width).map(|i| Field::new(i.to_string().into(), DataType::String)));
    let fields = text(Some(Arc::new(schema)), None)?;
    let (extra, fields) = fields.split_last().ok_or("is empty")?;
    let filled = |row: usize| fields.iter().any(|field| field.get(row).is_some());
    let rows = (0..extra.len()).rev().find(|&row| filled(row)).ok_or("is empty")? + 1;
    let (names, first) = match names {
        Some(names) => (names.iter().map(|&name| name.to_owned()).collect(), 0),
        None => (header(fields)?, 1),
    };

    let body = |field: &StringChunked| field.slice(first as i64, rows - first);
    let surplus = body(extra).iter().position(|field| field.is_some()).map(|row| (row, width));
    let mut flaws = Vec::from_iter(surplus);
    let mut columns = Vec::with_capacity(width);
    for (i, (field, name)) in fields.iter().zip(&names).enumerate() {
        // Text that is not a number becomes null.
        let column = body(field).cast(&DataType::Float64).map_err(|e| format!("cannot be converted: {e}"))?;
        let column = column.with_name(name.into()).into_column();
        flaws.extend(first_gap(&column).map(|row| (row, i)));
        columns.push(column);
    }
    if let Some((row, i)) = flaws.into_iter().min() {
        let line = first + row + 1;
        return Err(match (names.get(i), fields.get(i).and_then(|field| field.get(first + row))) {
            (Some(name), Some(text)) => {
                let text: String = text.chars().take(40).collect();
                format!("has \"{text}\" for {name} in line {line}, where a finite number belongs")
            }
            (Some(name), None) => format!("has no value for {name} in line {line}"),
            (None, _) => format!("has more than {width} values in line {line} ({})", names.join(", ")),
        });
    }
    DataFrame::new_infer_height(columns).map_err(|e| format!("is not a table: {e}"))
}

/// The columns as trimmed text; an empty field is null.
fn text(bytes: &[u8], schema: Option<SchemaRef>, rows: Option<usize>) -> PolarsResult<Vec<StringChunked>> {
    let frame = CsvReadOptions::default()
        .with_has_header(false)
        .with_infer_schema_length(Some(0))
        .with_schema(schema)
        .with_n_rows(rows)
        .with_rechunk(true)
        .map_parse_options(|options| options.with_truncate_ragged_lines(true))
        .into_reader_with_file_handle(Cursor::new(bytes))
        .finish()?;
    let trimmed = |column: &Column| {
        let fields = column.str()?.iter().map(|field| field.map(str::trim).filter(|field| !field.is_empty()));
        Ok(StringChunked::from_iter(fields))
    };
    frame.columns().iter().map(trimmed).collect()
}

fn header(fields: &[StringChunked]) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = Vec::new();
    for (i, field) in fields.iter().enumerate() {
        let name = field.get(0).ok_or_else(|| format!("has no name for column {} in line 1", i + 1))?;
        if names.iter().any(|other| other == name) {
            return Err(format!("has two columns that are named {name}"));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::num;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn frame(text: &str) -> DataFrame {
        parse(text.as_bytes(), None).unwrap()
    }

    #[test]
    fn how_a_table_is_written_does_not_matter() {
        let plain = frame("a,b\n1,2.5\n-3,4e2\n");
        assert_eq!(plain, df!["a" => [1.0, -3.0], "b" => [2.5, 400.0]].unwrap());
        for same in [
            "a,b\r\n1,2.5\r\n-3,4e2\r\n",
            "\u{feff}a,b\n1,2.5\n-3,4e2",
            "a,b\n1,2.5\n-3,4e2\n\n\n",
            "a, b \n 1 ,2.50\n-3.0,400\n  \n",
            "\"a\",\"b\"\n\"1\",\"2.5\"\n-3,4e2,\n",
        ] {
            assert_eq!(frame(same), plain, "{same:?}");
        }
        // The header is another line of text where names are given.
        assert_eq!(parse("\u{feff}1,2.5\n-3,4e2\n".as_bytes(), Some(&["a", "b"])).unwrap(), plain);
    }

    #[test]
    fn the_first_flaw_is_named_by_line_column_and_value() {
        for (text, said) in [
            ("", "empty"),
            ("\n \n", "is empty"),
            ("a,b\n1,2\n3\n", "has no value for b in line 3"),
            ("a,b\n1,\n3,x\n", "has no value for b in line 2"),
            ("a,b\n\n3,4\n", "has no value for a in line 2"),
            ("a,b\n1,2\n3,4,5\n6,x\n", "has more than 2 values in line 3 (a, b)"),
            ("a,b\n1,2\n3,4,5,6\n", "has more than 2 values in line 3"),
            ("a,b\n1,NaN\n", "has \"NaN\" for b in line 2, where a finite number belongs"),
            ("a,b\n1,2\n1,inf\n", "has \"inf\" for b in line 3"),
            ("a,b\n1,2\n\"x, y\",1\n", "has \"x, y\" for a in line 3"),
            ("a,,c\n1,2,3\n", "has no name for column 2 in line 1"),
            ("a,b,a\n1,2,3\n", "has two columns that are named a"),
        ] {
            let error = parse(text.as_bytes(), None).map(|frame| format!("{frame}")).unwrap_err();
            assert!(error.contains(said), "{text:?}: {error}");
        }
        assert!(parse(&[b'a', 0xff, b'\n'], None).unwrap_err().contains("cannot be read as comma-separated"));
        assert!(parse(&[0x1f, 0x8b, 8, 0, 0xff], None).unwrap_err().contains("compressed"));
    }

    proptest! {
        #[test]
        fn finite_numbers_come_back_bit_for_bit(rows in vec([num::f64::NORMAL, num::f64::ANY, num::f64::ZERO], 1..20)) {
            let finite = |x: f64| if x.is_finite() { x } else { -0.0 };
            let rows: Vec<[f64; 3]> = rows.into_iter().map(|row| row.map(finite)).collect();
            let line = |row: &[f64; 3]| row.map(|x| format!("{x:e}")).join(",") + "\n";
            let text = rows.iter().map(line).collect::<String>();
            let frame = parse(text.as_bytes(), Some(&["a", "b", "c"])).unwrap();
            for (i, column) in frame.columns().iter().enumerate() {
                let bits: Vec<u64> = column.f64().unwrap().iter().map(|x| x.unwrap().to_bits()).collect();
                prop_assert_eq!(bits, rows.iter().map(|row| row[i].to_bits()).collect::<Vec<_>>());
            }
        }

        #[test]
        fn anything_is_a_table_of_finite_numbers_or_refused(
            bytes in vec(select(b"1,,\n\n\r\"-.eNaN \t\0\xff\xef\xbb\xbf".to_vec()), 0..60)
        ) {
            for names in [None, Some(&["a", "b"][..])] {
                if let Ok(frame) = parse(&bytes, names) {
                    prop_assert!(frame.columns().iter().all(|column| first_gap(column).is_none()));
                    prop_assert_eq!(frame.width(), names.map_or(frame.width(), <[_]>::len));
                }
            }
        }
    }
}
