//! Small valid inputs for the fuzz targets, one folder a target: `cargo run --release --example seeds`.
//!
//! They are made of the indexes and pictures of `tests/` and of what is written here, so none is committed. See CONTRIBUTING.md.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> anyhow::Result<()> {
    use std::fs;
    use std::path::Path;

    use nearsight::build::assemble::Encoding;
    use nearsight::build::fresh;
    use nearsight::partition::{PartitionOptions, Rows};
    use nearsight::quantize::Metric;

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = root.join("fuzz/corpus");
    let put = |target: &str, name: &str, bytes: &[u8]| -> anyhow::Result<()> {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        Ok(fs::write(folder.join(name), bytes)?)
    };

    for (kind, name) in [("six", "small"), ("nine", "other")] {
        let (mut routing, mut segment) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(root.join("tests/compat/v2").join(kind))? {
            let entry = entry?;
            let file = entry.file_name().to_string_lossy().into_owned();
            let bytes = fs::read(entry.path())?;
            match file.split(['-', '.']).next() {
                Some("manifest") => put("manifest", name, &bytes)?,
                Some("routing") => {
                    put("routing", name, &bytes)?;
                    routing = bytes;
                }
                Some("cells") => {
                    put("segment", &file, &bytes)?;
                    segment = bytes;
                }
                // The first few blocks' worth: a megabyte of records teaches no more.
                Some("records") => put("records", name, &bytes)?,
                _ => {}
            }
        }
        let length = u16::try_from(routing.len())?.to_le_bytes();
        put("ranges", name, &[&length[..], &routing, &segment].concat())?;
    }

    // One of vectors that are near by their distance: its routing has a frame.
    let values: Vec<f32> = (0..256).map(|i| ((i * 37) % 91) as f32 - 40.0).collect();
    let ids: Vec<u32> = (0..64).collect();
    let encoding = Encoding {
        metric: Some(Metric::Euclidean),
        ..Encoding::default()
    };
    let made = fresh(
        Rows::new(&values, 4)?,
        &ids,
        &PartitionOptions::default(),
        &encoding,
        &mut |_| (),
    )?;
    let (_, routing) = &made.assembled.files[0];
    put("routing", "by-distance", routing)?;
    let manifest = made.assembled.manifest.to_json();
    put("manifest", "by-distance", manifest.as_bytes())?;

    for entry in fs::read_dir(root.join("tests/fixtures/pictures"))? {
        let entry = entry?;
        let file = entry.file_name().to_string_lossy().into_owned();
        if !file.ends_with(".py") {
            put("picture", &file, &fs::read(entry.path())?)?;
        }
    }

    for name in ["plain", "weight-only-int8", "float16-weights", "open-sides"] {
        let file = format!("tests/fixtures/models/{name}.onnx");
        put("model", name, &fs::read(root.join(file))?)?;
    }

    let values: Vec<f32> = (0..24).map(|i| (i % 7) as f32 - 2.5).collect();
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let header = |shape: &str| {
        let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
        let padded = format!("{text:<117}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((padded.len() as u16).to_le_bytes());
        bytes.extend(padded.as_bytes());
        bytes
    };
    put(
        "vectors",
        "npy",
        &[&[0], &header("(3, 8)")[..], &raw].concat(),
    )?;
    put(
        "vectors",
        "npy-row",
        &[&[64], &header("(24,)")[..], &raw].concat(),
    )?;
    put(
        "vectors",
        "npy-of-8",
        &[&[2], &header("(3, 8)")[..], &raw].concat(),
    )?;
    put("vectors", "f32", &[&[4 * 8 + 1], &raw[..]].concat())?;
    put("vectors", "parquet", &[&[3], &table(&values)?[..]].concat())?;
    for name in ["polars", "polars-array", "zstd-v2", "zstd-plain", "gzip"] {
        let file = fs::read(root.join(format!("tests/fixtures/vectors/{name}.parquet")))?;
        put("vectors", name, &[&[3], &file[..]].concat())?;
    }

    let events = r#"{"events":[
      {"type":"impression","event_id":"e1","session":"s1","search_id":"q1","epoch":3,"query":{"image_id":7},
       "shown":[{"image_id":9,"position":0,"cell":2}],"probed":[2,5],"scanned":120,"took_ms":0.4,"at":1700000000000},
      {"type":"click","event_id":"e2","session":"s1","search_id":"q1","image_id":9,"position":0,"at":1700000000500}]}"#;
    put("events", "two", events.as_bytes())?;

    let csv = "path,id,url,title,owner,uploaded,tags,private\na.jpg,7,https://example.org/7,\"A, b\",me,2026-01-02,red;blue,yes\nb/a.jpg,8,,,,,,no\n";
    put("metadata", "csv", &[&[0], csv.as_bytes()].concat())?;
    let semicolons = "filename;title;tags\na.jpg;x;y\n";
    put(
        "metadata",
        "semicolons",
        &[&[2], semicolons.as_bytes()].concat(),
    )?;
    let json = r#"[{"path":"a.jpg","tags":["x","y"],"private":true},{"filename":"a.jpg","id":3}]"#;
    put("metadata", "json", &[&[1], json.as_bytes()].concat())?;
    let by_path = r#"{"a.jpg":{"title":"t","owner":null,"tags":"x;y"}}"#;
    put(
        "metadata",
        "json-by-path",
        &[&[1], by_path.as_bytes()].concat(),
    )?;

    let raw = &raw[..24 * 4];
    for (name, options) in [
        ("default", "{}"),
        (
            "all",
            r#"{"k":5,"recall":0.9,"min_score":-0.5,"exact":false,"max_cells":4,"exclude":3,"distinct":0.9}"#,
        ),
        ("exact", r#"{"k":1000,"exact":true,"distinct":0.5}"#),
    ] {
        let length = [u8::try_from(options.len())?];
        put(
            "options",
            name,
            &[&length, options.as_bytes(), raw].concat(),
        )?;
    }
    let sidecar = fs::read(root.join("tests/sidecars/teacher.json"))?;
    put("sidecar", "teacher", &sidecar)?;
    println!("{} has a folder for each target", corpus.display());
    Ok(())
}

/// A Parquet file with one column of three lists of eight floats.
#[cfg(not(target_arch = "wasm32"))]
fn table(values: &[f32]) -> anyhow::Result<Vec<u8>> {
    use std::sync::Arc;

    use parquet::data_type::FloatType;
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    let schema =
        "message m { optional group v (LIST) { repeated group list { optional float element; } } }";
    let schema = Arc::new(parse_message_type(schema)?);
    let properties = Arc::new(WriterProperties::builder().build());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties)?;
    let definition = vec![3i16; values.len()];
    let repetition: Vec<i16> = (0..values.len()).map(|i| i16::from(i % 8 > 0)).collect();
    let mut group = writer.next_row_group()?;
    while let Some(mut column) = group.next_column()? {
        let typed = column.typed::<FloatType>();
        typed.write_batch(values, Some(&definition), Some(&repetition))?;
        column.close()?;
    }
    group.close()?;
    writer.close()?;
    Ok(bytes)
}

#[cfg(target_arch = "wasm32")]
fn main() {}
