//! A folder with pictures that are made here, and the program run on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nearsight::build::State;
use serde_json::Value;
use tempfile::TempDir;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_nearsight");

pub fn nearsight(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the program starts")
}

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_remove("NEARSIGHT_PAGE");
    command
}

/// Runs with `--json`; gives the exit status and the one object on standard output.
pub fn json(arguments: &[&str]) -> (i32, Value) {
    let output = nearsight(&[arguments, &["--json", "--quiet"]].concat());
    let value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "{arguments:?} printed no JSON ({error}): {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    });
    (output.status.code().unwrap_or(-1), value)
}

pub fn ok(arguments: &[&str]) -> Value {
    let (status, value) = json(arguments);
    assert_eq!(status, 0, "{arguments:?}: {value}");
    value
}

pub fn refused(arguments: &[&str]) -> (String, String) {
    let (status, value) = json(arguments);
    assert_eq!(status, 1, "{arguments:?}: {value}");
    let error = &value["error"];
    let text = |key: &str| error[key].as_str().unwrap_or_default().to_string();
    (text("code"), text("message"))
}

/// Numbers as a file of raw vectors holds them.
pub fn raw(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// A JPEG that is unlike those of other seeds: stripes and discs of seeded size and colour.
pub fn jpeg(seed: u32, width: u16, height: u16) -> Vec<u8> {
    let mix = |salt: u32| {
        let mut x = (seed.wrapping_mul(0x9e37_79b9)) ^ salt.wrapping_mul(0x85eb_ca6b);
        x ^= x >> 15;
        x = x.wrapping_mul(0x2c1b_3c6d);
        (x ^ (x >> 12)) as i32 & 0xff
    };
    let (w, h) = (i32::from(width), i32::from(height));
    let (cx, cy) = (w * mix(1) / 255, h * mix(2) / 255);
    let radius = (w.min(h) * (40 + mix(3) / 2) / 255).max(1);
    let (stripe, slope) = (3 + mix(4) / 8, mix(5) % 3 - 1);
    let mut rgb = Vec::with_capacity(usize::from(width) * usize::from(height) * 3);
    for y in 0..h {
        for x in 0..w {
            let disc = (x - cx).pow(2) + (y - cy).pow(2) < radius.pow(2);
            let line = (x + slope * y).rem_euclid(2 * stripe) < stripe;
            let colour = match (disc, line) {
                (true, _) => [mix(6), mix(7), mix(8)],
                (false, true) => [mix(9), mix(10), mix(11)],
                (false, false) => [mix(12), mix(13), mix(14)],
            };
            rgb.extend(colour.map(|value| value as u8));
        }
    }
    let mut bytes = Vec::new();
    jpeg_encoder::Encoder::new(&mut bytes, 90)
        .encode(&rgb, width, height, jpeg_encoder::ColorType::Rgb)
        .expect("encodes");
    bytes
}

pub struct Place {
    folder: TempDir,
}

impl Place {
    /// A folder `photos` with pictures `0.jpg`, `1.jpg`, …, some of them in `more/`.
    pub fn with(pictures: u32) -> Self {
        let place = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        fs::create_dir(place.path("photos")).expect("a folder");
        for number in 0..pictures {
            let folder = if number % 3 == 2 {
                "photos/more/"
            } else {
                "photos/"
            };
            place.write(&format!("{folder}{number}.jpg"), &jpeg(number, 96, 80));
        }
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("plain names").to_string()
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("below a folder")).expect("a folder");
        fs::write(path, bytes).expect("written");
    }

    pub fn build(&self) -> Value {
        ok(&[
            "build",
            &self.text("photos"),
            "-o",
            &self.text("site"),
            "--no-page",
        ])
    }

    pub fn search(&self, picture: &str) -> Value {
        ok(&["search", &self.text("site"), &self.text(picture), "-k", "3"])
    }

    /// Where the full vectors of the published epoch lie.
    pub fn full_vectors(&self) -> PathBuf {
        let state = State::open(&self.path("site")).expect("full vectors");
        state.file().to_path_buf()
    }

    /// Brings the full vectors of another index into the site, as they lie when a run dies before it publishes their epoch.
    pub fn bring_full_vectors_of(&self, other: &Path) {
        for entry in fs::read_dir(other.join(".nearsight")).expect("an index") {
            let file = entry.expect("an entry").path();
            let name = file.file_name().and_then(|name| name.to_str());
            let name = name.expect("plain names");
            if ["state-", "vectors-"]
                .iter()
                .any(|kind| name.starts_with(kind))
            {
                let to = self.path("site/.nearsight").join(name);
                fs::copy(&file, to).expect("copied");
            }
        }
    }

    pub fn manifest(&self) -> Vec<u8> {
        fs::read(self.path("site/manifest.json")).expect("published")
    }

    /// Id by path, as a search over everything tells.
    pub fn ids(&self) -> Vec<(String, u64)> {
        let first = fs::read_dir(self.path("photos"))
            .expect("photos")
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .find(|path| path.extension().is_some_and(|extension| extension == "jpg"))
            .expect("a picture");
        let answer = ok(&[
            "search",
            &self.text("site"),
            first.to_str().expect("plain"),
            "-k",
            "1000",
            "--exact",
            "--include-private",
        ]);
        let hits = answer["hits"].as_array().expect("hits");
        let mut ids: Vec<(String, u64)> = hits
            .iter()
            .map(|hit| {
                (
                    hit["path"].as_str().unwrap().to_string(),
                    hit["id"].as_u64().unwrap(),
                )
            })
            .collect();
        ids.sort();
        ids
    }
}

pub fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}
