//! Files of DIST → their gzip and brotli forms, made in the background and kept by content.
//!
//! `DIST/.nearsight/compressed/HASH.br`, `HASH.gz`, or an empty `HASH.none` where compressing saves
//! less than a twentieth. The server answers from the first second with what there is; a second
//! start finds everything made. gzip goes first over all files (it takes a moment), brotli after it,
//! small files first, since the page needs those before the model. Brotli runs at 11 up to 4 MiB and
//! at 9 above, since 11 is many times slower and a model of quantised weights hardly shrinks further.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, Metadata};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::SystemTime;

use super::encoding::Encoding;
use super::{STATE_FOLDER, paths};

/// Below this size the headers weigh as much as what is saved.
const LEAST_BYTES: u64 = 1_024;
/// Larger files are sent as they are.
const MOST_BYTES: u64 = 256 << 20;
/// Up to here brotli works as hard as it can.
const HARD_LIMIT_BYTES: u64 = 4 << 20;

/// A file as it was when its content was hashed.
struct Seen {
    length: u64,
    modified: Option<SystemTime>,
    hash: String,
}

/// The compressed forms of a content.
#[derive(Default, Clone, Copy)]
struct Forms {
    brotli: bool,
    gzip: bool,
    none: bool,
}

/// What is known and what is made.
pub struct Compressed {
    dist: PathBuf,
    folder: PathBuf,
    seen: RwLock<HashMap<String, Seen>>,
    forms: RwLock<HashMap<String, Forms>>,
    wake: Mutex<Option<SyncSender<()>>>,
    stopped: AtomicBool,
}

/// The name of a content.
pub fn hash_bytes(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..32].to_string()
}

impl Compressed {
    /// Nothing is read until [`Compressed::start`].
    pub fn new(dist: &Path) -> Compressed {
        Compressed {
            dist: dist.to_path_buf(),
            folder: dist.join(STATE_FOLDER).join("compressed"),
            seen: RwLock::default(),
            forms: RwLock::default(),
            wake: Mutex::new(None),
            stopped: AtomicBool::new(false),
        }
    }

    /// Begins the work in a thread of its own.
    pub fn start(self: &Arc<Self>) -> JoinHandle<()> {
        let (sender, receiver) = sync_channel(1);
        *self.waker() = Some(sender);
        let this = self.clone();
        std::thread::spawn(move || this.work(&receiver))
    }

    /// Asks the thread to end soon.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        *self.waker() = None;
    }

    /// A file was asked for whose content is not known, or not dealt with: look at all files again.
    pub fn wake_for(&self, hash: Option<&str>, length: u64) {
        let left_alone = !(LEAST_BYTES..=MOST_BYTES).contains(&length);
        let known = hash.is_some_and(|hash| {
            let forms = self.forms.read().unwrap_or_else(PoisonError::into_inner);
            forms.contains_key(hash)
        });
        if left_alone || known {
            return;
        }
        if let Some(sender) = self.waker().as_ref() {
            // Full means that it will look anyway.
            let _ = sender.try_send(());
        }
    }

    /// The content hash of a file, when it was seen as it is now.
    pub fn hash_of(&self, inside: &str, metadata: &Metadata) -> Option<String> {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        seen.get(inside)
            .filter(|seen| {
                seen.length == metadata.len() && seen.modified == metadata.modified().ok()
            })
            .map(|seen| seen.hash.clone())
    }

    /// The content hash of a file, read when it is not known.
    pub fn hash_file(&self, inside: &str, path: &Path) -> io::Result<String> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        if let Some(hash) = self.hash_of(inside, &metadata) {
            return Ok(hash);
        }
        let mut hasher = blake3::Hasher::new();
        let mut chunk = vec![0; 1 << 16];
        loop {
            match file.read(&mut chunk)? {
                0 => break,
                length => hasher.update(&chunk[..length]),
            };
        }
        let hash = hasher.finalize().to_hex()[..32].to_string();
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        seen.insert(
            inside.to_string(),
            Seen {
                length: metadata.len(),
                modified: metadata.modified().ok(),
                hash: hash.clone(),
            },
        );
        Ok(hash)
    }

    /// Where a compressed form lies, if it is made.
    pub fn form(&self, hash: &str, encoding: Encoding) -> Option<PathBuf> {
        let forms = self.forms.read().unwrap_or_else(PoisonError::into_inner);
        let forms = forms.get(hash)?;
        match encoding {
            Encoding::Brotli if forms.brotli => Some(self.path_of(hash, "br")),
            Encoding::Gzip if forms.gzip => Some(self.path_of(hash, "gz")),
            _ => None,
        }
    }

    fn waker(&self) -> MutexGuard<'_, Option<SyncSender<()>>> {
        self.wake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path_of(&self, hash: &str, ending: &str) -> PathBuf {
        self.folder.join(format!("{hash}.{ending}"))
    }

    fn work(&self, receiver: &Receiver<()>) {
        loop {
            if let Err(error) = self.pass() {
                tracing::warn!(
                    "{}: files are sent uncompressed: {error}",
                    self.folder.display()
                );
                return;
            }
            if self.stopped.load(Ordering::Relaxed) || receiver.recv().is_err() {
                return;
            }
        }
    }

    /// One look at all files, and the making of what is missing.
    fn pass(&self) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let mut files = Vec::new();
        let walk = walkdir::WalkDir::new(&self.dist)
            .into_iter()
            .filter_entry(|entry| {
                entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.')
            });
        for entry in walk.filter_map(Result::ok) {
            if self.stopped.load(Ordering::Relaxed) {
                return Ok(());
            }
            let Some(inside) = self.inside(entry.path()) else {
                continue;
            };
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            let fits = (LEAST_BYTES..=MOST_BYTES).contains(&metadata.len());
            if !metadata.is_file() || !paths::compressible(&inside) || !fits {
                continue;
            }
            // A file that vanished meanwhile needs no compressed form.
            if let Ok(hash) = self.hash_file(&inside, entry.path()) {
                files.push((metadata.len(), entry.into_path(), hash));
            }
        }
        let wanted: HashSet<&str> = files.iter().map(|(_, _, hash)| hash.as_str()).collect();
        self.find_made(&wanted)?;
        files.sort();
        for ending in ["gz", "br"] {
            for (length, path, hash) in &files {
                if self.stopped.load(Ordering::Relaxed) {
                    return Ok(());
                }
                self.make(path, hash, *length, ending)?;
            }
        }
        Ok(())
    }

    fn inside(&self, path: &Path) -> Option<String> {
        let parts: Option<Vec<&str>> = path
            .strip_prefix(&self.dist)
            .ok()?
            .components()
            .map(|part| part.as_os_str().to_str())
            .collect();
        Some(parts?.join("/"))
    }

    /// Takes note of what earlier runs made, and removes what belongs to no file any more.
    fn find_made(&self, wanted: &HashSet<&str>) -> io::Result<()> {
        let mut found: HashMap<String, Forms> = HashMap::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let (hash, ending) = name.split_once('.').unwrap_or((name.as_str(), ""));
            let forms = match wanted.contains(hash) {
                true => found.entry(hash.to_string()).or_default(),
                false => {
                    // Leftovers of an interrupted run go the same way.
                    let _ = fs::remove_file(entry.path());
                    continue;
                }
            };
            match ending {
                "br" => forms.brotli = true,
                "gz" => forms.gzip = true,
                "none" => forms.none = true,
                _ => {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
        *self.forms.write().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(())
    }

    fn make(&self, path: &Path, hash: &str, length: u64, ending: &str) -> io::Result<()> {
        let made = {
            let forms = self.forms.read().unwrap_or_else(PoisonError::into_inner);
            forms.get(hash).copied().unwrap_or_default()
        };
        let is_brotli = ending == "br";
        if made.none || (is_brotli && made.brotli) || (!is_brotli && made.gzip) {
            return Ok(());
        }
        let temporary = self
            .folder
            .join(format!("{hash}.{ending}.{}", std::process::id()));
        let Some(size) = self.compress(path, hash, &temporary, length, is_brotli)? else {
            let _ = fs::remove_file(&temporary);
            return Ok(());
        };
        let pays = size < length - length / 20;
        if pays {
            fs::rename(&temporary, self.path_of(hash, ending))?;
        } else {
            fs::remove_file(&temporary)?;
            if !is_brotli {
                File::create(self.path_of(hash, "none"))?;
            }
        }
        let mut forms = self.forms.write().unwrap_or_else(PoisonError::into_inner);
        let forms = forms.entry(hash.to_string()).or_default();
        match (is_brotli, pays) {
            (true, pays) => forms.brotli = pays,
            (false, true) => forms.gzip = true,
            (false, false) => forms.none = true,
        }
        Ok(())
    }

    /// Writes the compressed form and gives its size; `None` when asked to stop, or when the file is
    /// no longer what was hashed.
    fn compress(
        &self,
        path: &Path,
        hash: &str,
        to: &Path,
        length: u64,
        is_brotli: bool,
    ) -> io::Result<Option<u64>> {
        let Ok(from) = File::open(path) else {
            return Ok(None);
        };
        let mut from = BufReader::new(from);
        let mut check = blake3::Hasher::new();
        let out = File::create(to)?;
        let finished = if is_brotli {
            let quality = if length <= HARD_LIMIT_BYTES { 11 } else { 9 };
            let mut writer = brotli::CompressorWriter::new(out, 1 << 16, quality, 24);
            let finished = self.pump(&mut from, &mut writer, &mut check)?;
            writer.flush()?;
            finished.then(|| writer.into_inner())
        } else {
            let mut writer = flate2::write::GzEncoder::new(out, flate2::Compression::new(6));
            let finished = self.pump(&mut from, &mut writer, &mut check)?;
            let out = writer.finish()?;
            finished.then_some(out)
        };
        let Some(out) = finished else {
            return Ok(None);
        };
        if check.finalize().to_hex()[..32] != *hash {
            return Ok(None);
        }
        // Renamed only when whole on the disk: after a power failure a cut form must not be served.
        out.sync_all()?;
        Ok(Some(out.metadata()?.len()))
    }

    /// Copies in pieces, so that a request to stop is heard; false when it was.
    fn pump(
        &self,
        from: &mut impl Read,
        to: &mut impl Write,
        check: &mut blake3::Hasher,
    ) -> io::Result<bool> {
        let mut chunk = vec![0; 1 << 16];
        loop {
            if self.stopped.load(Ordering::Relaxed) {
                return Ok(false);
            }
            match from.read(&mut chunk)? {
                0 => return Ok(true),
                length => {
                    check.update(&chunk[..length]);
                    to.write_all(&chunk[..length])?;
                }
            }
        }
    }
}
