//! Steps of a build → a bar on a terminal, a line now and then elsewhere; always standard error.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::output::{Output, count};
use crate::build::Step;

/// A log file wants to know that it goes on, not each picture.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// The first pictures pay for warming up, so the time left is not told before.
const SETTLED: u64 = 10;

pub struct Progress {
    output: Output,
    /// What is counted: "picture", "vector".
    noun: &'static str,
    terminal: bool,
    bar: Option<ProgressBar>,
    begun: Instant,
    said: Instant,
    partitioning: bool,
}

impl Progress {
    pub fn new(output: Output) -> Self {
        Self::of(output, "picture")
    }

    /// Counts something else than pictures, in the singular.
    pub fn of(output: Output, noun: &'static str) -> Self {
        Self {
            output,
            noun,
            terminal: std::io::stderr().is_terminal() && !output.quiet,
            bar: None,
            begun: Instant::now(),
            said: Instant::now(),
            partitioning: false,
        }
    }

    pub fn step(&mut self, step: Step) {
        match step {
            Step::Walked { pictures, reused } => self.output.note(&match reused {
                0 => count(pictures, self.noun),
                _ => format!("{}, {reused} of them known", count(pictures, self.noun)),
            }),
            Step::Model => self.begun = Instant::now(),
            Step::Picture { done, of, failed } => self.pictures(done, of, failed),
            Step::Partition { .. } if !self.partitioning => {
                self.partitioning = true;
                self.output.note("sorting them into cells");
            }
            Step::Partition { .. } => {}
            Step::Writing => self.output.note("writing the index"),
        }
    }

    /// Also for work that is no build: `done` of `of` pictures.
    pub fn pictures(&mut self, done: u64, of: u64, failed: u64) {
        if done == 1 {
            self.said = Instant::now();
        }
        match self.terminal {
            true => {
                let bar = self.bar.get_or_insert_with(|| bar(of));
                bar.set_position(done);
                if failed > 0 {
                    bar.set_message(format!("{failed} not readable"));
                }
                if done == of {
                    bar.finish_and_clear();
                }
            }
            false if self.said.elapsed() >= LINE_EVERY || done == of => {
                self.said = Instant::now();
                self.output
                    .note(&line(done, of, failed, self.begun.elapsed()));
            }
            false => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(of: u64) -> ProgressBar {
    let style = "{bar:30} {human_pos} of {human_len} pictures, {per_sec}, {eta} left {msg}";
    match ProgressStyle::with_template(style) {
        Ok(style) => ProgressBar::new(of).with_style(style),
        Err(_) => ProgressBar::new(of),
    }
}

fn line(done: u64, of: u64, failed: u64, took: Duration) -> String {
    let rate = done as f64 / took.as_secs_f64().max(1e-3);
    let mut line = format!("{done} of {of} pictures, {rate:.0}/s");
    if done < of && done >= SETTLED {
        line.push_str(&format!(", {} left", span((of - done) as f64 / rate)));
    }
    if failed > 0 {
        line.push_str(&format!(", {failed} not readable"));
    }
    line
}

fn span(seconds: f64) -> String {
    match seconds {
        ..90.0 => format!("about {} s", seconds.ceil()),
        ..5400.0 => format!("about {} min", (seconds / 60.0).round()),
        _ => format!("about {:.1} h", seconds / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_rate_and_time_left() {
        let after = |seconds| Duration::from_secs(seconds);
        assert_eq!(
            line(600, 1200, 2, after(10)),
            "600 of 1200 pictures, 60/s, about 10 s left, 2 not readable"
        );
        assert_eq!(
            line(100, 100_000, 0, after(10)),
            "100 of 100000 pictures, 10/s, about 2.8 h left"
        );
        assert_eq!(line(3, 3, 0, after(1)), "3 of 3 pictures, 3/s");
    }
}
