//! A published folder → its index, its full vectors, and the queries to ask it with.

use std::path::Path;

use anyhow::Context;

use super::error::EvalError;
use crate::build::{Shape, State, VectorFile, load_index};
use crate::index::{Index, Record};
use crate::partition::{Random, Rows};
use crate::quantize::Metric;

/// What is evaluated.
pub struct Gallery {
    pub index: Index,
    /// Ascending by id.
    pub records: Vec<Record>,
    /// Picture of each row.
    pub ids: Vec<u32>,
    /// Row by row.
    pub values: Vec<f32>,
    pub dimension: usize,
}

/// A vector to ask with.
#[derive(Clone, Copy)]
pub struct Query<'a> {
    pub vector: &'a [f32],
    /// The picture whose vector it is; none for a stranger.
    pub own: Option<u32>,
}

impl Gallery {
    pub fn open(dist: &Path) -> anyhow::Result<Self> {
        let index = load_index(dist)?;
        let state = State::open(dist)?;
        let (_, dimension) = state.vectors();
        let records: Vec<Record> = index.records().collect();
        // Vectors made elsewhere have no records; their ids are the numbers of the rows.
        let ids: Vec<u32> = match records.is_empty() {
            false => records.iter().map(|record| record.id).collect(),
            true => index.pictures().unwrap_or_default(),
        };
        if ids.is_empty() {
            return Err(EvalError::Empty(dist.to_path_buf()).into());
        }
        let mut values = Vec::with_capacity(ids.len() * dimension);
        for &id in &ids {
            let row = state.row(id).with_context(|| {
                format!(
                    "{} keeps no vector of picture {id}; run nearsight build again",
                    dist.display()
                )
            })?;
            values.extend_from_slice(row);
        }
        Ok(Self {
            index,
            records,
            ids,
            values,
            dimension,
        })
    }

    pub fn rows(&self) -> anyhow::Result<Rows<'_>> {
        Ok(Rows::new(&self.values, self.dimension)?)
    }

    /// The vectors of these pictures' rows, as queries.
    pub fn queries(&self, places: &[usize]) -> Vec<Query<'_>> {
        let query = |&place: &usize| Query {
            vector: &self.values[place * self.dimension..(place + 1) * self.dimension],
            own: Some(self.ids[place]),
        };
        places.iter().map(query).collect()
    }
}

/// The queries in a file of vectors: rows that `values` holds afterwards.
pub fn from_file<'a>(
    file: &Path,
    dimension: usize,
    metric: Metric,
    values: &'a mut Vec<f32>,
) -> anyhow::Result<Vec<Query<'a>>> {
    let read = VectorFile {
        path: file,
        dimension: Some(dimension),
        column: None,
        shape: Shape::TableOrRow,
        metric,
    };
    *values = read.read()?.values;
    let query = |vector| Query { vector, own: None };
    Ok(values.chunks_exact(dimension).map(query).collect())
}

/// At most `limit` of `all`, the same ones for the same seed, in their order.
pub fn sampled<T: Copy>(all: &[T], limit: usize, seed: u64) -> Vec<T> {
    let chosen = Random::new(seed).sample(all.len(), limit);
    chosen.into_iter().map(|place| all[place]).collect()
}
