//! The bytes of a table, CSV or JSON → its rows.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::Metadata;
use crate::build::BuildError;

const COLUMNS: &[&str] = &[
    "path", "filename", "id", "url", "title", "owner", "uploaded", "tags", "private",
];
/// A table for a million pictures stays below this; a larger file is a mistake.
const LIMIT_BYTES: u64 = 1 << 30;

impl Metadata {
    pub fn read(file: &Path) -> Result<Self, BuildError> {
        let failed = |source| BuildError::io("read", file, source);
        let length = std::fs::metadata(file).map_err(failed)?.len();
        if length > LIMIT_BYTES {
            return Err(broken(
                file,
                None,
                "larger than 1 GiB; is it the right file?",
            ));
        }
        let bytes = std::fs::read(file).map_err(failed)?;
        let json = match file.extension().and_then(|extension| extension.to_str()) {
            Some(extension) if extension.eq_ignore_ascii_case("json") => true,
            Some(extension) if extension.eq_ignore_ascii_case("csv") => false,
            _ => bytes
                .trim_ascii_start()
                .first()
                .is_some_and(|first| b"[{".contains(first)),
        };
        match json {
            true => Self::from_json(file, &bytes),
            false => Self::from_csv(file, &bytes),
        }
    }

    pub(super) fn from_csv(file: &Path, bytes: &[u8]) -> Result<Self, BuildError> {
        // Spreadsheets write a mark of byte order before the first header.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .trim(csv::Trim::All)
            .delimiter(delimiter(bytes))
            .from_reader(bytes);
        let header: Vec<String> = reader
            .headers()
            .map_err(|error| broken(file, Some(1), &error.to_string()))?
            .iter()
            .map(|column| column.to_lowercase())
            .collect();
        let mut metadata = Self::default();
        metadata.note_unknown(&header);
        if !header
            .iter()
            .any(|column| column == "path" || column == "filename")
        {
            return Err(broken(
                file,
                Some(1),
                "no column \"path\" or \"filename\", so no row can be matched with a picture",
            ));
        }
        for (index, record) in reader.records().enumerate() {
            let number = index as u64 + 2;
            let record = record.map_err(|error| broken(file, Some(number), &error.to_string()))?;
            let cells = header.iter().map(String::as_str).zip(record.iter());
            metadata.take(
                number,
                cells.map(|(column, cell)| (column, Value::String(cell.to_string()))),
            );
        }
        Ok(metadata)
    }

    pub(super) fn from_json(file: &Path, bytes: &[u8]) -> Result<Self, BuildError> {
        let value: Value = serde_json::from_slice(bytes)
            .map_err(|error| broken(file, None, &format!("is no valid JSON: {error}")))?;
        let objects: Vec<(Option<String>, Value)> = match value {
            Value::Array(values) => values.into_iter().map(|value| (None, value)).collect(),
            Value::Object(map) => map
                .into_iter()
                .map(|(path, value)| (Some(path), value))
                .collect(),
            _ => {
                return Err(broken(
                    file,
                    None,
                    "expected an array of objects, or an object of them by path",
                ));
            }
        };
        let mut metadata = Self::default();
        let mut columns = BTreeSet::new();
        for (index, (path, value)) in objects.into_iter().enumerate() {
            let number = index as u64 + 1;
            let Value::Object(cells) = value else {
                return Err(broken(file, Some(number), "expected an object"));
            };
            columns.extend(cells.keys().map(|column| column.to_lowercase()));
            let named = path.map(|path| ("path".to_string(), Value::String(path)));
            let cells = cells
                .into_iter()
                .map(|(column, value)| (column.to_lowercase(), value));
            let cells: Vec<(String, Value)> = named.into_iter().chain(cells).collect();
            metadata.take(
                number,
                cells
                    .iter()
                    .map(|(column, value)| (column.as_str(), value.clone())),
            );
        }
        metadata.note_unknown(&columns.into_iter().collect::<Vec<_>>());
        Ok(metadata)
    }

    fn note_unknown(&mut self, header: &[String]) {
        let unknown: Vec<&str> = header
            .iter()
            .map(String::as_str)
            .filter(|column| !column.is_empty() && !COLUMNS.contains(column))
            .collect();
        if !unknown.is_empty() {
            self.notes.push(format!(
                "columns that are not known were left out: {} (known: {})",
                unknown.join(", "),
                COLUMNS.join(", ")
            ));
        }
    }
}

fn broken(path: &Path, row: Option<u64>, found: &str) -> BuildError {
    BuildError::Metadata {
        path: path.to_path_buf(),
        row,
        found: found.to_string(),
    }
}

/// Spreadsheets of half the world write `;` between the columns.
fn delimiter(bytes: &[u8]) -> u8 {
    let header = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let count = |wanted: u8| header.iter().filter(|byte| **byte == wanted).count();
    [b',', b';', b'\t']
        .into_iter()
        .rev()
        .max_by_key(|wanted| count(*wanted))
        .unwrap_or(b',')
}
