//! Rows as a table names them, and the paths of pictures → which row is whose.

use std::collections::HashMap;

use super::{Metadata, Name, Row};

/// Rows named one by one in the notes; the rest is counted.
const NAMED: usize = 10;

impl Metadata {
    /// The rows by the path of their picture. Adds a note for each row that finds none.
    pub fn matched<'p>(&mut self, paths: impl Iterator<Item = &'p str>) -> HashMap<&'p str, Row> {
        let mut by_path = HashMap::new();
        let mut by_name: HashMap<&str, Vec<&'p str>> = HashMap::new();
        for path in paths {
            by_path.insert(path, path);
            let name = path.rsplit('/').next().unwrap_or(path);
            by_name.entry(name).or_default().push(path);
        }
        let mut rows = HashMap::new();
        let mut lost = Vec::new();
        for (number, name, row) in std::mem::take(&mut self.rows) {
            let pictures: &[&str] = match &name {
                Name::Path(path) => by_path.get(path.as_str()).map(std::slice::from_ref),
                Name::File(name) => by_name.get(name.as_str()).map(Vec::as_slice),
            }
            .unwrap_or_default();
            let (Name::Path(called) | Name::File(called)) = &name;
            match pictures {
                [] => lost.push(format!("{called} (row {number})")),
                [picture] => {
                    // Private once is private: the later row may correct anything else.
                    let private = rows.get(picture).is_some_and(|row: &Row| row.private);
                    if rows.contains_key(picture) {
                        self.notes.push(format!(
                            "row {number}: {picture} was named before; this row counts"
                        ));
                    }
                    let private = private || row.private;
                    rows.insert(*picture, Row { private, ..row });
                }
                many => {
                    if row.private {
                        for picture in many {
                            rows.entry(*picture).or_default().private = true;
                        }
                    }
                    self.notes.push(format!(
                        "row {number}: {called} is the name of {} pictures; write the path{}",
                        many.len(),
                        if row.private {
                            " (all of them taken as private)"
                        } else {
                            ""
                        }
                    ));
                }
            }
        }
        if !lost.is_empty() {
            let more = lost.len().saturating_sub(NAMED);
            let named = lost[..lost.len().min(NAMED)].join(", ");
            self.notes.push(format!(
                "{} rows match no picture: {named}{}",
                lost.len(),
                if more > 0 {
                    format!(" and {more} more")
                } else {
                    String::new()
                }
            ));
        }
        rows
    }
}
