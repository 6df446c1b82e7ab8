//! A folder → the files in it that may be pictures, in an order that is always the same.
//!
//! Links to folders are followed, and a loop of links ends where it closes. Hidden files and folders
//! are left out, and so is every folder that nearsight wrote itself (a `.nearsight` folder lies in
//! it), or a build into a subfolder would index its own thumbnails. A file is taken when its name has
//! the extension of a format that is read, or when its first bytes are of one; all others are counted
//! by extension, so that somebody with a folder full of HEIC learns why it is empty.
//! Nothing is decoded here.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::BuildError;
use super::report::kinds;

/// Extensions that are worth an error when the content is something else.
const EXTENSIONS: &[&str] = &["jpg", "jpeg", "jpe", "jfif", "png", "gif", "webp"];

/// One file that may be a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub file: PathBuf,
    /// Relative to the folder, with `/` on every system.
    pub path: String,
    pub bytes: u64,
    /// Nanoseconds since 1970; 0 where the file system keeps none.
    pub modified_ns: i64,
}

/// Something that was there and could not be taken, in words.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Problem {
    pub path: String,
    pub code: String,
    pub message: String,
}

#[derive(Debug, Default)]
pub struct Walk {
    /// Sorted by path.
    pub found: Vec<Found>,
    pub problems: Vec<Problem>,
    /// Every file that was seen and not hidden.
    pub seen: u64,
    pub hidden: u64,
    /// Files that are no pictures for us, by extension in lower case ("" for none).
    pub skipped: BTreeMap<String, u64>,
}

impl Walk {
    /// `7 files seen (3 .heic, 2 .txt)`
    pub fn seen(&self) -> String {
        match self.skipped.is_empty() {
            true => format!("{} files seen", self.seen),
            false => format!("{} files seen ({})", self.seen, kinds(&self.skipped)),
        }
    }
}

/// Walks `folder`, or takes it alone when it is a file.
pub fn walk(folder: &Path) -> Result<Walk, BuildError> {
    let kind = fs::metadata(folder).map_err(|source| BuildError::io("read", folder, source))?;
    let mut walk = Walk::default();
    let base = match kind.is_dir() {
        true => folder,
        false => folder.parent().unwrap_or(Path::new("")),
    };
    let mut entries = walkdir::WalkDir::new(folder)
        .follow_links(true)
        .sort_by_file_name()
        .into_iter();
    while let Some(entry) = entries.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                walk.problems.push(unreadable(base, &error));
                continue;
            }
        };
        if entry.depth() > 0 && entry.file_name().as_encoded_bytes().starts_with(b".") {
            walk.hidden += 1;
            if entry.file_type().is_dir() {
                entries.skip_current_dir();
            }
            continue;
        }
        if entry.file_type().is_dir() {
            if entry.depth() > 0 && entry.path().join(".nearsight").is_dir() {
                entries.skip_current_dir();
            }
            continue;
        }
        take(base, &entry, &mut walk);
    }
    // The walk sorts within folders; the whole path decides the order of ids.
    walk.found.sort_by(|a, b| a.path.cmp(&b.path));
    walk.problems.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(walk)
}

fn take(base: &Path, entry: &walkdir::DirEntry, walk: &mut Walk) {
    let file = entry.path();
    let lossy = || shown(base, file);
    let mut problem = |code: &str, message: String| {
        walk.problems.push(Problem {
            path: lossy(),
            code: code.to_string(),
            message,
        })
    };
    let metadata = match entry.metadata() {
        Ok(metadata) => metadata,
        Err(error) => return problem("io_failed", format!("cannot be read: {error}")),
    };
    // A pipe or a device would block the build for ever.
    if !metadata.is_file() {
        return;
    }
    walk.seen += 1;
    let extension = file
        .extension()
        .map(|extension| extension.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    if !EXTENSIONS.contains(&extension.as_str()) {
        match starts_like_a_picture(file) {
            Ok(true) => {}
            // Without the extension of a picture, an unreadable file is not our business.
            Ok(false) | Err(_) => {
                *walk.skipped.entry(extension).or_default() += 1;
                return;
            }
        }
    }
    let Some(path) = relative(base, file) else {
        return problem(
            "name_unreadable",
            "the name is not valid UTF-8, so no page could name it; rename the file".to_string(),
        );
    };
    let modified_ns = metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .and_then(|since| i64::try_from(since.as_nanos()).ok())
        .unwrap_or(0);
    walk.found.push(Found {
        file: file.to_path_buf(),
        path,
        bytes: metadata.len(),
        modified_ns,
    });
}

/// The first bytes of the formats that `image` reads.
fn starts_like_a_picture(file: &Path) -> std::io::Result<bool> {
    let mut start = [0u8; 12];
    let mut filled = 0;
    let mut source = File::open(file)?;
    while filled < start.len() {
        match source.read(&mut start[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    let start = &start[..filled];
    Ok(start.starts_with(&[0xff, 0xd8, 0xff])
        || start.starts_with(b"\x89PNG\r\n\x1a\n")
        || start.starts_with(b"GIF87a")
        || start.starts_with(b"GIF89a")
        || (start.len() == 12 && start.starts_with(b"RIFF") && &start[8..] == b"WEBP"))
}

fn unreadable(base: &Path, error: &walkdir::Error) -> Problem {
    let path = error
        .path()
        .map(|path| shown(base, path))
        .unwrap_or_default();
    let (code, message) = match (error.loop_ancestor(), error.io_error()) {
        (Some(ancestor), _) => (
            "link_loop",
            format!(
                "a link that leads back to {}; not followed",
                ancestor.display()
            ),
        ),
        (None, Some(cause)) if cause.kind() == std::io::ErrorKind::NotFound => {
            ("link_broken", "a link that leads nowhere".to_string())
        }
        (None, Some(cause)) => ("io_failed", format!("cannot be read: {cause}")),
        (None, None) => ("io_failed", error.to_string()),
    };
    Problem {
        path,
        code: code.to_string(),
        message,
    }
}

fn relative(base: &Path, file: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = file
        .strip_prefix(base)
        .unwrap_or(file)
        .components()
        .map(|part| part.as_os_str().to_str())
        .collect();
    parts.map(|parts| parts.join("/"))
}

fn shown(base: &Path, file: &Path) -> String {
    file.strip_prefix(base)
        .unwrap_or(file)
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const JPEG_START: &[u8] = &[
        0xff, 0xd8, 0xff, 0xe0, 0, 16, b'J', b'F', b'I', b'F', 0, 1, 1,
    ];

    fn write(root: &Path, path: &str, bytes: &[u8]) {
        let file = root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }

    fn paths(walk: &Walk) -> Vec<&str> {
        walk.found.iter().map(|found| found.path.as_str()).collect()
    }

    #[test]
    fn the_order_is_that_of_the_whole_path() {
        let root = tempfile::tempdir().unwrap();
        for path in ["b/2.jpg", "a.jpg", "b.jpg", "b/10.jpg", "a/z.jpg"] {
            write(root.path(), path, JPEG_START);
        }
        let walk = walk(root.path()).unwrap();
        assert_eq!(
            paths(&walk),
            ["a.jpg", "a/z.jpg", "b.jpg", "b/10.jpg", "b/2.jpg"]
        );
    }

    #[test]
    fn content_counts_where_the_extension_says_nothing() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "scan", JPEG_START);
        write(root.path(), "notes.txt", b"nothing to see");
        write(root.path(), "phone.HEIC", b"\0\0\0\x18ftypheic");
        write(root.path(), "short", b"x");
        let walk = walk(root.path()).unwrap();
        assert_eq!(paths(&walk), ["scan"]);
        assert_eq!(walk.seen, 4);
        assert_eq!(walk.skipped["heic"], 1);
        assert_eq!(
            walk.seen(),
            "4 files seen (1 without extension, 1 .heic, 1 .txt)"
        );
    }

    #[test]
    fn hidden_files_and_own_output_are_left_out() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "a.jpg", JPEG_START);
        write(root.path(), ".trash/b.jpg", JPEG_START);
        write(root.path(), "._a.jpg", JPEG_START);
        write(root.path(), "site/thumbs/c.jpg", JPEG_START);
        write(root.path(), "site/.nearsight/state.json", b"{}");
        let walk = walk(root.path()).unwrap();
        assert_eq!(paths(&walk), ["a.jpg"]);
        assert_eq!(walk.hidden, 2);
    }

    #[cfg(unix)]
    #[test]
    fn a_loop_of_links_ends_and_is_reported() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "in/a.jpg", JPEG_START);
        std::os::unix::fs::symlink(root.path(), root.path().join("in/back")).unwrap();
        std::os::unix::fs::symlink("nowhere.jpg", root.path().join("gone.jpg")).unwrap();
        let walk = walk(root.path()).unwrap();
        assert_eq!(paths(&walk), ["in/a.jpg"]);
        let codes: Vec<_> = walk.problems.iter().map(|p| p.code.as_str()).collect();
        assert_eq!(codes, ["link_broken", "link_loop"]);
    }

    #[test]
    fn a_single_file_is_a_walk_of_one() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "one.png", b"anything");
        let walk = walk(&root.path().join("one.png")).unwrap();
        assert_eq!(paths(&walk), ["one.png"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_that_is_no_text_is_reported() {
        use std::os::unix::ffi::OsStrExt;
        let root = tempfile::tempdir().unwrap();
        let name = std::ffi::OsStr::from_bytes(b"caf\xe9.jpg");
        fs::write(root.path().join(name), JPEG_START).unwrap();
        let walk = walk(root.path()).unwrap();
        assert!(walk.found.is_empty());
        assert_eq!(walk.problems[0].code, "name_unreadable");
    }
}
