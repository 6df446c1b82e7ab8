//! One column of a Parquet file, a list of floats in each row → rows.
//!
//! A column of lists is stored flat, with two small numbers ("levels") for each value: the repetition level is 0
//! where a row begins, and the definition level is below its maximum where something is null or empty. A row
//! with such a hole, or with another length than the first, is refused: it is no vector.

mod compression;
mod fields;
mod pages;
mod tables;
mod thrift;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, Type};
use parquet::column::page::PageReader;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{DataType, DoubleType, FloatType};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};

use self::pages::{Pages, Underway};
use self::tables::Encrypted;
use super::{Input, Sink, Stop};
use crate::index::DIMENSION_LIMIT;

/// Rows decoded at once.
const BATCH_ROWS: usize = 1024;

/// `column` names the column; without it there must be only one that can be meant.
pub(super) fn read(input: Input, column: Option<&str>, sink: &mut Sink) -> Result<(), Stop> {
    // The reader panics at some damaged pages (an index beyond a short one). That must not end a program that reads a file.
    let read = AssertUnwindSafe(|| match input {
        Input::File(file, _) => read_from(file, column, sink),
        Input::Held(bytes) => read_from(Bytes::from(bytes), column, sink),
    });
    std::panic::catch_unwind(read)
        .unwrap_or_else(|_| Err(unreadable("a page does not hold what it states").into()))
}

/// A page at a time.
fn read_from(
    bytes: impl ChunkReader + 'static,
    column: Option<&str>,
    sink: &mut Sink,
) -> Result<(), Stop> {
    let bytes = Arc::new(bytes);
    let encrypted = tables::check_footer(&*bytes).map_err(unreadable)?;
    if encrypted == Encrypted::Footer {
        return Err(locked("its footer is encrypted").into());
    }
    let footer = ParquetMetaDataReader::new().parse_and_finish(&*bytes);
    let footer = footer.map_err(unreadable)?;
    let schema = footer.file_metadata().schema_descr();
    let place = choose(schema, column)?;
    let most = schema.column(place).max_def_level();
    let mut rows = Rows::default();
    for group in footer.row_groups() {
        let (pages, zstd) = pages_of(&bytes, group, place, encrypted)?;
        let underway = Underway::default();
        let pages = Pages {
            pages,
            underway: underway.clone(),
            most: (BATCH_ROWS * DIMENSION_LIMIT) as u64,
            zstd,
        };
        match get_column_reader(schema.column(place), Box::new(pages)) {
            ColumnReader::FloatColumnReader(reader) => {
                rows.read::<FloatType>(reader, &underway, most, |value| value, sink)?;
            }
            ColumnReader::DoubleColumnReader(reader) => {
                // A value beyond f32 becomes infinite, and is refused as such with its row.
                rows.read::<DoubleType>(reader, &underway, most, |value| value as f32, sink)?;
            }
            _ => return Err(unreadable("a row group has the column in another type").into()),
        }
    }
    Ok(())
}

/// The pages of one column of a row group, and whether they are still in zstd. The reader takes what the footer says of them on trust, and
/// panics where it is negative.
fn pages_of<R: ChunkReader + 'static>(
    bytes: &Arc<R>,
    group: &RowGroupMetaData,
    place: usize,
    encrypted: Encrypted,
) -> Result<(Box<dyn PageReader>, bool), String> {
    let Some(chunk) = group.columns().get(place) else {
        return Err(unreadable("a row group lacks the column"));
    };
    let start = chunk
        .dictionary_page_offset()
        .unwrap_or(chunk.data_page_offset());
    let size = chunk.compressed_size();
    let lies_within = start >= 0 && size >= 0 && start.saturating_add(size) <= bytes.len() as i64;
    let rows = usize::try_from(group.num_rows())
        .ok()
        .filter(|_| lies_within);
    let rows = rows.ok_or_else(|| unreadable("its footer points outside the file"))?;
    tables::check_pages(&**bytes, start as u64, size as u64).map_err(|damage| match encrypted {
        // The footer names no column. What is encrypted begins with no header.
        Encrypted::Columns => locked("its column of vectors is encrypted, or damaged"),
        _ => unreadable(damage),
    })?;
    let zstd = compression::is_zstd(chunk.compression())?;
    let chunk = match zstd {
        // So the reader hands the pages out as they lie.
        true => {
            let open = chunk.clone().into_builder();
            let open = open.set_compression(Compression::UNCOMPRESSED);
            &open.build().map_err(unreadable)?
        }
        false => chunk,
    };
    let pages = SerializedPageReader::new(bytes.clone(), chunk, rows, None);
    Ok((Box::new(pages.map_err(unreadable)?), zstd))
}

fn unreadable(error: impl ToString) -> String {
    format!(
        "it cannot be read as Parquet ({}); copy it again, or write it anew",
        error.to_string()
    )
}

fn locked(what: &str) -> String {
    format!("{what}; write it without encryption")
}

/// The number of the column that holds lists of floats.
fn choose(schema: &SchemaDescriptor, wanted: Option<&str>) -> Result<usize, String> {
    let columns: Vec<(usize, &str)> = (0..schema.num_columns())
        .filter(|&place| vectors(&schema.column(place)))
        .map(|place| (place, schema.get_column_root(place).name()))
        .collect();
    let names = || {
        let names: Vec<&str> = columns.iter().map(|(_, name)| *name).collect();
        match names.is_empty() {
            true => "it has no column with a list of 32 or 64 bit floats in each row".to_string(),
            false => format!("columns with lists of floats are: {}", names.join(", ")),
        }
    };
    match (wanted, columns.as_slice()) {
        (None, [(place, _)]) => Ok(*place),
        (None, []) => Err(names()),
        (None, _) => Err(format!("{}; choose one with --column", names())),
        (Some(wanted), _) => match columns.iter().find(|(_, name)| *name == wanted) {
            Some((place, _)) => Ok(*place),
            None => Err(format!("column {wanted:?} holds no vectors; {}", names())),
        },
    }
}

/// A list of floats directly below the root, in any of the ways that writers nest it.
fn vectors(column: &ColumnDescriptor) -> bool {
    column.max_rep_level() == 1
        && matches!(column.physical_type(), Type::FLOAT | Type::DOUBLE)
        && column.path().parts().len() <= 3
}

#[derive(Default)]
struct Rows {
    rows: usize,
    /// Of the first row.
    dimension: usize,
}

impl Rows {
    fn read<T: DataType>(
        &mut self,
        mut reader: ColumnReaderImpl<T>,
        underway: &Underway,
        most: i16,
        number: impl Fn(T::T) -> f32,
        sink: &mut Sink,
    ) -> Result<(), Stop> {
        let (mut definition, mut repetition, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let mut numbers: Vec<f32> = Vec::new();
        loop {
            definition.clear();
            repetition.clear();
            values.clear();
            underway.begin();
            let read = reader.read_records(
                BATCH_ROWS,
                Some(&mut definition),
                Some(&mut repetition),
                &mut values,
            );
            if read.map_err(|error: ParquetError| unreadable(error))?.0 == 0 {
                return Ok(());
            }
            let before = self.rows;
            self.check(&definition, &repetition, most)?;
            if values.len() != (self.rows - before) * self.dimension {
                return Err(unreadable("it has other values than it counts").into());
            }
            if values.is_empty() {
                continue;
            }
            numbers.clear();
            numbers.extend(values.drain(..).map(&number));
            sink(&mut numbers, self.dimension)?;
        }
    }

    /// Whole rows, without holes, all of the first one's length.
    fn check(&mut self, definition: &[i16], repetition: &[i16], most: i16) -> Result<(), String> {
        let starts = (0..repetition.len()).filter(|&at| repetition[at] == 0);
        let ends = (1..repetition.len()).filter(|&at| repetition[at] == 0);
        for (start, end) in starts.zip(ends.chain([repetition.len()])) {
            let row = self.rows;
            if definition[start..end].iter().any(|&level| level < most) {
                return Err(format!(
                    "row {row} (the first is 0) is null, empty or holds a null; expected a list of numbers; leave it out"
                ));
            }
            if row == 0 {
                self.dimension = end - start;
            }
            if end - start != self.dimension {
                return Err(format!(
                    "row {row} (the first is 0) has {} numbers and the first row has {}; expected the same number in every row",
                    end - start,
                    self.dimension
                ));
            }
            self.rows += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::*;
    use crate::build::vectors::Vectors;

    fn parse(bytes: Vec<u8>, column: Option<&str>) -> Result<Vectors, String> {
        let (mut values, mut dimension) = (Vec::new(), 1);
        let mut sink = |part: &mut [f32], length| {
            values.extend_from_slice(part);
            dimension = length;
            Ok(())
        };
        match read(Input::Held(bytes), column, &mut sink) {
            Ok(()) => Ok(Vectors { values, dimension }),
            Err(Stop::Refused(found)) => Err(found),
            Err(Stop::Unread(error)) => Err(error.to_string()),
            Err(Stop::Failed(error)) => Err(error.to_string()),
        }
    }

    const ONE: &str = "message m {
        optional group v (LIST) { repeated group list { optional float element; } }
    }";

    type Row<'a> = Option<&'a [Option<f32>]>;

    /// Every column of the schema gets these rows, in row groups of two.
    fn file(schema: &str, rows: &[Row], compression: Compression) -> Vec<u8> {
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .build();
        let mut bytes = Vec::new();
        let mut writer =
            SerializedFileWriter::new(&mut bytes, schema.clone(), Arc::new(properties)).unwrap();
        for rows in rows.chunks(2) {
            let (mut definition, mut repetition, mut values) = (vec![], vec![], vec![]);
            for row in rows {
                let row = row.unwrap_or(&[]);
                if row.is_empty() {
                    definition.push(0);
                    repetition.push(0);
                }
                for (place, value) in row.iter().enumerate() {
                    repetition.push(i16::from(place > 0));
                    definition.push(if value.is_some() { 3 } else { 2 });
                    values.extend(value);
                }
            }
            let mut group = writer.next_row_group().unwrap();
            while let Some(mut column) = group.next_column().unwrap() {
                column
                    .typed::<FloatType>()
                    .write_batch(&values, Some(&definition), Some(&repetition))
                    .unwrap();
                column.close().unwrap();
            }
            group.close().unwrap();
        }
        writer.close().unwrap();
        bytes
    }

    #[test]
    fn a_file_with_any_byte_changed_is_refused_or_read() {
        let row: &[Option<f32>] = &[Some(1.0), Some(2.0)];
        let whole = file(ONE, &[Some(row), Some(row), Some(row)], Compression::SNAPPY);
        for place in 0..whole.len() {
            for change in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
                let mut broken = whole.clone();
                broken[place] ^= change;
                let _ = parse(broken, None);
            }
        }
    }

    fn refused(bytes: Vec<u8>, column: Option<&str>, words: &str) {
        let error = parse(bytes, column).unwrap_err();
        assert!(error.contains(words), "{error}");
    }

    const ROWS: [Row; 3] = [
        Some(&[Some(1.0), Some(2.0)]),
        Some(&[Some(3.0), Some(4.0)]),
        Some(&[Some(5.0), Some(6.0)]),
    ];

    #[test]
    fn rows_of_all_groups_come_out_in_order_compressed_or_not() {
        for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
            let found = parse(file(ONE, &ROWS, compression), None).unwrap();
            assert_eq!(found.values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
            assert_eq!(found.dimension, 2);
        }
    }

    #[test]
    fn a_row_with_a_hole_or_another_length_is_refused_by_its_number() {
        let with = |row| file(ONE, &[ROWS[0], ROWS[1], row], Compression::UNCOMPRESSED);
        refused(with(None), None, "row 2 ");
        refused(with(Some(&[Some(1.0), None])), None, "row 2 ");
        refused(
            with(Some(&[Some(1.0)])),
            None,
            "row 2 (the first is 0) has 1 numbers",
        );
    }

    #[test]
    fn of_two_columns_one_must_be_named() {
        let two = "message m {
            optional group a (LIST) { repeated group list { optional float element; } }
            optional group b (LIST) { repeated group list { optional float element; } }
        }";
        let bytes = file(two, &ROWS, Compression::UNCOMPRESSED);
        refused(bytes.clone(), None, "a, b; choose one with --column");
        refused(
            bytes.clone(),
            Some("c"),
            "columns with lists of floats are: a, b",
        );
        assert_eq!(parse(bytes, Some("b")).unwrap().dimension, 2);
    }

    #[test]
    fn a_dictionary_that_states_more_than_it_holds_is_refused_before_room_is_made_for_it() {
        let whole = file(ONE, &ROWS, Compression::UNCOMPRESSED);
        // The header of a first page with a dictionary: kind 2, two sizes, then the number of values as a zigzag varint.
        let at = whole
            .windows(2)
            .position(|two| two == [0x4c, 0x15])
            .unwrap()
            + 2;
        assert!(whole[at] < 0x80 && at < 20, "one byte of the first header");
        let mut stated = whole.clone();
        stated[at] = 0x7e;
        refused(stated, None, "a dictionary is shorter than it states");
    }

    /// Taken at its word, it would be skipped for some seconds for each six bytes of it.
    #[test]
    fn a_page_whose_header_has_what_no_header_has_is_refused() {
        // Field 15, which no header has: a list of lists, each of 2^31 - 1 booleans.
        let list = [0xf1, 0xff, 0xff, 0xff, 0xff, 0x07];
        let lists = [&[0xf9, 0x29][..], &list, &list].concat();
        // Field 1 is a number; as text it would have the reader go on elsewhere than whoever takes it for text. As 1 it states a page of
        // indexes: the reader would take what the page holds for a header.
        for header in [&lists[..], &[0x18, 0x00], &[0x15, 0x02]] {
            let mut bytes = file(ONE, &ROWS, Compression::UNCOMPRESSED);
            bytes[4..][..header.len()].copy_from_slice(header);
            refused(bytes, None, "the header of a page is damaged");
        }
    }

    #[test]
    fn a_footer_with_a_field_of_another_type_than_it_has_is_refused() {
        let whole = file(ONE, &ROWS, Compression::UNCOMPRESSED);
        // The first column of the schema: field 4, its name, as text of one letter.
        let name = [0x48, 1, b'm'];
        let at = whole.windows(3).position(|three| three == name).unwrap();
        // A number, a list of none, and a field that is left out.
        for other in [0x45, 0x49, 0x58] {
            let mut typed = whole.clone();
            typed[at] = other;
            refused(typed, None, "its footer is damaged");
        }
    }

    /// Room would be made for as many at once.
    #[test]
    fn a_column_that_states_more_columns_below_it_than_there_are_is_refused() {
        let bytes = file(ONE, &ROWS, Compression::UNCOMPRESSED);
        // The first column of the schema: its name, then one column below it.
        let name = [0x48, 1, b'm', 0x15, 2];
        let at = bytes.windows(5).position(|five| five == name).unwrap() + 4;
        let mut stated = bytes;
        stated[at] = 0x7e;
        refused(stated, None, "its footer is damaged");
    }

    /// Rows of one number again and again, each row in a page of its own: a few bytes, however long it is.
    fn monotonous(rows: usize, numbers: usize) -> Vec<u8> {
        let properties = WriterProperties::builder()
            .set_data_page_row_count_limit(1)
            .set_write_batch_size(1)
            .build();
        let schema = Arc::new(parse_message_type(ONE).unwrap());
        let mut bytes = Vec::new();
        let mut writer =
            SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties)).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let mut repetition = vec![1; numbers];
        repetition[0] = 0;
        for _ in 0..rows {
            column
                .typed::<FloatType>()
                .write_batch(
                    &vec![1.0; numbers],
                    Some(&vec![3; numbers]),
                    Some(&repetition),
                )
                .unwrap();
        }
        column.close().unwrap();
        group.close().unwrap();
        writer.close().unwrap();
        bytes
    }

    #[test]
    fn rows_far_longer_than_any_index_takes_are_refused_before_room_is_made_for_them() {
        let found = parse(monotonous(5, 8_192), None).unwrap();
        assert_eq!((found.dimension, found.values.len()), (8_192, 5 * 8_192));
        let one_page = monotonous(1, 2_000_000);
        refused(one_page, None, "a page is shorter than it states");
        let pages = monotonous(12, 800_000);
        refused(
            pages,
            None,
            "its rows are longer than any that could be indexed",
        );
    }

    #[test]
    fn a_compression_that_is_not_read_is_named() {
        let mut bytes = file(ONE, &ROWS, Compression::UNCOMPRESSED);
        // The footer's column: the end of its path, then field 4, the compression; 4 is brotli.
        let field = b"element\x15\0";
        let found = bytes.windows(field.len()).rposition(|last| last == field);
        let at = found.unwrap() + field.len() - 1;
        bytes[at] = 2 * 4;
        refused(
            bytes,
            None,
            "with brotli; write it with zstd, gzip, snappy or no",
        );
    }

    #[test]
    fn an_encrypted_file_is_told_to_be_one_unless_the_vectors_are_open() {
        let whole = file(ONE, &ROWS, Compression::UNCOMPRESSED);
        let (rest, tail) = whole.split_at(whole.len() - 8);
        let locked = [rest, &tail[..4], b"PARE"].concat();
        refused(locked, None, "its footer is encrypted; write it without");

        // Field 8 in front of the footer's end, a cipher: AES-GCM, with a text of one letter.
        let cipher = [0x0c, 16, 0x1c, 0x28, 1, b'a', 0, 0, 0];
        let length = u32::from_le_bytes(tail[..4].try_into().unwrap()) + 8;
        let (rest, _end) = rest.split_at(rest.len() - 1);
        let mut some = [rest, &cipher, &length.to_le_bytes(), b"PAR1"].concat();
        let found = parse(some.clone(), None).unwrap();
        assert_eq!(found.values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        some[4..20].fill(0x2c);
        refused(some, None, "its column of vectors is encrypted, or damaged");
    }

    #[test]
    fn what_is_cut_short_or_no_parquet_at_all_is_refused() {
        let whole = file(ONE, &ROWS, Compression::SNAPPY);
        for length in [0, 4, whole.len() / 2, whole.len() - 1] {
            refused(whole[..length].to_vec(), None, "cannot be read as Parquet");
        }
        refused(
            b"id,vector\n1,2".to_vec(),
            None,
            "cannot be read as Parquet",
        );
    }
}
