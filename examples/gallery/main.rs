//! Folder → the demo's pictures: renders every class of the gallery and writes `metadata.csv` beside them.
//!
//! ```text
//! cargo run --release --example gallery -- www/gallery               # render everything
//! cargo run --release --example gallery -- www/gallery --only vases  # one class, metadata untouched
//! cargo run --release --example gallery -- www/gallery --check       # render and compare, exit 1 on a difference
//! cargo run --release --example gallery -- look --draft              # half size, no antialiasing, to try a shape out
//! ```
//! The pictures are made here and nowhere else, so the demo ships no photograph anybody else owns. The same source gives
//! the same bytes on every machine (see `maths.rs` for how).

mod catalogue;
mod cord;
mod draw;
mod floors;
mod frame;
mod light;
mod march;
mod materials;
mod maths;
mod noise;
mod palette;
mod patterns;
mod picture;
mod scene;
mod sdf;
mod shapes;

use catalogue::{CLASSES, Class, EACH};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const USAGE: &str = "usage: gallery FOLDER [--only CLASS] [--check] [--draft]";

struct Request {
    folder: PathBuf,
    only: Option<String>,
    check: bool,
    draft: bool,
}

fn request(mut args: impl Iterator<Item = String>) -> Result<Request, String> {
    let (mut folder, mut only, mut check, mut draft) = (None, None, false, false);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--check" => check = true,
            "--draft" => draft = true,
            "--only" => only = Some(args.next().ok_or("--only needs the name of a class")?),
            flag if flag.starts_with('-') => {
                return Err(format!("{flag} is not an option; {USAGE}"));
            }
            _ if folder.is_none() => folder = Some(PathBuf::from(arg)),
            extra => return Err(format!("{extra}: only one folder can be given; {USAGE}")),
        }
    }
    let unknown = only
        .as_ref()
        .filter(|name| !CLASSES.iter().any(|c| c.name == name.as_str()));
    if let Some(name) = unknown {
        let known: Vec<_> = CLASSES.iter().map(|c| c.name).collect();
        return Err(format!(
            "{name} is not a class of the gallery; the classes are {}",
            known.join(", ")
        ));
    }
    Ok(Request {
        folder: folder.ok_or(USAGE)?,
        only,
        check,
        draft,
    })
}

/// One line of `metadata.csv` and the file it speaks of.
struct Made {
    path: String,
    title: String,
    tags: String,
    bytes: Vec<u8>,
}

fn make(class: &Class, index: u32, draft: bool) -> Result<Made, String> {
    let picture = picture::render(class, index, EACH, draft);
    let path = format!("{}/{:02}.jpg", class.name, index + 1);
    let bytes = picture
        .frame
        .jpeg(class.limit_bytes)
        .map_err(|e| format!("{path}: {e}"))?;
    Ok(Made {
        path,
        title: picture.title,
        tags: picture.tags.join(";"),
        bytes,
    })
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_string()
    }
}

/// Writes the file, or with `check` compares it with the one that is there.
fn settle(file: &Path, bytes: &[u8], check: bool) -> Result<(), String> {
    let name = file.display();
    if check {
        let there = std::fs::read(file)
            .map_err(|e| format!("{name}: {e}; render the gallery without --check"))?;
        if there != bytes {
            return Err(format!(
                "{name}: differs from what this source renders; render the gallery again"
            ));
        }
        return Ok(());
    }
    if let Some(parent) = file.parent() {
        std::fs::create_dir_all(parent).map_err(|e| format!("{}: {e}", parent.display()))?;
    }
    std::fs::write(file, bytes).map_err(|e| format!("{name}: {e}"))
}

fn run(request: &Request) -> Result<(usize, usize), Vec<String>> {
    let jobs: Vec<(&Class, u32)> = CLASSES
        .iter()
        .filter(|c| request.only.as_ref().is_none_or(|name| c.name == name))
        .flat_map(|c| (0..EACH).map(move |i| (c, i)))
        .collect();
    let next = AtomicUsize::new(0);
    let lines = Mutex::new(vec![String::new(); jobs.len()]);
    let faults = Mutex::new(Vec::new());
    let total = AtomicUsize::new(0);
    let work = || loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let Some((class, index)) = jobs.get(at) else {
            break;
        };
        let done = make(class, *index, request.draft).and_then(|made| {
            total.fetch_add(made.bytes.len(), Ordering::Relaxed);
            let line = [&made.path, &made.title, &made.tags]
                .map(|f| quoted(f))
                .join(",");
            lines
                .lock()
                .expect("no worker panics while it holds the lines")[at] =
                line + ",nearsight gallery\n";
            settle(&request.folder.join(&made.path), &made.bytes, request.check)
        });
        if let Err(fault) = done {
            faults
                .lock()
                .expect("no worker panics while it holds the faults")
                .push(fault);
        }
    };
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let mut faults = faults.into_inner().expect("all workers have ended");
    if request.only.is_none() {
        let table = lines.into_inner().expect("all workers have ended").concat();
        let csv = format!("path,title,tags,owner\n{table}");
        if let Err(fault) = settle(
            &request.folder.join("metadata.csv"),
            csv.as_bytes(),
            request.check,
        ) {
            faults.push(fault);
        }
    }
    faults.sort();
    if faults.is_empty() {
        Ok((jobs.len(), total.into_inner()))
    } else {
        Err(faults)
    }
}

fn main() -> ExitCode {
    let request = match request(std::env::args().skip(1)) {
        Ok(request) => request,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    let start = std::time::Instant::now();
    match run(&request) {
        Ok((pictures, bytes)) => {
            let verb = if request.check { "checked" } else { "rendered" };
            println!(
                "{verb} {pictures} pictures, {bytes} bytes, in {:.1} s",
                start.elapsed().as_secs_f32()
            );
            ExitCode::SUCCESS
        }
        Err(faults) => {
            for fault in &faults {
                eprintln!("{fault}");
            }
            eprintln!(
                "{} of the gallery's files are not as they should be",
                faults.len()
            );
            ExitCode::from(1)
        }
    }
}
