//! What is known so far → open the next cell, or stop.
//!
//! The next cell is opened until the stop rule has enough. It has not as long as fewer than k hits
//! pass the filter, because then a row at any distance would change
//! the answer (see `reach` in `query`): so k hits come back whenever k exist. Where `min_score` is
//! given, a row beyond its distance changes nothing, and the search ends without k hits as soon as
//! no row within that distance is expected in the cells left.

use super::SearchOptions;

#[derive(Debug, PartialEq)]
pub(super) enum Decision {
    Open,
    /// `capped`: `max_cells` ended it, not the confidence.
    Stop {
        capped: bool,
    },
}

pub(super) fn decide(
    options: &SearchOptions,
    opened: usize,
    cells: usize,
    enough: bool,
) -> Decision {
    if opened >= cells {
        return Decision::Stop { capped: false };
    }
    let exhaustive = options.exact || options.recall >= 1.0;
    if opened > 0 && !exhaustive && enough {
        return Decision::Stop { capped: false };
    }
    match options.max_cells {
        Some(cap) if opened >= cap as usize => Decision::Stop { capped: true },
        _ => Decision::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(change: fn(&mut SearchOptions)) -> SearchOptions {
        let mut options = SearchOptions {
            recall: 0.9,
            ..SearchOptions::default()
        };
        change(&mut options);
        options
    }

    #[test]
    fn it_goes_on_until_the_recall_asked_is_expected() {
        let options = options(|_| {});
        assert_eq!(decide(&options, 0, 9, true), Decision::Open);
        assert_eq!(decide(&options, 3, 9, false), Decision::Open);
        assert_eq!(
            decide(&options, 3, 9, true),
            Decision::Stop { capped: false }
        );
        assert_eq!(
            decide(&options, 9, 9, false),
            Decision::Stop { capped: false }
        );
    }

    #[test]
    fn a_cap_ends_it_and_says_so_only_where_more_was_wanted() {
        let options = options(|options| options.max_cells = Some(3));
        assert_eq!(decide(&options, 2, 9, false), Decision::Open);
        assert_eq!(
            decide(&options, 3, 9, false),
            Decision::Stop { capped: true }
        );
        assert_eq!(
            decide(&options, 3, 9, true),
            Decision::Stop { capped: false }
        );
        assert_eq!(
            decide(&options, 3, 3, false),
            Decision::Stop { capped: false }
        );
    }

    #[test]
    fn exact_and_a_recall_of_one_open_every_cell() {
        for change in [
            |o: &mut SearchOptions| o.exact = true,
            |o: &mut SearchOptions| o.recall = 1.0,
        ] {
            assert_eq!(decide(&options(change), 8, 9, true), Decision::Open);
            assert_eq!(
                decide(&options(change), 9, 9, true),
                Decision::Stop { capped: false }
            );
        }
    }
}
