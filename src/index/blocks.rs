//! Ranges of files of records ⇄ single records: where each block lies, how its bytes are checked, and the blocks that are here.
//!
//! A few hits of a large index lie in as many files, each of some hundred KiB; their blocks are a few KiB each. The section
//! `RECB` of the routing, which may be absent (then the files are fetched whole), holds for each file of records in the manifest's order: how many blocks it has
//! (none: it is fetched whole), where the first begins, and for each block how far its first id is from that of the block before (of the first:
//! from 0), its length, all as LEB128, and the first 4 bytes of its BLAKE3. Blocks follow one another without a gap.

use std::sync::Arc;

use super::container::checksum;
use super::names::refuse_html;
use super::numbers::read_u32;
use super::spans::Run;
use super::sparse::joined;
use super::{FileRange, Index, IndexError, Manifest, Record};

/// A LEB128 number of 32 bits has no more bytes.
const VARINT_BYTES: usize = 5;
const CHECK_BYTES: usize = 4;

/// One block in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordBlock {
    /// The lowest id in it.
    pub first_id: u32,
    /// Where it begins.
    pub offset: u32,
    /// How long it is.
    pub bytes: u32,
    /// First 4 bytes of its BLAKE3.
    pub check: u32,
}

/// The blocks of every file of records, in the manifest's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordBlocks(pub Vec<Vec<RecordBlock>>);

impl RecordBlock {
    pub(super) fn check_of(bytes: &[u8]) -> u32 {
        checksum(&[bytes]) as u32
    }

    fn run(&self) -> Run {
        let start = u64::from(self.offset);
        start..start + u64::from(self.bytes)
    }
}

impl RecordBlocks {
    pub(super) fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for file in &self.0 {
            put(&mut bytes, file.len() as u32);
            if let Some(first) = file.first() {
                put(&mut bytes, first.offset);
            }
            let mut last_id = 0;
            for block in file {
                put(&mut bytes, block.first_id - last_id);
                put(&mut bytes, block.bytes);
                bytes.extend_from_slice(&block.check.to_le_bytes());
                last_id = block.first_id;
            }
        }
        bytes
    }

    pub(super) fn read(mut bytes: &[u8]) -> Result<Self, String> {
        let rest = &mut bytes;
        let mut files = Vec::new();
        while !rest.is_empty() {
            files.push(read_file(rest).ok_or("section RECB is not made of blocks")?);
        }
        Ok(Self(files))
    }

    /// Refuses blocks that are not in order, or that lead out of their file.
    pub(super) fn fit(&self, manifest: &Manifest) -> Result<(), IndexError> {
        let wrong = |what| Err(IndexError::inconsistent(&manifest.routing.name, what));
        if self.0.len() != manifest.records.len() {
            return wrong(format!(
                "blocks of {} files of records where the manifest names {}",
                self.0.len(),
                manifest.records.len()
            ));
        }
        let files = manifest.records.iter().zip(&manifest.records_from);
        for ((blocks, (file, &from)), number) in self.0.iter().zip(files).zip(1..) {
            let ends = blocks.last().map_or(0, |last| last.run().end);
            let next = manifest.records_from.get(number).copied();
            let belongs = |block: &RecordBlock| {
                block.first_id >= from && next.is_none_or(|next| block.first_id < next)
            };
            if ends > file.bytes || !blocks.iter().all(belongs) {
                return wrong(format!("the blocks of {} are not in it", file.name));
            }
        }
        Ok(())
    }

    /// The block that holds a picture's record, if any does.
    fn of(&self, file: usize, id: u32) -> Option<usize> {
        let blocks = self.0.get(file)?;
        let after = blocks.partition_point(|block| block.first_id <= id);
        after.checked_sub(1)
    }
}

fn read_file(rest: &mut &[u8]) -> Option<Vec<RecordBlock>> {
    let count = take(rest)? as usize;
    // A block takes six bytes at least, so a great number without blocks behind it asks for no memory.
    if count > rest.len() {
        return None;
    }
    let mut offset = match count {
        0 => 0,
        _ => take(rest)?,
    };
    let mut first_id = 0u32;
    let mut blocks = Vec::with_capacity(count);
    for number in 0..count {
        let step = take(rest)?;
        let bytes = take(rest)?;
        let (check, after) = rest.split_at_checked(CHECK_BYTES)?;
        *rest = after;
        first_id = first_id.checked_add(step)?;
        if bytes == 0 || (number > 0 && step == 0) {
            return None;
        }
        blocks.push(RecordBlock {
            first_id,
            offset,
            bytes,
            check: read_u32(check, 0),
        });
        offset = offset.checked_add(bytes)?;
    }
    Some(blocks)
}

fn put(bytes: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// The shortest form alone is taken, so that the same blocks have the same bytes.
fn take(rest: &mut &[u8]) -> Option<u32> {
    let length = rest
        .iter()
        .take(VARINT_BYTES)
        .position(|byte| byte & 0x80 == 0)?
        + 1;
    let (own, after) = rest.split_at(length);
    *rest = after;
    let value = own
        .iter()
        .rev()
        .fold(0u64, |value, byte| value << 7 | u64::from(byte & 0x7f));
    let shortest = length == 1 || own[length - 1] != 0;
    u32::try_from(value).ok().filter(|_| shortest)
}

impl Index {
    /// What to fetch for the records of these pictures that are not here: blocks, in which near ones are joined, or whole files. Needs the routing.
    pub fn record_ranges(&self, ids: &[u32]) -> Vec<FileRange> {
        let blocks = self
            .routing()
            .and_then(|routing| routing.record_blocks.as_ref());
        let (mut whole, mut runs) = (Vec::new(), Vec::new());
        for &id in ids {
            let Some(file) = self.records_place(id) else {
                continue;
            };
            if self.records[file].is_some() {
                continue;
            }
            match blocks.map(|blocks| (&blocks.0[file], blocks.of(file, id))) {
                Some((own, Some(number))) => {
                    if !self.blocks.contains_key(&(file as u32, number as u32)) {
                        runs.push((file as u32, own[number].run()));
                    }
                }
                // Before its file's first record: nobody has it.
                Some((own, None)) if !own.is_empty() => {}
                _ => whole.push(file as u32),
            }
        }
        whole.sort_unstable();
        whole.dedup();
        let range = |(number, run): (u32, Option<Run>)| {
            let file = &self.manifest.records[number as usize];
            FileRange {
                name: file.name.clone(),
                offset: run.as_ref().map(|run| run.start),
                bytes: run.map_or(file.bytes, |run| run.end - run.start),
            }
        };
        let whole = whole.into_iter().map(|number| (number, None));
        let runs = joined(runs)
            .into_iter()
            .map(|(number, run)| (number, Some(run)));
        whole.chain(runs).map(range).collect()
    }

    /// The record of a picture, if its block is here.
    pub(super) fn record_of_block(&self, file: usize, id: u32) -> Option<&Record> {
        let number = self.routing()?.record_blocks.as_ref()?.of(file, id)?;
        let records = self.blocks.get(&(file as u32, number as u32))?;
        let at = records.binary_search_by_key(&id, |record| record.id).ok()?;
        records.get(at)
    }

    /// Takes in a range of a file of records that begins with a block and ends with one.
    pub(super) fn supply_blocks(
        &mut self,
        number: usize,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), IndexError> {
        let name = &self.manifest.records[number].name;
        let missing = || IndexError::Missing {
            name: self.manifest.routing.name.clone(),
        };
        let routing = Arc::clone(self.routing.as_ref().ok_or_else(missing)?);
        if self.records[number].is_some() {
            return Ok(());
        }
        let range = offset..offset.saturating_add(bytes.len() as u64);
        let wrong = |what: String| {
            let place = format!("bytes {} to {}", range.start, range.end);
            IndexError::inconsistent(name, format!("{place}: {what}"))
        };
        let blocks = routing
            .record_blocks
            .as_ref()
            .map(|blocks| &blocks.0[number]);
        let blocks = blocks.filter(|blocks| !blocks.is_empty());
        let blocks = blocks.ok_or_else(|| wrong("this file is not made for ranges".to_owned()))?;
        let from = blocks.partition_point(|block| block.run().start < range.start);
        let to = blocks.partition_point(|block| block.run().end <= range.end);
        let inside = blocks.get(from..to).unwrap_or(&[]);
        let ends = inside.first().zip(inside.last());
        let covered = ends.map(|(first, last)| first.run().start..last.run().end);
        if covered.as_ref() != Some(&range) {
            refuse_html(name, bytes)?;
            return Err(wrong(
                "it begins or ends inside a block; it was cut short".to_owned(),
            ));
        }
        let mut fresh = Vec::with_capacity(inside.len());
        for (place, block) in (from..).zip(inside) {
            let start = (block.run().start - range.start) as usize;
            let content = &bytes[start..start + block.bytes as usize];
            if RecordBlock::check_of(content) != block.check {
                refuse_html(name, bytes)?;
                return Err(IndexError::Checksum {
                    name: name.clone(),
                    part: format!("block of id {}", block.first_id),
                });
            }
            let records: Vec<Record> = serde_json::from_slice(content)
                .map_err(|error| wrong(format!("it holds no records ({error})")))?;
            let next = blocks.get(place + 1).map(|block| block.first_id);
            let opens = records
                .first()
                .is_some_and(|record| record.id == block.first_id);
            let ascends = records.is_sorted_by(|a, b| a.id < b.id);
            let ends = records
                .last()
                .is_none_or(|last| next.is_none_or(|next| last.id < next));
            if !(opens && ascends && ends) {
                return Err(wrong(format!(
                    "the block of id {} holds other records",
                    block.first_id
                )));
            }
            fresh.push(((number as u32, place as u32), Arc::from(records)));
        }
        self.blocks.extend(fresh);
        Ok(())
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn blocks()(first in any::<u16>(), offset in any::<u16>(), steps in prop::collection::vec((1u32..100_000, 1u32..70_000, any::<u32>()), 0..20)) -> Vec<RecordBlock> {
            let (mut id, mut at) = (u32::from(first), u32::from(offset));
            steps.into_iter().map(|(step, bytes, check)| {
                let block = RecordBlock { first_id: id, offset: at, bytes, check };
                (id, at) = (id + step, at + bytes);
                block
            }).collect()
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_is_read(files in prop::collection::vec(blocks(), 0..6)) {
            let written = RecordBlocks(files);
            prop_assert_eq!(RecordBlocks::read(&written.write()), Ok(written));
        }

        #[test]
        fn any_bytes_are_refused_or_are_the_ones_that_their_blocks_are_written_as(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(read) = RecordBlocks::read(&bytes) {
                prop_assert_eq!(read.write(), bytes);
            }
        }
    }
}
