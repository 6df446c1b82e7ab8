//! Log, metadata and the epoch before → all that goes into the next epoch.
//!
//! Here ids are given: in the order of paths, to stay with a path for as long as its picture stays the
//! same, and never twice, so that events of last year still mean the picture that was clicked.

use std::collections::{HashMap, HashSet};

use super::held::Held;
use super::metadata::Row;
use super::moved::Moved;
use super::output::Output;
use super::pipeline::{BuildOptions, settings};
use super::report::Report;
use super::resume::{self, Log};
use super::state::{Kept, State, ids_given};
use super::walk::{Found, Problem};
use super::{BuildError, Model};
use crate::embed;
use crate::index::{Index, Record};
use crate::quantize::CodeBits;

/// All that goes into an epoch.
pub struct Gathered {
    pub records: Vec<Record>,
    pub ids: Vec<u32>,
    /// Row i belongs to `records[i]`.
    pub vectors: Vec<f32>,
    pub dimension: usize,
    /// One more than the highest id ever given.
    pub next_id: u32,
    /// Pictures that came, went or became others since the epoch before.
    pub churn: u64,
    pub same_model: bool,
    /// Pictures that keep their ids and had a row that this model did not make.
    pub renewed: HashSet<u32>,
    /// Pictures with a vector that this model made in this run or an earlier one, and that was taken from the log.
    pub made: HashSet<u32>,
    /// A picture of the epoch before must not be seen any more.
    pub now_private: bool,
}

/// The pictures that are wanted.
pub struct Chosen<'a> {
    pub files: &'a [&'a Found],
    /// What the metadata says, by path.
    pub rows: &'a HashMap<&'a str, Row>,
    /// Whether a picture of the epoch before that is not among the files goes on as it is.
    pub rest: &'a dyn Fn(&Record) -> bool,
}

/// Where the rows of pictures are that go on as they are.
struct Rest<'a> {
    log: &'a Log,
    /// What is moved into the space of the model.
    moved: Option<&'a Moved>,
    model: &'a Model,
}

impl Rest<'_> {
    fn projected(&self, vector: &[f32]) -> Result<Vec<f32>, BuildError> {
        match self.model.projection() {
            Some(projection) => Ok(embed::project(projection, vector)?),
            None => Ok(vector.to_vec()),
        }
    }
}

pub fn gather(
    options: &BuildOptions,
    output: &Output,
    chosen: &Chosen,
    (log, moved): (&Log, Option<&Moved>),
    previous: Option<&Index>,
    report: &mut Report,
) -> Result<Gathered, BuildError> {
    let Chosen { files, rows, rest } = *chosen;
    let settings = settings(options);
    let dimension = options.model.dimension();
    let network_dimension = options.model.network_dimension();
    let old: HashMap<String, Record> = previous
        .iter()
        .flat_map(|index| index.records())
        .map(|record| (record.path.clone(), record))
        .collect();
    let state = State::open(output.folder()).ok();
    // Rows of removed pictures count: their ids were given.
    let given = ids_given(output.folder()) as u64;
    let highest = old.values().map(|record| u64::from(record.id) + 1).max();
    let mut next = given.max(highest.unwrap_or(0));
    let model = options.model.reference();
    let before = previous.and_then(|index| index.manifest().model.as_ref());
    let same_model = before.is_some_and(|before| before.is_same(&model));

    let mut gathered = Gathered {
        records: Vec::with_capacity(files.len()),
        ids: Vec::with_capacity(files.len()),
        vectors: Vec::with_capacity(files.len() * dimension),
        dimension,
        next_id: 0,
        churn: 0,
        same_model,
        renewed: HashSet::new(),
        made: HashSet::new(),
        now_private: false,
    };
    // One that was published as private, and goes on, was meant to be.
    let turned_private = |record: &Record| {
        let row = rows.get(record.path.as_str());
        let was_meant = record.private && rest(record);
        !options.include_private && row.is_some_and(|row| row.private) && !was_meant
    };
    let mut broken = 0;
    for found in files {
        let entry = log
            .get(&found.path)
            .filter(|entry| entry.holds(found, &settings));
        let (width, height, thumb, entry) = match entry.map(|entry| (&entry.outcome, entry)) {
            Some((
                resume::Outcome::Embedded {
                    width,
                    height,
                    thumb,
                },
                entry,
            )) if entry.vector.len() == network_dimension => {
                (*width, *height, thumb.clone(), entry)
            }
            Some((resume::Outcome::Broken { code, message }, _)) => {
                broken += 1;
                report.problems.push(Problem {
                    path: found.path.clone(),
                    code: code.clone(),
                    message: message.clone(),
                });
                continue;
            }
            // Not readable in this run; `embed_new` has said so.
            _ => continue,
        };
        let projected = match options.model.projection() {
            Some(projection) => Some(embed::project(projection, &entry.vector)?),
            None => None,
        };
        let vector = projected.as_ref().unwrap_or(&entry.vector);
        let before = old.get(&found.path);
        // What another model made tells nothing of this picture.
        let was_moved = |id: u32| moved.is_some_and(|moved| moved.holds(id));
        let same_picture = |record: &&Record| match &state {
            _ if !same_model => true,
            Some(state) if !was_moved(record.id) => state.row(record.id) == Some(vector),
            _ => record.thumb.as_deref() == Some(&thumb),
        };
        let id = match before.filter(same_picture) {
            Some(record) => {
                if was_moved(record.id) {
                    gathered.renewed.insert(record.id);
                }
                record.id
            }
            None => {
                let id = u32::try_from(next).map_err(|_| BuildError::TooMany { pictures: next })?;
                next += 1;
                id
            }
        };
        // Where others go on as they are, so does what is known of this one and not said again.
        let known = || before.filter(|before| rest(before)).map(Row::of);
        let row = rows.get(found.path.as_str()).cloned();
        let row = row.or_else(known).unwrap_or_default();
        let record = Record {
            id,
            path: found.path.clone(),
            key: row.id.unwrap_or_else(|| found.path.clone()),
            url: row.url,
            title: row.title,
            owner: row.owner,
            uploaded: row.uploaded,
            tags: row.tags,
            private: row.private,
            thumb: Some(thumb),
            width,
            height,
        };
        match before {
            Some(before) if *before != record => report.changed += 1,
            Some(_) => {}
            None => report.added += 1,
        }
        gathered.churn += u64::from(before.is_none_or(|before| before.id != id));
        gathered.records.push(record);
        gathered.ids.push(id);
        gathered.made.insert(id);
        gathered.vectors.extend(vector);
    }
    if let Some(previous) = previous {
        let taken: HashSet<&str> = gathered
            .records
            .iter()
            .map(|record| record.path.as_str())
            .collect();
        let stays = |record: &&Record| {
            rest(record) && !taken.contains(record.path.as_str()) && !turned_private(record)
        };
        let others: Vec<Record> = old.values().filter(stays).cloned().collect();
        let rest = Rest {
            log,
            moved,
            model: &options.model,
        };
        gathered.take_rest(others, &rest, previous, output)?;
    }
    report.problems.sort_by(|a, b| a.path.cmp(&b.path));
    if gathered.records.is_empty() {
        let first = report.problems.first();
        return Err(BuildError::NothingToIndex {
            folder: options.photos.clone(),
            why: format!(
                "none of {} pictures could be read ({broken} are broken){}",
                files.len(),
                first
                    .map(|first| format!("; {}: {}", first.path, first.message))
                    .unwrap_or_default()
            ),
        });
    }
    let live: HashSet<&str> = gathered
        .records
        .iter()
        .map(|record| record.path.as_str())
        .collect();
    report.removed = old
        .keys()
        .filter(|path| !live.contains(path.as_str()))
        .count() as u64;
    gathered.churn += report.removed;
    gathered.now_private = old.values().any(turned_private);
    gathered.next_id = u32::try_from(next).map_err(|_| BuildError::TooMany { pictures: next })?;
    Ok(gathered)
}

impl Gathered {
    /// Adds pictures that go on as they are; all come out in the order of their paths.
    fn take_rest(
        &mut self,
        others: Vec<Record>,
        rest: &Rest,
        previous: &Index,
        output: &Output,
    ) -> Result<(), BuildError> {
        let mut held = None;
        for record in others {
            let moved = rest.moved.and_then(|moved| moved.row(record.id));
            let row = match moved {
                Some(moved) => rest.projected(moved)?,
                None => {
                    // Not before it is needed: full vectors may be lost.
                    let held = match &mut held {
                        Some(held) => held,
                        none => none.insert(Held::of(output, previous)?),
                    };
                    match self.same_model {
                        true => held.row(&record)?.to_vec(),
                        false => rest.projected(held.of_network(&record, rest.log, rest.model)?)?,
                    }
                }
            };
            if row.len() != self.dimension {
                return Err(BuildError::StateStale {
                    path: output.state(),
                    why: "another model made the vectors",
                });
            }
            self.vectors.extend(row);
            self.ids.push(record.id);
            self.records.push(record);
        }
        let mut order: Vec<usize> = (0..self.records.len()).collect();
        order.sort_by(|&a, &b| self.records[a].path.cmp(&self.records[b].path));
        let row = |&at: &usize| &self.vectors[at * self.dimension..(at + 1) * self.dimension];
        self.vectors = order.iter().flat_map(row).copied().collect();
        self.ids = order.iter().map(|&at| self.ids[at]).collect();
        self.records = order.iter().map(|&at| self.records[at].clone()).collect();
        Ok(())
    }

    /// Hash of all that shapes the epoch.
    pub fn fingerprint(&self, options: &BuildOptions, bits: CodeBits) -> String {
        let mut hasher = blake3::Hasher::new();
        let (settings, partition) = (settings(options), options.partition());
        hasher.update(format!("{settings} {partition:?} {bits:?}").as_bytes());
        for record in &self.records {
            let text = serde_json::to_vec(record).expect("plain data");
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(&text);
        }
        for value in &self.vectors {
            hasher.update(&value.to_le_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Keeps a row for every id ever given; a removed picture has the one it had.
    pub fn keep(&self, output: &Output) -> Result<Kept, BuildError> {
        let mut all = vec![0.0; self.next_id as usize * self.dimension];
        if let Ok(before) = State::open(output.folder()) {
            let (vectors, dimension) = before.vectors();
            if dimension == self.dimension && vectors.len() <= all.len() {
                all[..vectors.len()].copy_from_slice(vectors);
            }
        }
        for (id, row) in self
            .ids
            .iter()
            .zip(self.vectors.chunks_exact(self.dimension))
        {
            all[*id as usize * self.dimension..][..self.dimension].copy_from_slice(row);
        }
        State::keep(&all, self.dimension, output.folder())
    }
}
