//! Labelled pictures → how well pictures of one label find each other, exactly and through the index.
//!
//! The protocol of `models/recipe/evaluate.py`: where the labels keep queries apart, they are ranked against all other
//! labelled pictures; otherwise every labelled picture is a query once, against all others but itself. A query whose
//! label no other picture has does not count. The exact figures rank the whole gallery by the full vectors
//! and so judge the model; the others take what the index answers, and differ by what it does not find.

use rayon::prelude::*;
use serde::Serialize;

use super::error::EvalError;
use super::gallery::{Gallery, Query, sampled};
use super::labels::Labels;
use crate::metrics::{
    Mean, average_precision, mean_with_interval, ndcg_binary, precision_at_k, recall_at_k,
    reciprocal_rank,
};
use crate::partition::Rows;
use crate::search::{SearchOptions, exact_by, search_filtered};

/// What the labels say about model and index.
#[derive(Debug, Serialize)]
pub struct Retrieval {
    pub from: String,
    /// `leave-one-out` or `query-gallery`.
    pub protocol: &'static str,
    /// Different labels.
    pub labels: usize,
    pub queries: usize,
    /// Pictures that a query is ranked against, itself included where every picture is a query.
    pub gallery: usize,
    /// Queries that did not count: no other picture has their label.
    pub queries_alone: usize,
    /// Pictures without a label, left out on both sides.
    pub unlabelled: usize,
    /// Rows of the table that name no picture of the index.
    pub unmatched_rows: usize,
    pub exact: Exact,
    pub search: Vec<Shipped>,
}

/// By exact ranking of the full vectors.
#[derive(Debug, Serialize)]
pub struct Exact {
    pub map: Mean,
    pub r_at_1: Mean,
    pub recall_at_k: Mean,
    pub precision_at_k: Mean,
    pub mrr: Mean,
    pub ndcg_at_k: Mean,
}

/// By the search that visitors get.
#[derive(Debug, Serialize)]
pub struct Shipped {
    /// Recall asked for.
    pub target: f32,
    pub r_at_1: Mean,
    pub precision_at_k: Mean,
}

/// A query, and the pictures that are right.
struct Case<'a> {
    query: Query<'a>,
    /// Its own picture, where it stands in the gallery too.
    exclude: Option<u32>,
    relevant: Vec<u32>,
}

pub fn measure(
    gallery: &Gallery,
    labels: &Labels,
    k: usize,
    targets: &[f32],
    limit: usize,
    seed: u64,
) -> anyhow::Result<Retrieval> {
    let labelled: Vec<usize> = (0..labels.of.len())
        .filter(|&place| labels.of[place].is_some())
        .collect();
    let (asked, others): (Vec<usize>, Vec<usize>) =
        labelled.iter().partition(|&&place| labels.query[place]);
    let apart = !asked.is_empty() && !others.is_empty();
    let (asked, against) = match apart {
        true => (asked, others),
        false => (labelled.clone(), labelled.clone()),
    };
    let asked = sampled(&asked, limit, seed);
    let (cases, queries_alone) = cases(gallery, labels, &asked, &against, apart);
    if cases.is_empty() {
        return Err(nothing_to_find(labels, labelled.len()).into());
    }

    let exact = exactly(gallery, &cases, &against, k, seed)?;
    let search = targets
        .iter()
        .map(|&target| through_index(gallery, &cases, &against, k, target, seed))
        .collect::<anyhow::Result<Vec<Shipped>>>()?;
    Ok(Retrieval {
        from: labels.from.clone(),
        protocol: if apart {
            "query-gallery"
        } else {
            "leave-one-out"
        },
        labels: labels.count,
        queries: cases.len(),
        gallery: against.len(),
        queries_alone,
        unlabelled: labels.of.len() - labelled.len(),
        unmatched_rows: labels.unmatched,
        exact,
        search,
    })
}

fn nothing_to_find(labels: &Labels, labelled: usize) -> EvalError {
    EvalError::Labels {
        from: labels.from.clone(),
        row: None,
        found: format!(
            "no query has another picture of its label ({} labels on {labelled} pictures)",
            labels.count
        ),
        todo:
            "give pictures that should find each other the same label, one of them in the gallery"
                .into(),
    }
}

/// The queries that have something to find, and the number of those that have not.
fn cases<'a>(
    gallery: &'a Gallery,
    labels: &Labels,
    asked: &[usize],
    against: &[usize],
    apart: bool,
) -> (Vec<Case<'a>>, usize) {
    let mut of_label: Vec<Vec<u32>> = vec![Vec::new(); labels.count];
    for &place in against {
        if let Some(label) = labels.of[place] {
            of_label[label as usize].push(gallery.ids[place]);
        }
    }
    let cases: Vec<Case<'a>> = gallery
        .queries(asked)
        .into_iter()
        .zip(asked)
        .filter_map(|(query, &place)| {
            let exclude = query.own.filter(|_| !apart);
            let all = &of_label[labels.of[place]? as usize];
            let relevant: Vec<u32> = all
                .iter()
                .copied()
                .filter(|&id| Some(id) != exclude)
                .collect();
            (!relevant.is_empty()).then_some(Case {
                query,
                exclude,
                relevant,
            })
        })
        .collect();
    let alone = asked.len() - cases.len();
    (cases, alone)
}

fn exactly(
    gallery: &Gallery,
    cases: &[Case<'_>],
    against: &[usize],
    k: usize,
    seed: u64,
) -> anyhow::Result<Exact> {
    let ids: Vec<u32> = against.iter().map(|&place| gallery.ids[place]).collect();
    let values: Vec<f32> = gallery
        .queries(against)
        .iter()
        .flat_map(|query| query.vector.iter().copied())
        .collect();
    let rows = Rows::new(&values, gallery.dimension)?;
    let metric = gallery.index.metric();
    let each: Vec<[f64; 6]> = cases
        .par_iter()
        .map(|case| {
            let ranked: Vec<u32> = exact_by(metric, rows, &ids, case.query.vector, rows.len())
                .iter()
                .map(|hit| hit.id)
                .filter(|&id| Some(id) != case.exclude)
                .collect();
            let relevant = &case.relevant;
            // A case has something to find, so every measure has a value.
            [
                average_precision(&ranked, relevant).unwrap_or(0.0),
                precision_at_k(&ranked, relevant, 1),
                recall_at_k(&ranked, relevant, k),
                precision_at_k(&ranked, relevant, k),
                reciprocal_rank(&ranked, relevant).unwrap_or(0.0),
                ndcg_binary(&ranked, relevant, k).unwrap_or(0.0),
            ]
        })
        .collect();
    let mean = |measure: usize| {
        let values: Vec<f64> = each.iter().map(|values| values[measure]).collect();
        of(&values, seed)
    };
    Ok(Exact {
        map: mean(0)?,
        r_at_1: mean(1)?,
        recall_at_k: mean(2)?,
        precision_at_k: mean(3)?,
        mrr: mean(4)?,
        ndcg_at_k: mean(5)?,
    })
}

fn through_index(
    gallery: &Gallery,
    cases: &[Case<'_>],
    against: &[usize],
    k: usize,
    target: f32,
    seed: u64,
) -> anyhow::Result<Shipped> {
    let last = gallery.ids.last().map_or(0, |&id| id as usize);
    let mut shown = vec![false; last + 1];
    for &place in against {
        shown[gallery.ids[place] as usize] = true;
    }
    let filter = |id: u32| shown.get(id as usize).copied().unwrap_or(false);
    let each = cases
        .par_iter()
        .map(|case| {
            let options = SearchOptions {
                k,
                recall: target,
                exclude: case.exclude,
                ..SearchOptions::default()
            };
            let answer = search_filtered(&gallery.index, case.query.vector, &options, &filter)?;
            let ranked: Vec<u32> = answer.hits.iter().map(|hit| hit.id).collect();
            Ok((
                precision_at_k(&ranked, &case.relevant, 1),
                precision_at_k(&ranked, &case.relevant, k),
            ))
        })
        .collect::<anyhow::Result<Vec<(f64, f64)>>>()?;
    let (firsts, precisions): (Vec<f64>, Vec<f64>) = each.into_iter().unzip();
    Ok(Shipped {
        target,
        r_at_1: of(&firsts, seed)?,
        precision_at_k: of(&precisions, seed)?,
    })
}

fn of(values: &[f64], seed: u64) -> anyhow::Result<Mean> {
    mean_with_interval(values, seed).ok_or_else(|| anyhow::anyhow!("no query was asked"))
}
