//! The fields of a file's tables that the reader knows, with what each holds, after parquet.thrift of the format (apache/parquet-format).
//!
//! The reader takes what a known field holds for granted: one of another type has it go on elsewhere than the struct does.

use super::thrift::{
    Fields,
    Kind::{Boolean, Byte, Bytes, Double, List, Number, Struct},
};

/// `FileMetaData`.
pub(super) const FOOTER: &Fields = &[
    (1, Number),
    (2, List(&Struct(SCHEMA_ELEMENT))),
    (3, Number),
    (4, List(&Struct(ROW_GROUP))),
    (5, List(&Struct(KEY_VALUE))),
    (6, Bytes),
    (7, List(&Struct(COLUMN_ORDER))),
    (8, Struct(&[(1, Struct(AES)), (2, Struct(AES))])),
    (9, Bytes),
];

/// How many columns the file states, and how many lie below each.
pub(super) const COLUMNS: [i16; 1] = [2];
pub(super) const BELOW: [i16; 2] = [2, 5];
/// What its encrypted columns are encrypted with.
pub(super) const CIPHER: [i16; 1] = [8];

const SCHEMA_ELEMENT: &Fields = &[
    (1, Number),
    (2, Number),
    (3, Number),
    (4, Bytes),
    (5, Number),
    (6, Number),
    (7, Number),
    (8, Number),
    (9, Number),
    (10, Struct(LOGICAL_TYPE)),
];

const LOGICAL_TYPE: &Fields = &[
    (1, EMPTY),
    (2, EMPTY),
    (3, EMPTY),
    (4, EMPTY),
    (5, Struct(&[(1, Number), (2, Number)])),
    (6, EMPTY),
    (7, Struct(TIME)),
    (8, Struct(TIME)),
    (10, Struct(&[(1, Byte), (2, Boolean)])),
    (11, EMPTY),
    (12, EMPTY),
    (13, EMPTY),
    (14, EMPTY),
    (15, EMPTY),
    (16, Struct(&[(1, Byte)])),
    (17, Struct(&[(1, Bytes)])),
    (18, Struct(&[(1, Bytes), (2, Number)])),
];

const TIME: &Fields = &[
    (1, Boolean),
    (2, Struct(&[(1, EMPTY), (2, EMPTY), (3, EMPTY)])),
];

const ROW_GROUP: &Fields = &[
    (1, List(&Struct(COLUMN_CHUNK))),
    (2, Number),
    (3, Number),
    (4, List(&Struct(&[(1, Number), (2, Boolean), (3, Boolean)]))),
    (5, Number),
    (6, Number),
    (7, Number),
];

const COLUMN_CHUNK: &Fields = &[
    (1, Bytes),
    (2, Number),
    (3, Struct(COLUMN_META_DATA)),
    (4, Number),
    (5, Number),
    (6, Number),
    (7, Number),
    (
        8,
        Struct(&[(1, EMPTY), (2, Struct(&[(1, List(&Bytes)), (2, Bytes)]))]),
    ),
    (9, Bytes),
];

const COLUMN_META_DATA: &Fields = &[
    (1, Number),
    (2, List(&Number)),
    (3, List(&Bytes)),
    (4, Number),
    (5, Number),
    (6, Number),
    (7, Number),
    (8, List(&Struct(KEY_VALUE))),
    (9, Number),
    (10, Number),
    (11, Number),
    (12, Struct(STATISTICS)),
    (13, List(&Struct(&[(1, Number), (2, Number), (3, Number)]))),
    (14, Number),
    (15, Number),
    (
        16,
        Struct(&[(1, Number), (2, List(&Number)), (3, List(&Number))]),
    ),
    (17, Struct(&[(1, Struct(BOX)), (2, List(&Number))])),
];

const BOX: &Fields = &[
    (1, Double),
    (2, Double),
    (3, Double),
    (4, Double),
    (5, Double),
    (6, Double),
    (7, Double),
    (8, Double),
];

const STATISTICS: &Fields = &[
    (1, Bytes),
    (2, Bytes),
    (3, Number),
    (4, Number),
    (5, Bytes),
    (6, Bytes),
    (7, Boolean),
    (8, Boolean),
    (9, Number),
];

const KEY_VALUE: &Fields = &[(1, Bytes), (2, Bytes)];
const COLUMN_ORDER: &Fields = &[(1, EMPTY), (2, EMPTY), (3, EMPTY)];
const AES: &Fields = &[(1, Bytes), (2, Bytes), (3, Boolean)];
const EMPTY: super::thrift::Kind = Struct(&[]);

/// `PageHeader`.
pub(super) const PAGE_HEADER: &Fields = &[
    (1, Number),
    (2, Number),
    (3, Number),
    (4, Number),
    (
        5,
        Struct(&[
            (1, Number),
            (2, Number),
            (3, Number),
            (4, Number),
            (5, Struct(STATISTICS)),
        ]),
    ),
    (6, EMPTY),
    (7, Struct(&[(1, Number), (2, Number), (3, Boolean)])),
    (
        8,
        Struct(&[
            (1, Number),
            (2, Number),
            (3, Number),
            (4, Number),
            (5, Number),
            (6, Number),
            (7, Boolean),
            (8, Struct(STATISTICS)),
        ]),
    ),
];

/// What a page is, and those kinds that the reader gets past: data, a dictionary, data of version 2. The format has one more, of which
/// nothing is ever made.
pub(super) const PAGE_KIND: [i16; 1] = [1];
pub(super) const PAGE_KINDS: [i64; 3] = [0, 2, 3];
/// Bytes of a page behind its header.
pub(super) const COMPRESSED_SIZE: [i16; 1] = [3];
