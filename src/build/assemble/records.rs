//! Records → files, by ranges of ids.
//!
//! A file stays as it is while what it says of the pictures that are left is true: the records of removed pictures lie in it, and
//! the routing names them among the dead. New pictures have new ids, so their records make files behind the others, which are
//! joined while they are small.

use super::assembled::Files;
use super::{AssembleError, Previous};
use crate::index::{FileRef, Record, RecordBlock, Records};

/// One file of records for each range of so many ids: fixed ranges, so that pictures added at the
/// end leave the files before them alone. About 256 KiB at 250 bytes a record.
const RECORDS_IDS: u32 = 1024;
/// A file is written anew when more than this share of its records is dead: it is fetched for the others.
const SHARE: f64 = 0.25;

/// The files, and the removed pictures whose records lie in them.
#[derive(Default)]
pub(super) struct Filed {
    pub(super) files: Vec<FileRef>,
    pub(super) from: Vec<u32>,
    pub(super) dead: Vec<u32>,
    /// Where the blocks of each file lie in it.
    pub(super) blocks: Vec<Vec<RecordBlock>>,
}

/// A file to be.
struct Draft<'a> {
    from: u32,
    /// The highest id in it, of a dead one perhaps.
    last: u32,
    records: Vec<&'a Record>,
    /// The file of the epoch before that holds them, where its blocks lie, and the dead ones in it.
    kept: Option<(FileRef, Vec<RecordBlock>, Vec<u32>)>,
}

/// Records of `ids`; files of the epoch before stay where they can, unless all is to be `whole`.
pub(super) fn write_records(
    records: &[Record],
    ids: &[u32],
    previous: Option<&Previous>,
    whole: bool,
    files: &mut Files,
) -> Result<Filed, AssembleError> {
    let mut sorted: Vec<&Record> = records.iter().collect();
    sorted.sort_by_key(|record| record.id);
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0].id == pair[1].id) {
        return Err(AssembleError::Twice { id: pair[0].id });
    }
    let mut known = ids.to_vec();
    known.sort_unstable();
    if let Some(stray) = sorted
        .iter()
        .find(|record| known.binary_search(&record.id).is_err())
    {
        return Err(AssembleError::StrayRecord { id: stray.id });
    }
    let mut drafts = match previous.filter(|_| !whole) {
        Some(previous) => continued(&mut sorted, previous),
        None => Vec::new(),
    };
    for range in sorted.chunk_by(|a, b| a.id / RECORDS_IDS == b.id / RECORDS_IDS) {
        append(&mut drafts, range);
    }
    let mut filed = Filed::default();
    for draft in drafts {
        filed.from.push(draft.from);
        match draft.kept {
            Some((file, blocks, dead)) => {
                filed.files.push(file);
                filed.blocks.push(blocks);
                filed.dead.extend(dead);
            }
            None => {
                let owned: Vec<Record> = draft.records.into_iter().cloned().collect();
                let bytes = Records::write(&owned);
                let file = FileRef::of("records", &bytes, "nsd");
                filed
                    .blocks
                    .push(Records::parse(&file.name, &bytes)?.blocks());
                files.put(&file.name, bytes)?;
                filed.files.push(file);
            }
        }
    }
    Ok(filed)
}

/// The files of the epoch before, each as it is or to be written anew; takes their records off the front of `sorted`.
fn continued<'a>(sorted: &mut Vec<&'a Record>, previous: &Previous) -> Vec<Draft<'a>> {
    let mut drafts = Vec::new();
    let stored: Option<Vec<(u32, FileRef, &Records)>> = previous
        .index
        .records_stored()
        .map(|(from, file, records)| Some((from, file.clone(), records?)))
        .collect();
    // Without them nobody knows what is in which file.
    let Some(stored) = stored else {
        return drafts;
    };
    let nexts = stored.iter().skip(1).map(|file| file.0).map(Some);
    for ((from, file, held), next) in stored.iter().zip(nexts.chain([None])) {
        let stored: Vec<Record> = held.iter().collect();
        // Ids beyond those of the last file are new.
        let last = stored.last().map_or(*from, |record| record.id);
        let end = next.map_or(u64::from(last) + 1, u64::from);
        let count = sorted.partition_point(|record| u64::from(record.id) < end);
        let records: Vec<&Record> = sorted.drain(..count).collect();
        if records.is_empty() {
            continue;
        }
        let of = |id: u32| stored.binary_search_by_key(&id, |record| record.id).ok();
        let is_there = |record: &&&Record| of(record.id).is_some_and(|at| stored[at] == ***record);
        let same = records.iter().filter(is_there).count();
        let few_dead =
            (stored.len() - same.min(stored.len())) as f64 <= SHARE * stored.len() as f64;
        let kept = (same == records.len() && few_dead).then(|| {
            let is_live = |id: u32| {
                records
                    .binary_search_by_key(&id, |record| record.id)
                    .is_ok()
            };
            let dead = stored.iter().map(|record| record.id);
            let dead = dead.filter(|&id| !is_live(id)).collect();
            (file.clone(), held.blocks(), dead)
        });
        drafts.push(Draft {
            from: *from,
            last,
            records,
            kept,
        });
    }
    drafts
}

/// Adds the records of one range behind the others, joined with files of the same range that hold no more than these.
fn append<'a>(drafts: &mut Vec<Draft<'a>>, range: &[&'a Record]) {
    let mut records = range.to_vec();
    let Some(first) = records.first().map(|record| record.id) else {
        return;
    };
    let of_range = |id: u32| id / RECORDS_IDS;
    let is_shared = |draft: &Draft| of_range(draft.last) == of_range(first);
    let last = records.last().map_or(first, |record| record.id);
    let mut from = match drafts.last().is_some_and(is_shared) {
        true => first,
        false => of_range(first) * RECORDS_IDS,
    };
    while let Some(before) = drafts.pop_if(|before| {
        is_shared(before)
            && of_range(before.from) == of_range(first)
            && before.records.len() <= records.len()
    }) {
        from = before.from;
        records.splice(0..0, before.records);
    }
    drafts.push(Draft {
        from,
        last,
        records,
        kept: None,
    });
}
