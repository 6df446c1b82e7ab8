//! A CSV or JSON file → what is told about each picture beside its pixels.
//!
//! CSV: a header line; JSON: an array of objects, or an object of them by path. Columns: `path` (or
//! `filename`), `id`, `url`, `title`, `owner`, `uploaded`, `tags` (`;` between them, in JSON an array
//! too), `private`. Whatever is odd becomes a note and not an end: an unknown column, a row without a
//! picture, a picture named twice. Two things are strict, because a mistake would publish what should
//! not be: a `private` that is neither yes nor no counts as yes, and an address with a scheme other
//! than http or https is dropped.

mod file;
mod matched;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::index::Record;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    pub id: Option<String>,
    pub url: Option<String>,
    pub title: Option<String>,
    pub owner: Option<String>,
    pub uploaded: Option<String>,
    pub tags: Vec<String>,
    pub private: bool,
}

impl Row {
    /// What was said when the record was made.
    pub fn of(record: &Record) -> Self {
        Self {
            id: (record.key != record.path).then(|| record.key.clone()),
            url: record.url.clone(),
            title: record.title.clone(),
            owner: record.owner.clone(),
            uploaded: record.uploaded.clone(),
            tags: record.tags.clone(),
            private: record.private,
        }
    }
}

#[derive(Debug, Default)]
pub struct Metadata {
    /// As the file names them, and the number of the row (the header is row 1).
    rows: Vec<(u64, Name, Row)>,
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    Path(String),
    /// Of a column `filename`: any folder.
    File(String),
}

/// `metadata.csv` or `metadata.json` at the root of the photos, when there is one.
pub fn beside(photos: &Path) -> Option<PathBuf> {
    ["metadata.csv", "metadata.json"]
        .iter()
        .map(|name| photos.join(name))
        .find(|file| file.is_file())
}

impl Metadata {
    fn take<'a>(&mut self, number: u64, cells: impl Iterator<Item = (&'a str, Value)>) {
        let mut row = Row::default();
        let mut path = None;
        let mut filename = None;
        for (column, value) in cells {
            match column {
                "path" => path = text(&value).map(|path| normal(&path)),
                "filename" => filename = text(&value).map(|name| normal(&name)),
                "id" => row.id = text(&value),
                "title" => row.title = text(&value),
                "owner" => row.owner = text(&value),
                "uploaded" => row.uploaded = text(&value),
                "url" => row.url = text(&value),
                "tags" => row.tags = tags(&value),
                "private" => row.private = self.private(number, &value),
                _ => {}
            }
        }
        if let Some(url) = row.url.take_if(|url| !harmless(url)) {
            self.notes.push(format!(
                "row {number}: the address {url:?} is neither http, https nor relative; left out"
            ));
        }
        match (path, filename) {
            (Some(path), _) => self.rows.push((number, Name::Path(path), row)),
            (None, Some(name)) if name.contains('/') => {
                self.rows.push((number, Name::Path(name), row))
            }
            (None, Some(name)) => self.rows.push((number, Name::File(name), row)),
            (None, None) => self
                .notes
                .push(format!("row {number}: names no picture; left out")),
        }
    }

    fn private(&mut self, number: u64, value: &Value) -> bool {
        let word = match value {
            Value::Bool(private) => return *private,
            value => text(value).unwrap_or_default().to_lowercase(),
        };
        match word.as_str() {
            "" | "0" | "no" | "n" | "false" | "f" | "public" => false,
            "1" | "yes" | "y" | "true" | "t" | "x" | "private" => true,
            other => {
                self.notes.push(format!(
                    "row {number}: private is {other:?}, neither yes nor no; taken as yes"
                ));
                true
            }
        }
    }
}

fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_string(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

fn tags(value: &Value) -> Vec<String> {
    let split = |text: &str| {
        text.split(';')
            .map(|tag| tag.trim().to_string())
            .filter(|tag| !tag.is_empty())
            .collect::<Vec<_>>()
    };
    match value {
        Value::Array(values) => values.iter().filter_map(text).collect(),
        value => text(value).map(|text| split(&text)).unwrap_or_default(),
    }
}

fn normal(path: &str) -> String {
    let path = path.replace('\\', "/");
    path.strip_prefix("./").unwrap_or(&path).to_string()
}

fn harmless(url: &str) -> bool {
    let scheme = url
        .split_once(':')
        .map(|(scheme, _)| scheme)
        .filter(|scheme| !scheme.contains(['/', '?', '#']));
    let plain = !url.chars().any(|letter| letter.is_control());
    plain
        && scheme.is_none_or(|scheme| {
            scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(text: &str) -> Metadata {
        Metadata::from_csv(Path::new("m.csv"), text.as_bytes()).unwrap()
    }

    #[test]
    fn every_known_column_arrives() {
        let mut metadata = csv("Path,id,url,title,owner,uploaded,tags,private,colour\n\
             a/1.jpg,7,https://x.org/7,\"Red, shiny\",ann,2024-05-01,red; shiny ;,no,ff0000\n");
        let rows = metadata.matched(["a/1.jpg"].into_iter());
        assert_eq!(
            rows["a/1.jpg"],
            Row {
                id: Some("7".into()),
                url: Some("https://x.org/7".into()),
                title: Some("Red, shiny".into()),
                owner: Some("ann".into()),
                uploaded: Some("2024-05-01".into()),
                tags: vec!["red".into(), "shiny".into()],
                private: false,
            }
        );
        assert_eq!(metadata.notes.len(), 1);
        assert!(metadata.notes[0].contains("colour"));
    }

    #[test]
    fn json_by_array_and_by_path_says_the_same_as_csv() {
        let texts = [
            r#"[{"path":"./a.jpg","title":"A","tags":["x","y"],"private":true,"id":3}]"#,
            r#"{"a.jpg":{"title":"A","tags":"x;y","private":"yes","id":"3"}}"#,
        ];
        let expected = csv("path,title,tags,private,id\na.jpg,A,x;y,1,3\n")
            .matched(["a.jpg"].into_iter())
            .remove("a.jpg");
        for text in texts {
            let mut metadata = Metadata::from_json(Path::new("m.json"), text.as_bytes()).unwrap();
            let rows = metadata.matched(["a.jpg"].into_iter());
            assert_eq!(rows.get("a.jpg"), expected.as_ref(), "{text}");
            assert!(metadata.notes.is_empty(), "{:?}", metadata.notes);
        }
    }

    #[test]
    fn a_private_that_is_neither_yes_nor_no_is_private() {
        let mut metadata = csv("path,private\na.jpg,maybe\nb.jpg,\n");
        let rows = metadata.matched(["a.jpg", "b.jpg"].into_iter());
        assert!(rows["a.jpg"].private);
        assert!(!rows["b.jpg"].private);
        assert!(metadata.notes[0].contains("maybe"));
    }

    #[test]
    fn private_once_is_private_whatever_a_later_row_says() {
        let mut metadata = csv("path,private,title\na.jpg,yes,first\na.jpg,,second\n");
        let rows = metadata.matched(["a.jpg"].into_iter());
        assert!(rows["a.jpg"].private);
        assert_eq!(rows["a.jpg"].title.as_deref(), Some("second"));
    }

    #[test]
    fn an_ambiguous_private_name_hides_all_it_may_mean() {
        let mut metadata = csv("filename,private\n1.jpg,yes\n");
        let rows = metadata.matched(["a/1.jpg", "b/1.jpg", "b/2.jpg"].into_iter());
        assert!(rows["a/1.jpg"].private && rows["b/1.jpg"].private);
        assert!(!rows.contains_key("b/2.jpg"));
        assert!(metadata.notes[0].contains("2 pictures"));
    }

    #[test]
    fn an_address_that_runs_code_is_dropped() {
        let mut metadata =
            csv("path,url\na.jpg,javascript:alert(1)\nb.jpg,/p/2?x=1:2\nc.jpg,HTTPS://x.org\n");
        let rows = metadata.matched(["a.jpg", "b.jpg", "c.jpg"].into_iter());
        assert_eq!(rows["a.jpg"].url, None);
        assert_eq!(rows["b.jpg"].url.as_deref(), Some("/p/2?x=1:2"));
        assert_eq!(rows["c.jpg"].url.as_deref(), Some("HTTPS://x.org"));
        assert_eq!(metadata.notes.len(), 1);
    }

    #[test]
    fn rows_without_a_picture_are_named() {
        let mut metadata = csv("filename\nhere.jpg\ngone.jpg\n");
        let rows = metadata.matched(["deep/here.jpg"].into_iter());
        assert!(rows.contains_key("deep/here.jpg"));
        assert!(metadata.notes[0].contains("gone.jpg (row 3)"));
    }

    #[test]
    fn semicolons_and_a_byte_order_mark_are_read_like_commas() {
        let mut metadata = csv("\u{feff}path;title\na.jpg;A\n");
        assert_eq!(
            metadata.matched(["a.jpg"].into_iter())["a.jpg"]
                .title
                .as_deref(),
            Some("A")
        );
    }

    #[test]
    fn a_table_that_names_no_pictures_is_refused() {
        let error = Metadata::from_csv(Path::new("m.csv"), b"title\nA\n").unwrap_err();
        assert_eq!(error.code(), "metadata_broken");
        assert!(error.to_string().contains("m.csv, row 1"), "{error}");
    }
}
