//! A seed → vectors shaped like embeddings of pictures, for measuring on: `PREFIX.base.f32` and `PREFIX.query.f32`.
//!
//!     cargo run --release --example vectors -- --rows 100000 --dimension 128 --seed 1 --queries 1000 --out PREFIX
//!
//! Raw little-endian rows of unit length; the queries are drawn with the base and are not in it. No file
//! of anybody's embeddings is needed, and any number of rows can be had. What makes it as hard as real
//! ones (and what plain clusters of normal noise lack): clusters of very unequal size in families, a
//! falling spectrum, within a cluster 24 to 32 directions of its own, and one row in ten between two
//! others of its family. The seed gives the same rows on every machine with the same mathematics library.
//!
//! It prints how far neighbours are, so that two sets can be told apart by their difficulty.

#[cfg(not(target_arch = "wasm32"))]
mod generator {
    pub mod draw;
    pub mod hardness;
}

#[cfg(not(target_arch = "wasm32"))]
fn main() -> anyhow::Result<()> {
    use std::path::PathBuf;

    use anyhow::Context;
    use clap::Parser;
    use generator::{draw::draw, hardness::Hardness};

    /// Draws synthetic embeddings
    #[derive(Parser)]
    struct Arguments {
        #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
        rows: u32,
        #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..))]
        dimension: u32,
        #[arg(long, default_value_t = 1)]
        seed: u64,
        #[arg(long, default_value_t = 1000)]
        queries: u32,
        /// PREFIX.base.f32 and PREFIX.query.f32 are written
        #[arg(long, value_name = "PREFIX")]
        out: PathBuf,
    }

    let arguments = Arguments::parse();
    let dimension = arguments.dimension as usize;
    let (rows, queries) = (arguments.rows as usize, arguments.queries as usize);
    let drawn = draw(rows + queries, dimension, arguments.seed);
    let (base, query) = drawn.values.split_at(rows * dimension);
    for (ending, values) in [("base.f32", base), ("query.f32", query)] {
        let mut path = arguments.out.clone().into_os_string();
        path.push(format!(".{ending}"));
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        std::fs::write(&path, bytes).with_context(|| PathBuf::from(&path).display().to_string())?;
    }
    println!(
        "{rows} rows of {dimension} numbers and {queries} queries from {} clusters, the largest with {} of them",
        drawn.sizes.len(),
        drawn.sizes.iter().max().unwrap_or(&0)
    );
    if let Some(hardness) = Hardness::of(base, query, dimension) {
        println!("{hardness}");
    }
    Ok(())
}

#[cfg(target_arch = "wasm32")]
fn main() {}
