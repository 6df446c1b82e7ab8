//! All rows of an index → its layout, by one of the methods.
use super::balance::{balance, lloyd_step, members_of, settle};
use super::cost;
use super::kmeans::{Means, kmeans, move_to_means};
use super::micro::micro_clusters;
use super::tree::binary_tree;
use super::ward::cut;
use super::workers::{Alone, Workers};
use super::{
    Candidate, Layout, Method, PartitionError, PartitionOptions, Progress, Random, Rows, Stage,
    default_cells, merge_tree,
};

const LLOYD_STEPS: u64 = 2;
const KMEANS_STEPS: usize = 10;

/// [`partition_on`] the calling thread.
pub fn partition(
    rows: Rows,
    options: &PartitionOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<Layout, PartitionError> {
    partition_on(rows, options, &Alone, progress)
}

/// Puts every row in a cell. With `Method::Ward` no cell holds more than twice, nor less than a quarter of, the rows of an
/// average cell of the number asked for (rounded outwards to whole rows). Refuses an empty set of rows, and a wish for 0 cells.
/// The layout does not depend on the workers.
pub fn partition_on(
    rows: Rows,
    options: &PartitionOptions,
    workers: &dyn Workers,
    progress: &mut dyn FnMut(Progress),
) -> Result<Layout, PartitionError> {
    if rows.is_empty() {
        return Err(PartitionError::Empty);
    }
    let cells = match options.cells {
        Some(0) => return Err(PartitionError::NoCells),
        Some(cells) => (cells as usize).min(rows.len()),
        None => default_cells(rows.len()),
    };
    let weighing = options.cells.is_none() && rows.len() >= cost::FEWEST_ROWS;
    let weigh_by = weighing.then_some(options.seed);
    let mut random = Random::new(options.seed);
    let mut candidates = Vec::new();
    let means = match options.method {
        Method::Ward => {
            let (means, weighed) =
                ward_cells(rows, cells, weigh_by, &mut random, workers, progress);
            candidates = weighed;
            means
        }
        Method::KMeans => kmeans_cells(rows, cells, &mut random, workers, progress),
        Method::BinaryTree => binary_tree(rows, cells, &mut random, workers, &mut |done, total| {
            progress(Progress {
                stage: Stage::Cluster,
                done,
                total,
            });
        }),
    };
    let mut tell = |done| {
        progress(Progress {
            stage: Stage::Connect,
            done,
            total: 1,
        });
    };
    tell(0);
    let mut layout = Layout::connect(rows, means, workers);
    layout.candidates = candidates;
    tell(1);
    Ok(layout)
}

/// With a seed for the draw of queries `cells` is a proposal, and the cheapest number about it is taken.
fn ward_cells(
    rows: Rows,
    cells: usize,
    weigh_by: Option<u64>,
    random: &mut Random,
    workers: &dyn Workers,
    progress: &mut dyn FnMut(Progress),
) -> (Means, Vec<Candidate>) {
    let dimension = rows.dimension();
    let mut tell = |stage, done, total| progress(Progress { stage, done, total });
    let total = rows.len() as u64;
    tell(Stage::Cluster, 0, total);
    let micro = micro_clusters(
        rows,
        cells * micros_per_cell(cells),
        random,
        workers,
        &mut |done, total| tell(Stage::Cluster, done, total),
    );
    tell(Stage::Cluster, total, total);

    tell(Stage::Join, 0, 1);
    let weights: Vec<f32> = members_of(&micro, dimension)
        .iter()
        .map(|m| m.len() as f32)
        .collect();
    let leaves = weights.len();
    let merges = merge_tree(Rows::trusted(&micro.centroids, dimension), &weights);
    let candidates = match weigh_by {
        Some(seed) => cost::weigh(rows, &micro, &weights, &merges, cells, seed, workers),
        None => Vec::new(),
    };
    let chosen = candidates.iter().find(|candidate| candidate.chosen);
    let cells = chosen.map_or(cells, |candidate| candidate.cells);
    let mean_size = rows.len() as f64 / cells as f64;
    let branch_of = cut(leaves, &merges, cells);
    let nearest: Vec<u32> = micro
        .nearest
        .iter()
        .map(|&leaf| branch_of[leaf as usize])
        .collect();
    let branches = branch_of.iter().max().map_or(0, |&last| last as usize + 1);
    let mut means = Means {
        centroids: vec![0.0; branches * dimension],
        nearest,
    };
    let everyone: Vec<u32> = (0..rows.len() as u32).collect();
    move_to_means(
        rows,
        &everyone,
        &means.nearest,
        &mut means.centroids,
        workers,
    );
    tell(Stage::Join, 1, 1);
    refine(rows, &mut means, mean_size, random, workers, progress);
    (means, candidates)
}

/// k-means over all rows, brought between the same bounds as Ward's cells.
fn kmeans_cells(
    rows: Rows,
    cells: usize,
    random: &mut Random,
    workers: &dyn Workers,
    progress: &mut dyn FnMut(Progress),
) -> Means {
    let everyone: Vec<u32> = (0..rows.len() as u32).collect();
    let total = everyone.len() as u64;
    let mut tell = |done| {
        progress(Progress {
            stage: Stage::Cluster,
            done,
            total,
        });
    };
    tell(0);
    let mut means = kmeans(rows, &everyone, cells, KMEANS_STEPS, random, workers);
    tell(total);
    let mean_size = rows.len() as f64 / cells as f64;
    refine(rows, &mut means, mean_size, random, workers, progress);
    means
}

/// Balance, Lloyd's steps, and the bounds on sizes.
fn refine(
    rows: Rows,
    means: &mut Means,
    mean_size: f64,
    random: &mut Random,
    workers: &dyn Workers,
    progress: &mut dyn FnMut(Progress),
) {
    let mut tell = |stage, done, total| progress(Progress { stage, done, total });
    tell(Stage::Balance, 0, 1);
    balance(rows, means, mean_size, random, workers);
    tell(Stage::Balance, 1, 1);

    tell(Stage::Refine, 0, LLOYD_STEPS + 1);
    for step in 0..LLOYD_STEPS {
        lloyd_step(rows, means, workers);
        tell(Stage::Refine, step + 1, LLOYD_STEPS + 1);
    }
    settle(rows, means, mean_size, random, workers);
    tell(Stage::Refine, LLOYD_STEPS + 1, LLOYD_STEPS + 1);
}

/// Eight where micro-clusters are cheap; fewer for many cells, as in the measurements (8, 6, 4 at 400, 800, 1600 cells).
fn micros_per_cell(cells: usize) -> usize {
    match cells {
        0..=512 => 8,
        513..=1_024 => 6,
        _ => 4,
    }
}
