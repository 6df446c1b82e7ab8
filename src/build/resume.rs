//! What was learnt about each picture → an append-only log, and back after whatever ended the build.
//!
//! One record a picture: `length u32 | check u64 | header length u32 | header JSON | vector f32…`,
//! little-endian, the check being the first bytes of BLAKE3 over all that follows it. A record is
//! written with one call and never changed, so a build that was killed leaves at most one torn record,
//! at the end; it is cut off when the log is opened again, and everything before it counts. The last
//! record of a path wins. When more than half of the records are dead, the log is written anew.
//!
//! A record is good for exactly one state of a file: same path, size, time of change, and the same
//! settings (model, thumbnail, limits, and [`super::work::PIPELINE`]). Broken pictures have records
//! too, or each build would try them again; errors of reading have none, because they may pass.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::BuildError;
use super::walk::Found;

const MAGIC: &[u8; 16] = b"nearsight-log-1\n";
/// A header or a vector beyond this is no record of ours.
const RECORD_LIMIT_BYTES: u32 = 1 << 20;

/// What is known of one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub path: String,
    pub bytes: u64,
    pub modified_ns: i64,
    /// Hash of everything that shapes the outcome besides the file.
    pub settings: String,
    /// Hash of the file's content, so that a moved picture is not embedded again.
    pub content: String,
    pub outcome: Outcome,
    /// Empty when the picture is broken.
    #[serde(skip)]
    pub vector: Vec<f32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    Embedded {
        width: u32,
        height: u32,
        /// File name in `thumbs/`.
        thumb: String,
    },
    Broken {
        code: String,
        message: String,
    },
}

impl Entry {
    pub fn holds(&self, found: &Found, settings: &str) -> bool {
        self.bytes == found.bytes
            && self.modified_ns == found.modified_ns
            && self.settings == settings
    }

    fn to_bytes(&self) -> Vec<u8> {
        let header = serde_json::to_vec(self).expect("an entry is plain data");
        let mut body = Vec::with_capacity(4 + header.len() + self.vector.len() * 4);
        body.extend((header.len() as u32).to_le_bytes());
        body.extend(&header);
        for value in &self.vector {
            body.extend(value.to_le_bytes());
        }
        let mut record = Vec::with_capacity(12 + body.len());
        record.extend((body.len() as u32).to_le_bytes());
        record.extend(check(&body));
        record.extend(&body);
        record
    }

    fn from_body(body: &[u8]) -> Option<Self> {
        let (length, rest) = body.split_first_chunk::<4>()?;
        let header = rest.get(..u32::from_le_bytes(*length) as usize)?;
        let vector = &rest[header.len()..];
        if vector.len() % 4 != 0 {
            return None;
        }
        let mut entry: Entry = serde_json::from_slice(header).ok()?;
        entry.vector = vector
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .collect();
        Some(entry)
    }
}

fn check(body: &[u8]) -> [u8; 8] {
    let hash = blake3::hash(body);
    let mut check = [0; 8];
    check.copy_from_slice(&hash.as_bytes()[..8]);
    check
}

/// The open log: what it held, and the place for more.
pub struct Log {
    file: PathBuf,
    writer: File,
    entries: HashMap<String, Arc<Entry>>,
    records: usize,
}

impl Log {
    /// Opens or creates the log, and cuts a torn end off.
    pub fn open(file: &Path) -> Result<Self, BuildError> {
        let mut writer = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(file)
            .map_err(|source| BuildError::io("open", file, source))?;
        let length = writer
            .metadata()
            .map_err(|source| BuildError::io("read", file, source))?
            .len();
        let (read, good) = parse(&mut BufReader::new(&writer))
            .map_err(|source| BuildError::io("read", file, source))?;
        if good < length || good == 0 {
            writer
                .set_len(good)
                .and_then(|()| writer.seek(SeekFrom::End(0)).map(drop))
                .map_err(|source| BuildError::io("write", file, source))?;
        }
        if good == 0 {
            writer
                .write_all(MAGIC)
                .map_err(|source| BuildError::io("write", file, source))?;
        }
        let mut log = Self {
            file: file.to_path_buf(),
            writer,
            entries: HashMap::with_capacity(read.len()),
            records: read.len(),
        };
        for entry in read {
            log.remember(entry);
        }
        Ok(log)
    }

    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path).map(Arc::as_ref)
    }

    /// What was embedded under `settings`, by the hash of its content.
    pub fn contents(&self, settings: &str) -> impl Iterator<Item = (String, Arc<Entry>)> {
        self.entries
            .values()
            .filter(move |entry| {
                entry.settings == settings && matches!(entry.outcome, Outcome::Embedded { .. })
            })
            .map(|entry| (entry.content.clone(), Arc::clone(entry)))
    }

    /// Hands the record to the operating system: a killed process loses nothing that was appended.
    pub fn append(&mut self, entry: Entry) -> Result<(), BuildError> {
        self.writer
            .write_all(&entry.to_bytes())
            .map_err(|source| BuildError::io("write", &self.file, source))?;
        self.records += 1;
        self.remember(entry);
        Ok(())
    }

    /// Makes what was appended survive a power cut as well.
    pub fn flush(&mut self) -> Result<(), BuildError> {
        self.writer
            .sync_data()
            .or_else(|error| match error.kind() {
                // Pipes and devices have nothing to sync.
                std::io::ErrorKind::InvalidInput => Ok(()),
                _ => Err(error),
            })
            .map_err(|source| BuildError::io("write", &self.file, source))
    }

    /// Writes the log anew when more than half of it is dead. `live` says which paths still count.
    pub fn compact(&mut self, live: impl Fn(&str) -> bool) -> Result<(), BuildError> {
        self.entries.retain(|path, _| live(path));
        if self.records <= 2 * self.entries.len() + 16 {
            return Ok(());
        }
        let fresh = self.file.with_extension("log.new");
        let failed = |source| BuildError::io("write", &fresh, source);
        let mut paths: Vec<&String> = self.entries.keys().collect();
        paths.sort();
        let mut writer = BufWriter::new(File::create(&fresh).map_err(failed)?);
        writer.write_all(MAGIC).map_err(failed)?;
        for path in paths {
            writer
                .write_all(&self.entries[path].to_bytes())
                .map_err(failed)?;
        }
        let written = writer
            .into_inner()
            .map_err(|error| failed(error.into_error()))?;
        written.sync_all().map_err(failed)?;
        std::fs::rename(&fresh, &self.file)
            .map_err(|source| BuildError::io("replace", &self.file, source))?;
        self.writer = OpenOptions::new()
            .append(true)
            .open(&self.file)
            .map_err(|source| BuildError::io("open", &self.file, source))?;
        self.records = self.entries.len();
        Ok(())
    }

    fn remember(&mut self, entry: Entry) {
        self.entries.insert(entry.path.clone(), Arc::new(entry));
    }
}

/// The whole records, and how many bytes they fill. Stops at the first that is torn or damaged.
fn parse(source: &mut impl Read) -> std::io::Result<(Vec<Entry>, u64)> {
    let mut entries = Vec::new();
    let mut start = [0; MAGIC.len()];
    if fill(source, &mut start)? < start.len() || start != *MAGIC {
        return Ok((entries, 0));
    }
    let mut good = MAGIC.len() as u64;
    let mut body = Vec::new();
    loop {
        let mut head = [0; 12];
        if fill(source, &mut head)? < head.len() {
            return Ok((entries, good));
        }
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        if length > RECORD_LIMIT_BYTES {
            return Ok((entries, good));
        }
        body.resize(length as usize, 0);
        if fill(source, &mut body)? < body.len() || check(&body) != head[4..] {
            return Ok((entries, good));
        }
        match Entry::from_body(&body) {
            Some(entry) => entries.push(entry),
            None => return Ok((entries, good)),
        }
        good += (head.len() + body.len()) as u64;
    }
}

/// As much of `place` as the source still has.
fn fill(source: &mut impl Read, place: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < place.len() {
        match source.read(&mut place[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, value: f32) -> Entry {
        Entry {
            path: path.to_string(),
            bytes: 10,
            modified_ns: 20,
            settings: "s".to_string(),
            content: format!("content of {path}"),
            outcome: Outcome::Embedded {
                width: 4,
                height: 3,
                thumb: "t.jpg".to_string(),
            },
            vector: vec![value, -value, 0.5],
        }
    }

    #[test]
    fn what_was_appended_is_there_after_opening_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pictures.log");
        let mut log = Log::open(&file).unwrap();
        log.append(entry("a.jpg", 1.0)).unwrap();
        log.append(entry("b.jpg", 2.0)).unwrap();
        log.append(entry("a.jpg", 3.0)).unwrap();
        drop(log);
        let log = Log::open(&file).unwrap();
        assert_eq!(log.get("a.jpg"), Some(&entry("a.jpg", 3.0)));
        assert_eq!(log.get("b.jpg"), Some(&entry("b.jpg", 2.0)));
        let mut contents: Vec<String> = log.contents("s").map(|(content, _)| content).collect();
        contents.sort();
        assert_eq!(contents, ["content of a.jpg", "content of b.jpg"]);
        assert_eq!(log.contents("other").count(), 0);
    }

    #[test]
    fn a_log_cut_anywhere_keeps_every_whole_record_and_can_be_continued() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pictures.log");
        let mut log = Log::open(&file).unwrap();
        log.append(entry("a.jpg", 1.0)).unwrap();
        let one = std::fs::metadata(&file).unwrap().len() as usize;
        log.append(entry("b.jpg", 2.0)).unwrap();
        drop(log);
        let whole = std::fs::read(&file).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&file, &whole[..cut]).unwrap();
            let mut log = Log::open(&file).unwrap();
            assert_eq!(log.get("a.jpg").is_some(), cut >= one, "cut at {cut}");
            assert!(log.get("b.jpg").is_none(), "cut at {cut}");
            log.append(entry("c.jpg", 4.0)).unwrap();
            drop(log);
            let log = Log::open(&file).unwrap();
            assert_eq!(log.get("c.jpg"), Some(&entry("c.jpg", 4.0)), "cut at {cut}");
        }
    }

    #[test]
    fn a_flipped_bit_ends_the_trusted_part() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pictures.log");
        let mut log = Log::open(&file).unwrap();
        log.append(entry("a.jpg", 1.0)).unwrap();
        let one = std::fs::metadata(&file).unwrap().len() as usize;
        log.append(entry("b.jpg", 2.0)).unwrap();
        drop(log);
        let mut bytes = std::fs::read(&file).unwrap();
        for place in one..bytes.len() {
            bytes[place] ^= 4;
            let (entries, good) = parse(&mut &bytes[..]).unwrap();
            assert_eq!((entries.len(), good), (1, one as u64), "flipped at {place}");
            bytes[place] ^= 4;
        }
    }

    #[test]
    fn a_record_holds_for_one_state_of_the_file_only() {
        let found = Found {
            file: PathBuf::new(),
            path: "a.jpg".to_string(),
            bytes: 10,
            modified_ns: 20,
        };
        let entry = entry("a.jpg", 1.0);
        assert!(entry.holds(&found, "s"));
        assert!(!entry.holds(&found, "t"));
        assert!(!entry.holds(
            &Found {
                bytes: 11,
                ..found.clone()
            },
            "s"
        ));
        assert!(!entry.holds(
            &Found {
                modified_ns: 21,
                ..found
            },
            "s"
        ));
    }

    #[test]
    fn a_log_of_mostly_dead_records_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pictures.log");
        let mut log = Log::open(&file).unwrap();
        for round in 0..50 {
            log.append(entry("a.jpg", round as f32)).unwrap();
        }
        log.append(entry("gone.jpg", 0.0)).unwrap();
        let before = std::fs::metadata(&file).unwrap().len();
        log.compact(|path| path == "a.jpg").unwrap();
        assert!(std::fs::metadata(&file).unwrap().len() < before / 10);
        log.append(entry("b.jpg", 7.0)).unwrap();
        drop(log);
        let log = Log::open(&file).unwrap();
        assert_eq!(log.get("a.jpg"), Some(&entry("a.jpg", 49.0)));
        assert_eq!(log.get("b.jpg"), Some(&entry("b.jpg", 7.0)));
        assert!(log.get("gone.jpg").is_none());
    }
}
