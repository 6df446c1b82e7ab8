//! Bytes → the name they are published under, and a name → whether bytes may carry it.
//!
//! The name holds 128 bits of the content's BLAKE3 hash. So a file never changes under its name
//! (caches may keep it for ever), two epochs share what did not change, and whoever has the
//! manifest can check every byte that the manifest leads to.

use serde::{Deserialize, Serialize};

use super::IndexError;

/// Hexadecimal digits of the hash in a name: 128 bits.
const HASH_DIGITS: usize = 32;
/// Longest name accepted.
const NAME_LIMIT_BYTES: usize = 128;

/// A file that the manifest names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileRef {
    /// Where it lies beside the manifest; the hash of the content is part of it.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

impl FileRef {
    /// Names `bytes` by their content: `cells`, `nss` → `cells-<hash>.nss`.
    pub fn of(stem: &str, bytes: &[u8], extension: &str) -> Self {
        Self {
            name: content_name(stem, bytes, extension),
            bytes: bytes.len() as u64,
        }
    }

    /// Refuses bytes that are not the ones this name was given to.
    pub fn verify(&self, bytes: &[u8]) -> Result<(), IndexError> {
        refuse_html(&self.name, bytes)?;
        if bytes.len() as u64 != self.bytes {
            return Err(IndexError::Size {
                name: self.name.clone(),
                found_bytes: bytes.len() as u64,
                expected_bytes: self.bytes,
            });
        }
        let found = hash_digits(bytes);
        if hash_in_name(&self.name) != Some(found.as_str()) {
            return Err(IndexError::Hash {
                name: self.name.clone(),
                found,
            });
        }
        Ok(())
    }

    /// Refuses a name that could lead out of the index's folder, or that holds no hash.
    pub(super) fn check(&self, manifest: &str) -> Result<(), IndexError> {
        let safe = self.name.len() <= NAME_LIMIT_BYTES
            && self.name.split('/').count() <= 2
            && self.name.split('/').all(|part| {
                !part.is_empty()
                    && !part.starts_with('.')
                    && part
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            });
        if safe && hash_in_name(&self.name).is_some() {
            return Ok(());
        }
        let shown: String = self.name.chars().take(NAME_LIMIT_BYTES).collect();
        Err(IndexError::inconsistent(
            manifest,
            format!("{shown:?} is no name of an index file"),
        ))
    }
}

/// The name under which `bytes` are published: `content_name("cells", …, "nss")` gives
/// `cells-<32 hex digits>.nss`, an empty stem the hash alone, and `model/` a folder before it.
pub fn content_name(stem: &str, bytes: &[u8], extension: &str) -> String {
    let dash = if stem.is_empty() || stem.ends_with('/') {
        ""
    } else {
        "-"
    };
    format!("{stem}{dash}{}.{extension}", hash_digits(bytes))
}

/// The hash that a name states, if it states one: the 32 digits before the extension.
pub fn hash_in_name(name: &str) -> Option<&str> {
    let (stem, _extension) = name.rsplit_once('.')?;
    let start = stem.len().checked_sub(HASH_DIGITS)?;
    let digits = stem.get(start..)?;
    let alone = start == 0 || matches!(stem.as_bytes()[start - 1], b'-' | b'/');
    let hexadecimal = digits
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (alone && hexadecimal).then_some(digits)
}

/// Static hosts answer a missing path with a page and status 200 surprisingly often; "checksum
/// differs" would send the reader looking in the wrong place.
pub(super) fn refuse_html(name: &str, bytes: &[u8]) -> Result<(), IndexError> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let start = text.iter().position(|byte| !byte.is_ascii_whitespace());
    match start.map(|at| text[at]) {
        Some(b'<') => Err(IndexError::Html {
            name: name.to_owned(),
        }),
        _ => Ok(()),
    }
}

fn hash_digits(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..HASH_DIGITS].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_states_the_hash_of_its_content() {
        let name = content_name("cells", b"rows", "nss");
        assert_eq!(
            hash_in_name(&name),
            Some(&blake3::hash(b"rows").to_hex()[..32])
        );
        assert_eq!(name, format!("cells-{}.nss", hash_in_name(&name).unwrap()));
        assert!(content_name("model/", b"rows", "onnx").starts_with("model/"));
        assert!(hash_in_name(&content_name("model/", b"rows", "onnx")).is_some());
    }

    #[test]
    fn names_without_a_whole_hash_state_none() {
        for name in [
            "",
            ".",
            "cells.nss",
            "cells-12.nss",
            "ä",
            "cells-0123456789ABCDEF0123456789ABCDEF.nss",
        ] {
            assert_eq!(hash_in_name(name), None, "{name}");
        }
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_refused() {
        let digits = "0".repeat(32);
        for name in [
            format!("../cells-{digits}.nss"),
            format!("/cells-{digits}.nss"),
            format!("a/b/cells-{digits}.nss"),
            format!(".hidden/cells-{digits}.nss"),
            format!("cells:{digits}.nss"),
            format!("http://x/cells-{digits}.nss"),
        ] {
            assert!(
                FileRef {
                    name: name.clone(),
                    bytes: 1
                }
                .check("manifest.json")
                .is_err(),
                "{name}"
            );
        }
        assert!(
            FileRef {
                name: format!("model/{digits}.onnx"),
                bytes: 1
            }
            .check("m")
            .is_ok()
        );
    }

    #[test]
    fn other_bytes_under_the_same_name_are_refused() {
        let file = FileRef::of("cells", b"rows", "nss");
        assert_eq!(file.verify(b"rows"), Ok(()));
        assert!(matches!(file.verify(b"rowz"), Err(IndexError::Hash { .. })));
        assert!(matches!(file.verify(b"row"), Err(IndexError::Size { .. })));
        assert!(matches!(
            file.verify(b"\n <!doctype html>"),
            Err(IndexError::Html { .. })
        ));
    }
}
