//! Bytes ⇄ records: what a page shows of a picture, in blocks by id.
//!
//! A file holds the records of one range of ids, and is fetched when one of them is shown. In it
//! lie blocks of JSON, so that showing a few hits parses a few blocks. Every block is parsed once
//! when the file arrives, and forgotten: a damaged one is an error then, not a picture without a
//! title later.
//!
//! Sections: `HEAD` blocks u32 · `INDX` first id, records, offset, length u32 a block · `JSON` the
//! blocks, each an array of records with ascending ids.

use serde::{Deserialize, Serialize};

use super::container::{Container, Kind, Writer};
use super::numbers::read_u32;
use super::{IndexError, RecordBlock};

const FILE: Kind = *b"RECD";
const HEAD: Kind = *b"HEAD";
const INDEX: Kind = *b"INDX";
const JSON: Kind = *b"JSON";
const ENTRY_BYTES: usize = 16;

/// Records in a block. Fewer: a longer table here and in the routing, where a block takes 7 bytes. More: more to fetch and parse for one hit. At about 250
/// bytes a record these are 8 KiB, which parse in some 25 µs.
const BLOCK_RECORDS: usize = 32;

/// What is known of a picture beside its vector.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Record {
    /// Its number in this index; stable over epochs.
    pub id: u32,
    /// Where it lay below the folder that was indexed, with `/` between the parts.
    pub path: String,
    /// The site's own id; the path when the site gave none.
    pub key: String,
    /// The page or file to open on a click.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When it was uploaded, as the site wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whether the site keeps it from some visitors; the caller's filter acts on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
    /// Address of the thumbnail, relative to the index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumb: Option<String>,
    /// Size of the upright picture in pixels.
    pub width: u32,
    pub height: u32,
}

/// The records of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records {
    blocks: Vec<Block>,
    json: Vec<u8>,
    /// Where `json` begins in the file.
    json_at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    first_id: u32,
    records: u32,
    start: usize,
    end: usize,
}

impl Records {
    /// Reads and checks a file of records; `name` is for errors.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self, IndexError> {
        let container =
            Container::parse(name, bytes, FILE, "records (.nsd)", &[HEAD, INDEX, JSON])?;
        let wrong = |what: String| IndexError::inconsistent(name, what);
        let count = read_u32(container.array(HEAD, 1, 4)?, 0) as usize;
        let table = container.array(INDEX, count, ENTRY_BYTES)?;
        let json = container.section(JSON)?;

        let mut blocks = Vec::with_capacity(table.len() / ENTRY_BYTES);
        let mut last_id = None;
        let mut at = 0;
        for entry in table.chunks_exact(ENTRY_BYTES) {
            let (first_id, records) = (read_u32(entry, 0), read_u32(entry, 4));
            let (start, length) = (read_u32(entry, 8) as usize, read_u32(entry, 12) as usize);
            let end = start.saturating_add(length);
            if start != at || end > json.len() {
                return Err(wrong(format!("the block of id {first_id} is misplaced")));
            }
            let parsed: Vec<Record> =
                serde_json::from_slice(&json[start..end]).map_err(|error| {
                    wrong(format!(
                        "the block of id {first_id} holds no records ({error})"
                    ))
                })?;
            let opens = parsed.first().map(|record| record.id);
            if opens != Some(first_id) || parsed.len() != records as usize {
                return Err(wrong(format!(
                    "the block of id {first_id} differs from its entry"
                )));
            }
            for record in &parsed {
                if last_id.is_some_and(|last| record.id <= last) {
                    return Err(wrong(format!("record {} is out of order", record.id)));
                }
                last_id = Some(record.id);
            }
            blocks.push(Block {
                first_id,
                records,
                start,
                end,
            });
            at = end;
        }
        if at != json.len() {
            return Err(wrong("bytes follow the last block".to_owned()));
        }
        Ok(Self {
            blocks,
            json: json.to_vec(),
            json_at: container.start(JSON).unwrap_or_default(),
        })
    }

    /// Writes a file of records that ascend by id.
    pub fn write(records: &[Record]) -> Vec<u8> {
        let mut table = Vec::new();
        let mut json = Vec::new();
        for block in records.chunks(BLOCK_RECORDS) {
            // Strings, numbers and flags only: this cannot fail.
            let text = serde_json::to_vec(block).unwrap_or_default();
            for value in [
                block[0].id,
                block.len() as u32,
                json.len() as u32,
                text.len() as u32,
            ] {
                table.extend_from_slice(&value.to_le_bytes());
            }
            json.extend_from_slice(&text);
        }
        let mut writer = Writer::new(FILE);
        writer.required(
            HEAD,
            ((table.len() / ENTRY_BYTES) as u32).to_le_bytes().to_vec(),
        );
        writer.required(INDEX, table);
        writer.required(JSON, json);
        writer.finish()
    }

    /// Where the blocks lie in the file, for whoever fetches some of them.
    pub fn blocks(&self) -> Vec<RecordBlock> {
        let block = |block: &Block| RecordBlock {
            first_id: block.first_id,
            offset: (self.json_at + block.start) as u32,
            bytes: (block.end - block.start) as u32,
            check: RecordBlock::check_of(&self.json[block.start..block.end]),
        };
        self.blocks.iter().map(block).collect()
    }

    /// The record of a picture, if it is in this file.
    pub fn get(&self, id: u32) -> Option<Record> {
        let after = self.blocks.partition_point(|block| block.first_id <= id);
        let block = self.blocks.get(after.checked_sub(1)?)?;
        self.read(block).into_iter().find(|record| record.id == id)
    }

    /// All records, ascending by id.
    pub fn iter(&self) -> impl Iterator<Item = Record> + '_ {
        self.blocks.iter().flat_map(|block| self.read(block))
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.blocks.iter().map(|block| block.records as usize).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The first and the last id.
    pub(super) fn range(&self) -> Option<(u32, u32)> {
        let last = self.read(self.blocks.last()?).last()?.id;
        Some((self.blocks.first()?.first_id, last))
    }

    fn read(&self, block: &Block) -> Vec<Record> {
        // `parse` has read every block, so this one is well formed.
        serde_json::from_slice(&self.json[block.start..block.end]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<Record> {
        let record = |id: u32| Record {
            id,
            path: format!("shelf/{id}.jpg"),
            key: format!("sku-{id}"),
            title: id.is_multiple_of(2).then(|| format!("\"Tee\" № {id} <b>")),
            tags: vec!["new".to_owned(); id as usize % 3],
            private: id == 9,
            width: 640,
            height: 480,
            ..Record::default()
        };
        (0..200).map(|number| record(number * 3)).collect()
    }

    #[test]
    fn every_record_is_found_by_its_id_and_no_other() {
        let bytes = Records::write(&sample());
        let records = Records::parse("d", &bytes).unwrap();
        assert_eq!(records.len(), 200);
        for record in sample() {
            assert_eq!(records.get(record.id).as_ref(), Some(&record));
            assert_eq!(records.get(record.id + 1), None);
        }
        assert!(records.iter().eq(sample()));
        assert_eq!(records.range(), Some((0, 597)));
        assert_eq!(
            Records::parse("d", &Records::write(&[])).unwrap().get(0),
            None
        );
    }

    #[test]
    fn records_out_of_order_are_refused() {
        let mut records = sample();
        records.swap(3, 4);
        assert!(Records::parse("d", &Records::write(&records)).is_err());
        let mut twice = sample();
        twice[100] = twice[99].clone();
        assert!(Records::parse("d", &Records::write(&twice)).is_err());
    }

    #[test]
    fn fields_of_a_later_version_are_passed_over() {
        let block = br#"[{"id":4,"path":"a","key":"a","width":1,"height":2,"mood":"blue"}]"#;
        let mut writer = Writer::new(FILE);
        writer.required(HEAD, 1u32.to_le_bytes().to_vec());
        let entry = [4u32, 1, 0, block.len() as u32];
        writer.required(
            INDEX,
            entry.iter().flat_map(|value| value.to_le_bytes()).collect(),
        );
        writer.required(JSON, block.to_vec());
        let records = Records::parse("d", &writer.finish()).unwrap();
        assert_eq!(records.get(4).map(|record| record.height), Some(2));
    }
}
