//! Pages of a file that may be damaged, for a reader that takes them at their word.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};

use super::compression::unpacked;

/// Values that a page may state whatever its bytes, and those that a byte may stand for: runs of equal values are written once.
const VALUES_A_PAGE: u64 = 1 << 20;
const VALUES_A_BYTE: u64 = 256;

/// Values of pages that were handed out since the last rows came out of them.
#[derive(Clone, Default)]
pub(super) struct Underway(Arc<AtomicU64>);

impl Underway {
    /// Rows came out: what follows is counted anew.
    pub(super) fn begin(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn add(&self, values: u64) {
        self.0.fetch_add(values, Ordering::Relaxed);
    }

    fn values(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Pages as they are read, but for those that state more than they can hold: the reader makes room for as many values as are stated.
pub(super) struct Pages {
    pub(super) pages: Box<dyn PageReader>,
    pub(super) underway: Underway,
    /// How many values may be under way when one page more is asked for.
    pub(super) most: u64,
    /// Whether what the pages hold is compressed with zstd, unknown to their reader.
    pub(super) zstd: bool,
}

impl Pages {
    fn check(&self, page: &Page) -> Result<()> {
        let stated = u64::from(page.num_values());
        let bytes = page.buffer().len() as u64;
        if let Page::DictionaryPage { .. } = page {
            return match stated * size_of::<f32>() as u64 <= bytes {
                true => Ok(()),
                false => refuse("a dictionary is shorter than it states"),
            };
        }
        if stated > VALUES_A_PAGE + VALUES_A_BYTE * bytes {
            return refuse("a page is shorter than it states");
        }
        if self.underway.values() > self.most {
            return refuse("its rows are longer than any that could be indexed");
        }
        self.underway.add(stated);
        Ok(())
    }
}

fn refuse(what: &str) -> Result<()> {
    Err(ParquetError::General(what.to_owned()))
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let mut page = self.pages.get_next_page()?;
        if self.zstd {
            page = page.map(unpacked).transpose()?;
        }
        page.as_ref().map_or(Ok(()), |page| self.check(page))?;
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}
