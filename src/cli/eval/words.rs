//! The figures of an evaluation → tables for people.

use super::Evaluation;
use super::baselines::Baselines;
use super::retrieval::Retrieval;
use crate::cli::output::{count, size};
use crate::metrics::Mean;

pub fn words(found: &Evaluation) -> String {
    let mut lines = vec![format!(
        "epoch {}, {} in {}, {} {}, k {}",
        found.epoch,
        count(found.pictures, "picture"),
        count(found.cells, "cell"),
        found.queries,
        match (found.queries_from.as_str(), found.keep_self) {
            ("pictures", false) => "of them queries that leave themselves out".to_string(),
            ("pictures", true) => "of them queries that may find themselves".to_string(),
            (file, _) => format!("queries of {file}"),
        },
        found.k
    )];
    lines.push(String::new());
    lines.push(format!(
        "{:>5}  {:<26}{:>8}{:>8}  {:>6}{:>5}  {:>8}{:>8}  {:>6}  {:>9}",
        "asked",
        format!("recall@{} (95 % interval)", found.k),
        "scanned",
        "p95",
        "cells",
        "p95",
        "median",
        "p95",
        "rounds",
        "fetched"
    ));
    for target in &found.targets {
        lines.push(format!(
            "{:>5.2}  {:<26}{:>6.1} %{:>6.1} %  {:>6.1}{:>5.0}  {:>5.0} µs{:>5.0} µs  {:>6.1}  {:>9}",
            target.target,
            interval(&target.recall, 1.0, 4),
            100.0 * target.scanned.mean,
            100.0 * target.scanned.p95,
            target.cells.mean,
            target.cells.p95,
            target.latency_us.median,
            target.latency_us.p95,
            target.fetched.rounds.mean,
            size(target.fetched.segment_bytes.mean as u64)
        ));
    }
    lines.push(String::new());
    lines.push(format!(
        "{:<22}{:>8}  {:>7}  {:>7}",
        "confidence stated", "answers", "stated", "held"
    ));
    for bin in &found.reliability.bins {
        let range = match bin.from == bin.to {
            true => format!("{:.3}", bin.from),
            false => format!("{:.3} to below {:.3}", bin.from, bin.to),
        };
        lines.push(format!(
            "{range:<22}{:>8}  {:>7.4}  {:>7.4}",
            bin.answers, bin.confidence, bin.recall
        ));
    }
    let over = found.reliability.overstatement;
    lines.push(format!(
        "calibration error {:.4}; answers {} {:.4} than they say on average",
        found.reliability.calibration_error,
        if over > 0.0 {
            "hold less by"
        } else {
            "hold more by"
        },
        over.abs()
    ));
    lines.push(String::new());
    let bytes = &found.bytes;
    for (kind, weight) in [
        ("manifest", bytes.manifest),
        ("routing", bytes.routing),
        ("segments", bytes.segments),
        ("records", bytes.records),
        ("total", bytes.total),
    ] {
        lines.push(format!(
            "{kind:<10}{:>10}  {:>7.1} bytes a vector",
            size(weight.bytes),
            weight.per_vector
        ));
    }
    if let Some(baselines) = &found.baselines {
        lines.push(String::new());
        simpler(baselines, &mut lines);
    }
    if let Some(labels) = &found.labels {
        lines.push(String::new());
        retrieval(labels, found.k, &mut lines);
    }
    lines.join("\n")
}

fn simpler(found: &Baselines, lines: &mut Vec<String>) {
    lines.push(format!(
        "simpler searches, {} queries, each of which opens the same number of buckets",
        found.queries
    ));
    for (name, buckets) in [
        ("random projections", &found.lsh),
        ("the index's cells", &found.cells),
    ] {
        for probing in &buckets.probing {
            lines.push(format!(
                "{:>5.2}  {name:<20}recall {:.4}  scanned {:>5.1} %  {:>5} of {} buckets",
                probing.target,
                probing.recall,
                100.0 * probing.scanned,
                probing.opened,
                buckets.buckets
            ));
        }
    }
    lines.push(format!(
        " all   exact               recall 1.0000  scanned 100.0 %  median {:.0} µs",
        found.exact.latency_us
    ));
}

fn retrieval(found: &Retrieval, k: usize, lines: &mut Vec<String>) {
    lines.push(format!(
        "labels from {}: {}, {} queries against {} ({})",
        found.from,
        count(found.labels as u64, "label"),
        found.queries,
        count(found.gallery as u64, "picture"),
        found.protocol
    ));
    for (number, what) in [
        (
            found.queries_alone,
            "queries have no other picture of their label and do not count",
        ),
        (found.unlabelled, "pictures have no label and are left out"),
        (
            found.unmatched_rows,
            "rows of the labels name no picture of the index",
        ),
    ] {
        if number > 0 {
            lines.push(format!("  {number} {what}"));
        }
    }
    lines.push("by exact ranking, in percent (95 % interval)".to_string());
    let exact = &found.exact;
    for (name, mean) in [
        ("mAP".to_string(), &exact.map),
        ("R@1".to_string(), &exact.r_at_1),
        (format!("recall@{k}"), &exact.recall_at_k),
        (format!("precision@{k}"), &exact.precision_at_k),
        ("MRR".to_string(), &exact.mrr),
        (format!("nDCG@{k}"), &exact.ndcg_at_k),
    ] {
        lines.push(format!("  {name:<14}{}", interval(mean, 100.0, 1)));
    }
    lines.push("by the index, in percent".to_string());
    for search in &found.search {
        lines.push(format!(
            "  asked {:.2}  R@1 {}  precision@{k} {}",
            search.target,
            interval(&search.r_at_1, 100.0, 1),
            interval(&search.precision_at_k, 100.0, 1)
        ));
    }
}

fn interval(mean: &Mean, times: f64, digits: usize) -> String {
    format!(
        "{:.digits$} ({:.digits$}–{:.digits$})",
        times * mean.mean,
        times * mean.low,
        times * mean.high
    )
}
