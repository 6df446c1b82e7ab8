//! A seed → vectors shaped like embeddings of pictures, for measuring on: `PREFIX.base.f32` and `PREFIX.query.f32`.
//!
//!     cargo run --release --example vectors -- --rows 100000 --dimension 128 --seed 1 --queries 1000 --out PREFIX
//!     cargo run --release --example vectors -- --lengths 0.2,20 --out PREFIX      for distances: of any length between these
//!
//! Raw little-endian rows, of unit length but for `--lengths`; the queries are drawn with the base and are not in it. No file
//! of anybody's embeddings is needed, and any number of rows can be had. What makes it as hard as real
//! ones (and what plain clusters of normal noise lack): clusters of very unequal size in families, a
//! falling spectrum, within a cluster 24 to 32 directions of its own, and one row in ten between two
//! others of its family. The seed gives the same rows on every machine with the same mathematics library.
//!
//! Of rows of unit length it prints how far neighbours are, so that two sets can be told apart by their difficulty.

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
    use nearsight::partition::Random;

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
        /// Least and greatest length, between which the logarithms of the lengths are spread evenly [default: all are 1]
        #[arg(long, value_name = "LEAST,GREATEST", value_parser = two_lengths)]
        lengths: Option<[f32; 2]>,
        /// PREFIX.base.f32 and PREFIX.query.f32 are written
        #[arg(long, value_name = "PREFIX")]
        out: PathBuf,
    }

    fn two_lengths(text: &str) -> Result<[f32; 2], String> {
        let lengths = text.split_once(',').and_then(|(least, greatest)| {
            let both: [f32; 2] = [least.parse().ok()?, greatest.parse().ok()?];
            (0.0 < both[0] && both[0] <= both[1] && both[1].is_finite()).then_some(both)
        });
        lengths.ok_or_else(|| "expected two lengths above 0, such as 0.2,20".to_string())
    }

    let arguments = Arguments::parse();
    let dimension = arguments.dimension as usize;
    let (rows, queries) = (arguments.rows as usize, arguments.queries as usize);
    let mut drawn = draw(rows + queries, dimension, arguments.seed);
    if let Some([least, greatest]) = arguments.lengths {
        let mut random = Random::new(arguments.seed);
        for row in drawn.values.chunks_mut(dimension) {
            let length = least * (greatest / least).powf(random.unit() as f32);
            row.iter_mut().for_each(|value| *value *= length);
        }
    }
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
    // Of angles.
    let hardness = Hardness::of(base, query, dimension);
    if let Some(hardness) = hardness.filter(|_| arguments.lengths.is_none()) {
        println!("{hardness}");
    }
    Ok(())
}

#[cfg(target_arch = "wasm32")]
fn main() {}
