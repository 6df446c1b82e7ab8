//! Networks through the public door: kinds that are taken, kinds that are refused, and why.
//! The networks are written by `tests/fixtures/models/make.py`; their reference vectors come from ONNX Runtime.
//!
//! Networks that people bring along are tried where `NEARSIGHT_TEST_MODELS` names a folder that holds them
//! (see `tests/sidecars/make.py`).
//!
//! Without the feature `any-model` the plain ones are taken and the others refused:
//! `cargo test --release --no-default-features --features embed --test models`

// These tests run a program, threads or files: on the machine, not in the browser.
#![cfg(not(target_arch = "wasm32"))]
#![cfg(feature = "embed")]

use std::path::{Path, PathBuf};

use nearsight::embed::{ElementType, Embedder, Layout, Pooling, Sidecar, pattern};
use nearsight::image::Limits;

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn onnx(name: &str) -> Vec<u8> {
    std::fs::read(here().join("fixtures/models").join(format!("{name}.onnx"))).unwrap()
}

fn sidecar(name: &str) -> Sidecar {
    let path = here().join("fixtures/models").join(format!("{name}.json"));
    Sidecar::parse(&std::fs::read(path).unwrap()).unwrap()
}

const PLAIN: [&str; 4] = ["plain", "open-sides", "weight-only-int8", "float16-weights"];
/// Takes bytes, colours interleaved, and transposes them.
const OTHER: &str = "bytes-interleaved";

/// What this build runs.
fn taken() -> impl Iterator<Item = &'static str> {
    let other = cfg!(feature = "any-model").then_some(OTHER);
    PLAIN.into_iter().chain(other)
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn networks_of_every_kind_compute_what_onnx_runtime_computes() {
    for name in taken() {
        let sidecar = sidecar(name);
        let embedder =
            Embedder::load(&onnx(name), &sidecar).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(embedder.checked(), "{name}");
        let picture = pattern(sidecar.input.width, sidecar.input.height);
        let vector = embedder.embed(&picture).unwrap();
        assert_eq!(vector.len(), embedder.dimension());
        assert!((cosine(&vector, &vector) - 1.0).abs() < 1e-5, "{name}");
        let reference = sidecar.reference.unwrap().output;
        assert!(cosine(&vector, &reference) > 0.9999, "{name}");
    }
}

#[test]
fn which_networks_are_plain_is_known_without_loading_them() {
    let is_plain = |name: &str| Embedder::is_plain(&onnx(name), &sidecar(name));
    assert!(PLAIN.into_iter().all(is_plain));
    assert!(!is_plain(OTHER));
    assert!(!Embedder::is_plain(b"PK\x03\x04rest", &sidecar("plain")));
    let mut other = sidecar("plain");
    other.output.name = "logits".to_owned();
    assert!(!Embedder::is_plain(&onnx("plain"), &other));
}

#[cfg(not(feature = "any-model"))]
#[test]
fn a_network_that_is_not_plain_is_refused_with_what_is_needed() {
    let error = Embedder::load(&onnx(OTHER), &sidecar(OTHER)).unwrap_err();
    assert_eq!(error.code(), "model_needs_any_model");
    let error = Embedder::infer(&onnx("huge-value")).unwrap_err();
    assert_eq!(error.code(), "model_needs_any_model");
    for words in ["\"Pad\"", "any-model"] {
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn a_model_that_computes_something_else_is_refused_with_its_cosine() {
    let mut other = sidecar("plain");
    if let Some(reference) = &mut other.reference {
        reference.output.rotate_left(1);
    }
    let error = Embedder::load(&onnx("plain"), &other).unwrap_err();
    assert_eq!(error.code(), "model_reference_failed");
    assert!(error.to_string().contains("cosine"), "{error}");

    // A wrong mean is a wrong vector too, and nothing else would notice.
    let mut other = sidecar("plain");
    other.input.mean = [0.0; 3];
    let error = Embedder::load(&onnx("plain"), &other).unwrap_err();
    assert_eq!(error.code(), "model_reference_failed");
    let mut other = sidecar("plain");
    other.input.channels = nearsight::embed::Channels::Bgr;
    let error = Embedder::load(&onnx("plain"), &other).unwrap_err();
    assert_eq!(error.code(), "model_reference_failed");
}

#[test]
fn without_a_reference_the_embedder_says_that_nothing_was_checked() {
    let mut unchecked = sidecar("plain");
    unchecked.reference = None;
    let embedder = Embedder::load(&onnx("plain"), &unchecked).unwrap();
    assert!(!embedder.checked());
}

#[test]
fn what_the_sidecar_says_wrongly_is_named() {
    type Change = fn(&mut Sidecar);
    let wrong: [(&str, Change); 5] = [
        ("name of the input", |s| s.input.name = "pixels".into()),
        ("name of the output", |s| s.output.name = "logits".into()),
        ("type of the input", |s| {
            s.input.element = ElementType::Uint8
        }),
        ("shape of the input", |s| s.input.width = 32),
        ("numbers in the output", |s| s.output.dimension = 7),
    ];
    for (what, change) in wrong {
        let mut sidecar = sidecar("plain");
        sidecar.reference = None;
        change(&mut sidecar);
        let error = Embedder::load(&onnx("plain"), &sidecar).unwrap_err();
        assert_eq!(error.code(), "model_mismatch", "{what}");
        assert!(error.to_string().contains(what), "{error}");
    }
}

#[test]
fn networks_that_are_no_embedders_are_refused() {
    for (name, words) in [("two-inputs", "2 input(s)"), ("no-picture", "[1, 48]")] {
        let error = Embedder::infer(&onnx(name)).unwrap_err();
        assert_eq!(error.code(), "model_unsupported", "{name}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[cfg(feature = "any-model")]
#[test]
fn a_value_of_a_hundred_gigabytes_is_refused_before_anything_runs() {
    let error = Embedder::infer(&onnx("huge-value")).unwrap_err();
    assert_eq!(error.code(), "model_broken");
    assert!(error.to_string().contains("MiB"), "{error}");
}

#[test]
fn bytes_that_are_no_model_are_refused_with_advice() {
    for bytes in [
        &b""[..],
        b"{\"format\":1}",
        b"version https://git-lfs.github.com/spec/v1",
        b"PK\x03\x04rest",
        b"\x00\x01\x02\x03\x04\x05\x06\x07",
        b"plain text",
    ] {
        let error = Embedder::infer(bytes).unwrap_err();
        assert_eq!(error.code(), "model_broken", "{error}");
        assert!(error.to_string().contains("export it again"), "{error}");
    }
}

#[test]
fn a_model_without_sidecar_is_used_with_stated_assumptions() {
    let inferred = Embedder::infer(&onnx("plain")).unwrap();
    assert_eq!(inferred.sidecar.input.layout, Layout::Nchw);
    assert_eq!(inferred.sidecar.input.width, 16);
    assert_eq!(inferred.sidecar.output.dimension, 8);
    assert!(!inferred.checked);
    let said = inferred.assumed.join("; ");
    for words in ["ImageNet", "red, green, blue", "reference"] {
        assert!(said.contains(words), "{said}");
    }
    // The saved sidecar loads the model to the same vector.
    let again = Sidecar::parse(inferred.sidecar.to_json().as_bytes()).unwrap();
    let embedder = Embedder::load(&onnx("plain"), &again).unwrap();
    let picture = pattern(40, 30);
    assert_eq!(
        embedder.embed(&picture).unwrap(),
        inferred.embedder.embed(&picture).unwrap()
    );

    let open = Embedder::infer(&onnx("open-sides")).unwrap();
    assert_eq!(
        (open.sidecar.input.width, open.sidecar.input.height),
        (224, 224)
    );
    assert_eq!(open.sidecar.output.pooling, Pooling::Mean);
    if cfg!(not(feature = "any-model")) {
        return;
    }
    let bytes = Embedder::infer(&onnx(OTHER)).unwrap();
    assert_eq!(bytes.sidecar.input.layout, Layout::Nhwc);
    assert_eq!(bytes.sidecar.input.element, ElementType::Uint8);
}

#[test]
fn a_file_and_its_pixels_give_the_same_vector() {
    let embedder = Embedder::load(&onnx("plain"), &sidecar("plain")).unwrap();
    let file = std::fs::read(here().join("fixtures/pictures/rgb.png")).unwrap();
    let (vector, picture) = embedder.embed_bytes(&file, &Limits::default()).unwrap();
    assert_eq!(embedder.embed(&picture).unwrap(), vector);
    let error = embedder.embed_bytes(b"", &Limits::default()).unwrap_err();
    assert_eq!(error.code(), "picture_empty");
}

#[test]
fn a_damaged_model_is_refused_or_computes_its_reference() {
    for name in taken() {
        let (whole, sidecar) = (onnx(name), sidecar(name));
        for length in (0..whole.len()).step_by(61) {
            let cut = Embedder::load(&whole[..length], &sidecar);
            assert!(cut.is_err(), "{name} cut at {length}");
        }
        let mut damaged = whole.clone();
        for at in (0..whole.len()).step_by(23) {
            for flip in [0x01, 0x80, 0xFF] {
                damaged[at] ^= flip;
                // Either answer is right (a name in a comment may change); a panic is not.
                let _ = Embedder::load(&damaged, &sidecar);
                damaged[at] ^= flip;
            }
        }
    }
}

/// What people bring along. Each must compute what ONNX Runtime computed, or be refused as not doing so.
#[test]
fn networks_that_people_bring_are_computed_rightly_or_refused() {
    let Some(folder) = std::env::var_os("NEARSIGHT_TEST_MODELS") else {
        println!("NEARSIGHT_TEST_MODELS is not set: only the fixtures were tried");
        return;
    };
    for name in ["teacher", "osnet-x025-512", "mobilenet-v1-int8-nhwc"] {
        let file = format!("{name}.onnx");
        let folder = Path::new(&folder);
        let path = [folder.join(&file), folder.join("byo").join(&file)]
            .into_iter()
            .find(|path| path.is_file())
            .unwrap_or_else(|| panic!("{file} is not in {}", folder.display()));
        let onnx = std::fs::read(path).unwrap();
        let sidecar = here().join("sidecars").join(format!("{name}.json"));
        let sidecar = Sidecar::parse(&std::fs::read(sidecar).unwrap()).unwrap();
        let start = std::time::Instant::now();
        match Embedder::load(&onnx, &sidecar) {
            Err(error)
                if cfg!(not(feature = "any-model")) && error.code() == "model_needs_any_model" =>
            {
                println!("{name}: {error}");
            }
            Ok(embedder) => {
                let picture = pattern(sidecar.input.width, sidecar.input.height);
                let found = embedder.embed(&picture).unwrap();
                let cosine = cosine(&found, &sidecar.reference.unwrap().output);
                println!(
                    "{name}: loaded in {:?}, cosine {cosine:.6}",
                    start.elapsed()
                );
                assert!(embedder.checked());
            }
            Err(error) => {
                println!("{name}: {error}");
                assert_eq!(error.code(), "model_reference_failed", "{name}");
                assert_eq!(name, "mobilenet-v1-int8-nhwc", "floats must agree");
            }
        }
    }
}
