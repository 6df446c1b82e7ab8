#![no_main]
//! A file of vectors (.npy, .f32, .parquet, as the first byte says) is refused, or gives rows: of unit length where the angle counts.

use libfuzzer_sys::fuzz_target;
use nearsight::build::{Shape, VectorFile};
use nearsight::quantize::Metric;
use nearsight_fuzz::written;

// The Parquet reader panics at some damaged pages; that is caught and refused. What nobody catches still ends the run.
fuzz_target!(init: std::panic::set_hook(Box::new(|_| {})), |bytes: &[u8]| {
    let Some((&kind, bytes)) = bytes.split_first() else {
        return;
    };
    let (ending, dimension) = match kind % 4 {
        0 => ("npy", None),
        1 => ("f32", Some(usize::from(kind / 4))),
        2 => ("npy", Some(8)),
        _ => ("parquet", None),
    };
    let path = written(bytes, ending);
    let file = VectorFile {
        path: &path,
        dimension,
        column: None,
        shape: if kind & 64 == 0 { Shape::Table } else { Shape::TableOrRow },
        metric: if kind & 128 == 0 { Metric::Cosine } else { Metric::Euclidean },
    };
    if let Ok(vectors) = file.read() {
        assert!(vectors.dimension > 0);
        assert_eq!(vectors.values.len() % vectors.dimension, 0);
        for row in vectors.values.chunks_exact(vectors.dimension) {
            let length: f64 = row.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
            assert!(length.is_finite());
            assert!(!file.metric.is_cosine() || (length - 1.0).abs() < 1e-3, "{length}");
        }
    }
});
