//! Folders, or a CSV → which label each picture has, and whether it is kept apart as a query.
//!
//! CSV: a header (commas, semicolons or tabs), a column `label`, one of `path`, `name`, `id`, and perhaps `split`. `path` is
//! the picture's path as `nearsight search` shows it; `name` the end of it, the file name or more, and must belong to
//! one picture; `id` the site's own id, or the number of the picture in the index. Rows without a picture are
//! counted, for a build may have left some out; a table of which no row fits is refused.

use std::collections::HashMap;
use std::path::Path;

use super::error::EvalError;
use crate::build::BuildError;
use crate::index::Record;

/// The word that stands for labels from folders.
pub const FOLDERS: &str = "folders";
/// The columns that name a picture, the first of them that is there being the one that counts.
const NAMING: [&str; 3] = ["path", "name", "id"];
const QUERY: &str = "query";

pub struct Labels {
    /// `folders`, or the file.
    pub from: String,
    /// The number of each record's label; none where it has none.
    pub of: Vec<Option<u32>>,
    /// Different labels.
    pub count: usize,
    /// Whether each record is a query and nothing else; all false where no split is given.
    pub query: Vec<bool>,
    /// Rows of the table that name no picture of the index.
    pub unmatched: usize,
}

impl Labels {
    pub fn read(from: &str, records: &[Record]) -> anyhow::Result<Self> {
        match from {
            FOLDERS => Ok(Self::from_folders(records)?),
            _ => Self::from_csv(Path::new(from), records),
        }
    }

    fn from_folders(records: &[Record]) -> Result<Self, EvalError> {
        let mut labels = Self::none(FOLDERS, records.len());
        let mut numbers = HashMap::new();
        for (place, record) in records.iter().enumerate() {
            labels.of[place] = folder(record).map(|name| number(&mut numbers, name));
        }
        labels.count = numbers.len();
        match labels.count {
            0 => Err(EvalError::Labels {
                from: FOLDERS.into(),
                row: None,
                found: "no picture lies in a folder below the one that was indexed".into(),
                todo: "put the pictures of each label into a folder of their own, or give a CSV with path and label".into(),
            }),
            _ => Ok(labels),
        }
    }

    fn from_csv(file: &Path, records: &[Record]) -> anyhow::Result<Self> {
        let bytes = std::fs::read(file).map_err(|source| BuildError::io("read", file, source))?;
        Ok(Self::parse(&file.display().to_string(), &bytes, records)?)
    }

    fn parse(from: &str, bytes: &[u8], records: &[Record]) -> Result<Self, EvalError> {
        let wrong = |row: Option<u64>, found: String, todo: &str| EvalError::Labels {
            from: from.into(),
            row,
            found,
            todo: todo.into(),
        };
        let no_table = |row, error: csv::Error| {
            wrong(
                Some(row),
                error.to_string(),
                "save the table as CSV in UTF-8",
            )
        };
        // Spreadsheets write a mark of byte order before the first header.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .trim(csv::Trim::All)
            .delimiter(delimiter(bytes))
            .from_reader(bytes);
        let header = reader
            .headers()
            .map_err(|error| no_table(1, error))?
            .clone();
        let column = |wanted: &str| {
            header
                .iter()
                .position(|name| name.eq_ignore_ascii_case(wanted))
        };
        let naming = NAMING.iter().find_map(|name| Some((*name, column(name)?)));
        let (Some((naming, key)), Some(label)) = (naming, column("label")) else {
            let names: Vec<&str> = header.iter().take(8).collect();
            return Err(wrong(
                Some(1),
                format!("its columns are {:?}", names.join(", ")),
                "give it a column label, and path, name or id to say of which picture (or the word folders instead of a file)",
            ));
        };
        let split = column("split");
        let pictures = Pictures::of(records, naming);
        let mut labels = Self::none(from, records.len());
        let mut numbers = HashMap::new();
        let mut first = None;
        let (mut rows, mut matched) = (0, 0);
        for (index, row) in reader.records().enumerate() {
            let at = index as u64 + 2;
            let row = row.map_err(|error| no_table(at, error))?;
            let cell = |place: usize| row.get(place).unwrap_or_default();
            rows += 1;
            let place = match pictures.find(cell(key)) {
                Found::One(place) => place,
                Found::None => {
                    first.get_or_insert_with(|| cell(key).to_string());
                    labels.unmatched += 1;
                    continue;
                }
                Found::Several => {
                    return Err(wrong(
                        Some(at),
                        format!("several pictures of the index are {:?}", cell(key)),
                        "name them by path, relative to the folder that was indexed",
                    ));
                }
            };
            matched += 1;
            if cell(label).is_empty() {
                continue;
            }
            let label = number(&mut numbers, cell(label));
            if labels.of[place].is_some_and(|before| before != label) {
                return Err(wrong(
                    Some(at),
                    format!("{:?} has another label in a row before", cell(key)),
                    "give each picture one label",
                ));
            }
            labels.of[place] = Some(label);
            labels.query[place] =
                split.is_some_and(|split| cell(split).eq_ignore_ascii_case(QUERY));
        }
        labels.count = numbers.len();
        if rows == 0 {
            return Err(wrong(
                None,
                "it has no row".into(),
                "give one row a picture",
            ));
        }
        if matched == 0 {
            return Err(wrong(
                None,
                format!(
                    "none of its {rows} rows names a picture of the index: it has {:?} where the index has {:?}",
                    first.unwrap_or_default(),
                    records
                        .first()
                        .map(|record| shown(record, naming))
                        .unwrap_or_default(),
                ),
                "write paths relative to the folder that was indexed in a column path, file names in a column name, or the site's own ids in a column id",
            ));
        }
        Ok(labels)
    }

    fn none(from: &str, records: usize) -> Self {
        Self {
            from: from.into(),
            of: vec![None; records],
            count: 0,
            query: vec![false; records],
            unmatched: 0,
        }
    }
}

/// The name of the folder that a picture lies in, by its path, or by its address where the path has none.
fn folder(record: &Record) -> Option<&str> {
    let parent = |path| -> Option<&str> {
        let (before, _file) = str::rsplit_once(path, '/')?;
        before.rsplit('/').next().filter(|name| !name.is_empty())
    };
    let address = || -> Option<&str> {
        let url = record.url.as_deref()?;
        let url = url.split(['?', '#']).next()?;
        // Without the host: https://shop.example/1.jpg lies in no folder.
        let path = url.split_once("://").map_or(Some(url), |(_, rest)| {
            rest.find('/').map(|start| &rest[start..])
        })?;
        parent(path)
    };
    parent(&record.path).or_else(address)
}

fn number(numbers: &mut HashMap<String, u32>, name: &str) -> u32 {
    let next = numbers.len() as u32;
    match numbers.get(name) {
        Some(&number) => number,
        None => *numbers.entry(name.to_string()).or_insert(next),
    }
}

fn shown<'a>(record: &'a Record, naming: &str) -> &'a str {
    match naming {
        "id" => &record.key,
        _ => &record.path,
    }
}

fn delimiter(bytes: &[u8]) -> u8 {
    let line = bytes
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    let count = |byte: u8| line.iter().filter(|&&found| found == byte).count();
    [b',', b';', b'\t']
        .into_iter()
        .rev()
        .max_by_key(|&byte| count(byte))
        .unwrap_or(b',')
}

enum Found {
    One(usize),
    None,
    Several,
}

/// Names → places among the records; none where several have the name.
struct Pictures {
    by_name: HashMap<String, Option<usize>>,
    by_number: HashMap<u32, usize>,
}

impl Pictures {
    fn of(records: &[Record], naming: &str) -> Self {
        let mut pictures = Self {
            by_name: HashMap::new(),
            by_number: HashMap::new(),
        };
        for (place, record) in records.iter().enumerate() {
            match naming {
                "path" => pictures.add(&record.path, place),
                "name" => {
                    pictures.add(&record.path, place);
                    for (slash, _) in record.path.match_indices('/') {
                        pictures.add(&record.path[slash + 1..], place);
                    }
                }
                _ => {
                    pictures.add(&record.key, place);
                    pictures.by_number.insert(record.id, place);
                }
            }
        }
        // A whole path is meant where it is given, whatever else ends with it.
        for (place, record) in records.iter().enumerate().filter(|_| naming == "name") {
            pictures.by_name.insert(record.path.clone(), Some(place));
        }
        pictures
    }

    fn add(&mut self, name: &str, place: usize) {
        let entry = self.by_name.entry(name.to_string()).or_insert(Some(place));
        if *entry != Some(place) {
            *entry = None;
        }
    }

    fn find(&self, name: &str) -> Found {
        let unified = name.replace('\\', "/");
        let name = unified.strip_prefix("./").unwrap_or(&unified);
        match self.by_name.get(name) {
            Some(Some(place)) => Found::One(*place),
            Some(None) => Found::Several,
            None => name
                .parse()
                .ok()
                .and_then(|number: u32| self.by_number.get(&number))
                .map_or(Found::None, |&place| Found::One(place)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Vec<Record> {
        ["cats/1.jpg", "cats/2.jpg", "old/dogs/1.jpg", "top.jpg"]
            .iter()
            .enumerate()
            .map(|(id, path)| Record {
                id: id as u32 + 7,
                path: path.to_string(),
                key: format!("sku-{id}"),
                ..Record::default()
            })
            .collect()
    }

    fn parse(text: &str) -> Result<Labels, EvalError> {
        Labels::parse("labels.csv", text.as_bytes(), &records())
    }

    #[test]
    fn a_folder_is_the_label_of_what_lies_in_it() {
        let mut records = records();
        records[3].url = Some("https://shop.example/hats/red.jpg?size=2/3".into());
        let labels = Labels::from_folders(&records).unwrap();
        assert_eq!(labels.of, [Some(0), Some(0), Some(1), Some(2)]);
        records[3].url = Some("https://shop.example/red.jpg".into());
        assert_eq!(Labels::from_folders(&records).unwrap().of[3], None);
        let error = Labels::from_folders(&records[3..]).err().unwrap();
        assert!(error.to_string().contains("folder of their own"), "{error}");
    }

    #[test]
    fn pictures_are_named_by_path_by_name_or_by_id() {
        for text in [
            "path,label\ncats/1.jpg,a\n./cats/2.jpg,a\nold\\dogs\\1.jpg,b\n",
            "Label;Name\na;cats/1.jpg\na;2.jpg\nb;dogs/1.jpg\n",
            "\u{feff}id\tlabel\nsku-0\ta\n8\ta\nsku-2\tb\n",
        ] {
            let labels = parse(text).unwrap();
            assert_eq!(labels.of, [Some(0), Some(0), Some(1), None], "{text}");
            assert_eq!((labels.count, labels.unmatched), (2, 0));
            assert!(!labels.query.contains(&true));
        }
    }

    #[test]
    fn a_split_keeps_queries_apart_and_rows_without_a_picture_are_counted() {
        let text = "path,label,split\ncats/1.jpg,a,Query\ncats/2.jpg,a,gallery\ngone.jpg,a,query\ntop.jpg,,query\n";
        let labels = parse(text).unwrap();
        assert_eq!(labels.query, [true, false, false, false]);
        assert_eq!((labels.unmatched, labels.of[3]), (1, None));
    }

    #[test]
    fn a_wrong_table_is_told_what_to_become() {
        for (text, words) in [
            ("picture,class\na,b\n", "give it a column label"),
            ("path,class\na,b\n", "its columns are \"path, class\""),
            ("", "give it a column label"),
            ("path,label\n", "it has no row"),
            (
                "path,label\nphotos/cats/1.jpg,a\n",
                "\"photos/cats/1.jpg\" where the index has \"cats/1.jpg\"",
            ),
            (
                "name,label\n1.jpg,a\n",
                "row 2: several pictures of the index are \"1.jpg\"",
            ),
            (
                "path,label\ntop.jpg,a\ntop.jpg,b\n",
                "row 3: \"top.jpg\" has another label",
            ),
        ] {
            let error = parse(text).err().unwrap();
            assert_eq!(error.code(), "labels_broken");
            assert!(error.to_string().contains(words), "{text}: {error}");
        }
    }
}
