//! The figures of an evaluation → one SVG: recall against rows scanned, and the reliability diagram.
//!
//! Written by hand, since two panels of points need no library. Plain shapes and text without scripts, styles
//! or fonts of its own, so that any browser, document or repository page shows it.

use std::fmt::Write;

use super::Evaluation;

const WIDTH: f64 = 880.0;
const HEIGHT: f64 = 400.0;
/// The plotted area of a panel.
const SIDE: f64 = 300.0;
const TOP: f64 = 50.0;
const INK: &str = "#1f2933";
const PALE: &str = "#cbd2d9";
const BLUE: &str = "#1d6fb8";

/// An axis begins at the highest of these that lies below all values,
const STARTS: [f64; 6] = [0.99, 0.95, 0.9, 0.8, 0.5, 0.0];
/// and that of rows scanned ends at the lowest of these that lies above.
const ENDS: [f64; 6] = [0.05, 0.1, 0.2, 0.4, 0.6, 1.0];

/// A panel's corner on the page and what its axes span.
struct Panel {
    left: f64,
    x: (f64, f64),
    y: (f64, f64),
}

impl Panel {
    fn at_x(&self, value: f64) -> f64 {
        self.left + SIDE * share(value, self.x)
    }

    fn at_y(&self, value: f64) -> f64 {
        TOP + SIDE * (1.0 - share(value, self.y))
    }
}

/// Where in the span a value lies; what lies outside is drawn on the edge.
fn share(value: f64, (from, to): (f64, f64)) -> f64 {
    ((value - from) / (to - from)).clamp(0.0, 1.0)
}

pub fn svg(found: &Evaluation) -> String {
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"{INK}\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n"
    );
    tradeoff(found, &mut text);
    reliability(found, &mut text);
    text.push_str("</svg>\n");
    text
}

fn tradeoff(found: &Evaluation, text: &mut String) {
    let least = found.targets.iter().map(|target| target.recall.low);
    let most = found.targets.iter().map(|target| target.scanned.mean);
    let panel = Panel {
        left: 80.0,
        x: (0.0, end(most)),
        y: (start(least), 1.0),
    };
    let title = format!("{} queries, {} pictures", found.queries, found.pictures);
    let below = "share of rows scanned";
    axes(&panel, &title, below, &format!("recall@{}", found.k), text);
    let mut targets: Vec<_> = found.targets.iter().collect();
    targets.sort_by(|a, b| a.scanned.mean.total_cmp(&b.scanned.mean));
    let points: Vec<String> = targets
        .iter()
        .map(|target| {
            let (x, y) = (
                panel.at_x(target.scanned.mean),
                panel.at_y(target.recall.mean),
            );
            format!("{x:.1},{y:.1}")
        })
        .collect();
    let _ = writeln!(
        text,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{BLUE}\"/>",
        points.join(" ")
    );
    for target in targets {
        let (x, y) = (
            panel.at_x(target.scanned.mean),
            panel.at_y(target.recall.mean),
        );
        let (low, high) = (
            panel.at_y(target.recall.low),
            panel.at_y(target.recall.high),
        );
        let _ = writeln!(
            text,
            "<line x1=\"{x:.1}\" y1=\"{low:.1}\" x2=\"{x:.1}\" y2=\"{high:.1}\" stroke=\"{BLUE}\"/>\n\
             <circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{BLUE}\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\">asked {}</text>",
            x + 8.0,
            y + 14.0,
            target.target
        );
    }
}

fn reliability(found: &Evaluation, text: &mut String) {
    let bins = &found.reliability.bins;
    let from = start(bins.iter().map(|bin| bin.recall.min(bin.confidence)));
    let panel = Panel {
        left: 520.0,
        x: (from, 1.0),
        y: (from, 1.0),
    };
    let title = format!(
        "calibration error {:.4}",
        found.reliability.calibration_error
    );
    axes(
        &panel,
        &title,
        "confidence stated",
        "recall delivered",
        text,
    );
    let _ = writeln!(
        text,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{INK}\" stroke-dasharray=\"4 4\"/>",
        panel.at_x(from),
        panel.at_y(from),
        panel.at_x(1.0),
        panel.at_y(1.0)
    );
    let all: usize = bins.iter().map(|bin| bin.answers).sum();
    for bin in bins {
        // The area tells how many answers there are.
        let radius = 3.0 + 12.0 * (bin.answers as f64 / all.max(1) as f64).sqrt();
        let _ = writeln!(
            text,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius:.1}\" fill=\"{BLUE}\" fill-opacity=\"0.6\"><title>{} answers: stated {:.4}, delivered {:.4}</title></circle>",
            panel.at_x(bin.confidence),
            panel.at_y(bin.recall),
            bin.answers,
            bin.confidence,
            bin.recall
        );
    }
}

/// Frame, five marks on each axis, and what they measure.
fn axes(panel: &Panel, title: &str, below: &str, beside: &str, text: &mut String) {
    let (left, bottom) = (panel.left, TOP + SIDE);
    let _ = writeln!(
        text,
        "<text x=\"{left}\" y=\"{:.1}\" font-size=\"14\">{title}</text>",
        TOP - 16.0
    );
    for step in 0..=4 {
        let part = f64::from(step) / 4.0;
        let (x, y) = (left + SIDE * part, bottom - SIDE * part);
        let at = |(from, to): (f64, f64)| mark(from + (to - from) * part);
        let _ = writeln!(
            text,
            "<line x1=\"{left}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"{PALE}\"/>\n\
             <line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"{PALE}\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            left + SIDE,
            left - 6.0,
            y + 4.0,
            at(panel.y),
            bottom + 17.0,
            at(panel.x)
        );
    }
    let (middle, aside) = (TOP + SIDE / 2.0, left - 52.0);
    let _ = writeln!(
        text,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{below}</text>\n\
         <text x=\"{aside:.1}\" y=\"{middle:.1}\" text-anchor=\"middle\" transform=\"rotate(-90 {aside:.1} {middle:.1})\">{beside}</text>",
        left + SIDE / 2.0,
        bottom + 38.0
    );
}

/// At most four places behind the point, and no zeros at the end.
fn mark(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn start(values: impl Iterator<Item = f64>) -> f64 {
    let least = values.fold(1.0, f64::min);
    STARTS
        .into_iter()
        .find(|&start| start <= least)
        .unwrap_or(0.0)
}

fn end(values: impl Iterator<Item = f64>) -> f64 {
    let most = values.fold(0.0, f64::max);
    ENDS.into_iter().find(|&end| end >= most).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_hold_their_values_and_no_more_than_needed() {
        assert_eq!(start([0.97, 0.999].into_iter()), 0.95);
        assert_eq!(start([0.3].into_iter()), 0.0);
        assert_eq!(end([0.05, 0.15].into_iter()), 0.2);
        assert_eq!(end([1.0].into_iter()), 1.0);
        assert_eq!(
            (mark(0.95), mark(1.0), mark(0.0)),
            ("0.95".into(), "1".into(), "0".into())
        );
    }
}
