//! A loaded index and a vector → the answer: for whoever need not bring parts.

use super::{Answer, Filter, Passing, Query, SearchError, SearchOptions, Step};
use crate::index::Index;

/// Searches an index whose routing and segments are all loaded; for `per_owner` its records too.
pub fn search(
    index: &Index,
    vector: &[f32],
    options: &SearchOptions,
) -> Result<Answer, SearchError> {
    run(index, vector, options, |query| query)
}

/// The same, among the pictures that pass the filter, which is asked for those that might be hits.
pub fn search_filtered(
    index: &Index,
    vector: &[f32],
    options: &SearchOptions,
    filter: &Filter<'_>,
) -> Result<Answer, SearchError> {
    run(index, vector, options, |query| query.with_filter(filter))
}

/// The same, with a filter that was asked about all of them before: where few pass, for a small part of the time.
pub fn search_passing(
    index: &Index,
    vector: &[f32],
    options: &SearchOptions,
    passing: &Passing,
) -> Result<Answer, SearchError> {
    run(index, vector, options, |query| query.with_passing(passing))
}

fn run<'a>(
    index: &'a Index,
    vector: &[f32],
    options: &SearchOptions,
    narrow: impl FnOnce(Query<'a>) -> Query<'a>,
) -> Result<Answer, SearchError> {
    let not_loaded = || SearchError::NotLoaded {
        missing: index.missing_for_search().len(),
    };
    let routing = index.routing().ok_or_else(not_loaded)?;
    let missing = index.missing();
    let records = &index.manifest().records;
    if options.per_owner.is_some() && records.iter().any(|file| missing.contains(file)) {
        let missing = missing.len();
        return Err(SearchError::NotLoaded { missing });
    }
    let owners = |id: u32| index.record(id)?.owner;
    let query = narrow(Query::new(routing, vector, options.clone())?);
    match query.with_owners(&owners).step(index)? {
        Step::Done(answer) => Ok(answer),
        Step::Need(_) => Err(not_loaded()),
    }
}
