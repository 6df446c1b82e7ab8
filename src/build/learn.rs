//! Files that the log does not know → embedded, with thumbnails, and in the log.
//!
//! The only part of a build that takes long. It may end at any moment: what reached the log is known to
//! the next run.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::BuildError;
use super::output::{Durable, Output, put};
use super::pipeline::{BuildOptions, settings};
use super::report::{Report, Step};
use super::resume::{self, Entry, Log};
use super::threads::jobs;
use super::walk::{Found, Problem};
use super::work::{self, Done, Work, work};

/// How often the log is made safe against a power cut; a killed process loses nothing anyway.
const FLUSH_EVERY: Duration = Duration::from_secs(5);

/// Embeds what the log does not know. Gives the thumbnails that were written.
pub fn learn(
    options: &BuildOptions,
    output: &Output,
    files: &[&Found],
    log: &mut Log,
    report: &mut Report,
    watch: &mut dyn FnMut(Step),
    cancelled: &AtomicBool,
) -> Result<Vec<String>, BuildError> {
    let settings = settings(options);
    let thumb_there = |entry: &Entry| match &entry.outcome {
        resume::Outcome::Embedded { thumb, .. } => {
            fs::metadata(output.folder().join(thumb)).is_ok_and(|found| found.len() > 0)
        }
        resume::Outcome::Broken { .. } => true,
    };
    let todo: Vec<Found> = files
        .iter()
        .filter(|found| {
            !log.get(&found.path)
                .is_some_and(|entry| entry.holds(found, &settings) && thumb_there(entry))
        })
        .map(|found| (*found).clone())
        .collect();
    let (of, reused) = (todo.len() as u64, (files.len() - todo.len()) as u64);
    let pictures = files.len() as u64;
    report.reused = reused;
    watch(Step::Walked { pictures, reused });
    if todo.is_empty() {
        return Ok(Vec::new());
    }
    watch(Step::Model);
    // The log holds what the network gives, so that another projection needs no picture again.
    let embedder = options.model.projected(None).load()?;

    let known: HashMap<String, Arc<Entry>> = log
        .contents(&settings)
        .filter(|(_, entry)| thumb_there(entry))
        .collect();
    let fresh = std::sync::Mutex::new(Vec::new());
    let mut flushed = Instant::now();
    let (mut done, mut failed) = (0, 0);
    let mut sink = |result: Done| {
        let found = &todo[result.index];
        done += 1;
        let outcome = match result.outcome {
            work::Outcome::Embedded {
                vector,
                width,
                height,
                thumb,
            } => {
                report.embedded += 1;
                let thumb = thumb.unwrap_or_default();
                Some((
                    resume::Outcome::Embedded {
                        width,
                        height,
                        thumb,
                    },
                    vector,
                ))
            }
            work::Outcome::Known => {
                report.reused += 1;
                known
                    .get(&result.content)
                    .map(|entry| (entry.outcome.clone(), entry.vector.clone()))
            }
            work::Outcome::Broken {
                code,
                message,
                lasting,
            } => {
                failed += 1;
                if !lasting {
                    // Not in the log, so it must be said here.
                    let path = found.path.clone();
                    report.problems.push(Problem {
                        path,
                        code,
                        message,
                    });
                    None
                } else {
                    Some((resume::Outcome::Broken { code, message }, Vec::new()))
                }
            }
        };
        watch(Step::Picture { done, of, failed });
        let Some((outcome, vector)) = outcome else {
            return Ok(());
        };
        log.append(Entry {
            path: found.path.clone(),
            bytes: found.bytes,
            modified_ns: found.modified_ns,
            settings: settings.clone(),
            content: result.content,
            outcome,
            vector,
        })?;
        if flushed.elapsed() > FLUSH_EVERY {
            log.flush()?;
            flushed = Instant::now();
        }
        Ok(())
    };
    let worked = work(
        &todo,
        &Work {
            embedder: &embedder,
            limits: &options.limits,
            thumbnail_side: Some(options.thumbnail_side),
            jobs: jobs(options.jobs),
            cancelled,
            known: &|content| known.contains_key(content),
            store: &|thumb| {
                if put(output.folder(), &thumb.name, &thumb.jpeg, Durable::Later)? {
                    let mut fresh = fresh
                        .lock()
                        .unwrap_or_else(|poisoned| poisoned.into_inner());
                    fresh.push(thumb.name.clone());
                }
                Ok(())
            },
        },
        &mut sink,
    );
    log.flush()?;
    worked?;
    Ok(fresh
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner()))
}
