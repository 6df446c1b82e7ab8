//! Milliseconds to load a model and to embed a picture: the default model, or another one.
//!
//! `cargo bench --bench embedding -- [MODEL.onnx MODEL.json [PICTURE]]`

use std::time::Instant;

use nearsight::embed::{Embedder, Sidecar, pattern};
use nearsight::image::Limits;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Cargo hands a `--bench` over.
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"))
        .collect();
    let own = ["models/nearsight-128.onnx", "models/nearsight-128.json"].map(String::from);
    let (onnx, sidecar, picture) = match args.as_slice() {
        [] => (&own[0], &own[1], &[][..]),
        [onnx, sidecar, picture @ ..] => (onnx, sidecar, picture),
        _ => return Err("usage: embedding [MODEL.onnx MODEL.json [PICTURE]]".into()),
    };
    let (onnx, sidecar) = (std::fs::read(onnx)?, std::fs::read(sidecar)?);
    let sidecar = Sidecar::parse(&sidecar)?;
    let best = |label: &str, times: u32, mut run: Box<dyn FnMut() + '_>| {
        let took = (0..times).map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64() * 1e3
        });
        let took: Vec<f64> = took.collect();
        let least = took.iter().copied().fold(f64::INFINITY, f64::min);
        println!(
            "{label}: first {:.1} ms, best of {times} {least:.1} ms",
            took[0]
        );
    };
    let embedder = Embedder::load(&onnx, &sidecar)?;
    best(
        "load",
        5,
        Box::new(|| drop(Embedder::load(&onnx, &sidecar))),
    );
    let input = &sidecar.input;
    let pixels = pattern(input.width, input.height);
    best(
        "embed pixels",
        30,
        Box::new(|| drop(embedder.embed(&pixels))),
    );
    if let [path] = picture {
        let bytes = std::fs::read(path)?;
        let limits = Limits::default();
        embedder.embed_bytes(&bytes, &limits)?;
        best(
            "decode and embed",
            10,
            Box::new(|| drop(embedder.embed_bytes(&bytes, &limits))),
        );
    }
    Ok(())
}
