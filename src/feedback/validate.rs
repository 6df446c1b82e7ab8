//! A request's bytes → events, or the reason why not.
//!
//! All or nothing: one bad event refuses its batch, so that a page never believes that an event was
//! kept which was not. Lengths are bounded by the size of the body, which the caller bounds first;
//! the limits here keep single fields sane. A picture id or cell id that the index does not know is
//! taken: the page may run an epoch that this server has not seen yet, ids are never used twice, and
//! the estimates leave out what does not belong to the present epoch.

use serde_json::Value;
use thiserror::Error;

use super::event::{Event, Query};
use super::vector::decode_base64;

/// Events in one request.
pub const EVENTS_LIMIT: usize = 100;
/// Characters of an id.
pub const ID_LIMIT: usize = 64;
/// Hits that one impression may list.
pub const SHOWN_LIMIT: usize = 1_000;
/// Cells that one impression may list: an index of 100 million rows has 40,000.
pub const PROBED_LIMIT: usize = 50_000;
/// Dimensions of a reported embedding.
pub const DIMENSION_LIMIT: usize = 4_096;
/// One day: a longer search is a clock that jumped.
const TOOK_LIMIT_MS: f64 = 86_400_000.0;
/// The last instant that a JavaScript `Date` can hold.
const AT_LIMIT_MS: f64 = 8.64e15;
/// The last integer that JavaScript counts exactly.
const INTEGER_LIMIT: u64 = 9_007_199_254_740_991;

/// Why a batch was refused.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum FeedbackError {
    #[error("the body is not JSON: {reason} (line {line}, column {column})")]
    Malformed {
        reason: String,
        line: usize,
        column: usize,
    },
    #[error(
        "the body holds {found}; expected an object {{\"events\": [..]}} with nothing beside it"
    )]
    NotABatch { found: String },
    #[error("the batch holds {found} events; send 1 to {EVENTS_LIMIT} at a time")]
    BatchSize { found: usize },
    #[error("events[{event}]: {reason}")]
    Event { event: usize, reason: String },
}

impl FeedbackError {
    /// Stable, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            FeedbackError::Malformed { .. } => "json_malformed",
            FeedbackError::NotABatch { .. } | FeedbackError::BatchSize { .. } => "batch_invalid",
            FeedbackError::Event { .. } => "event_invalid",
        }
    }

    /// Which event of the batch is meant, from 0.
    pub fn event(&self) -> Option<usize> {
        match self {
            FeedbackError::Event { event, .. } => Some(*event),
            _ => None,
        }
    }
}

/// Reads and checks a batch: `{"events": [..]}`.
pub fn parse_batch(body: &[u8]) -> Result<Vec<Event>, FeedbackError> {
    let value: Value = serde_json::from_slice(body).map_err(|error| FeedbackError::Malformed {
        reason: without_place(&error),
        line: error.line(),
        column: error.column(),
    })?;
    let Value::Object(mut fields) = value else {
        return Err(FeedbackError::NotABatch {
            found: kind_of(&value).into(),
        });
    };
    let list = match fields.remove("events") {
        Some(Value::Array(list)) => list,
        Some(other) => {
            return Err(FeedbackError::NotABatch {
                found: format!("{} as \"events\"", kind_of(&other)),
            });
        }
        None => {
            return Err(FeedbackError::NotABatch {
                found: "no \"events\"".into(),
            });
        }
    };
    if let Some(name) = fields.keys().next() {
        return Err(FeedbackError::NotABatch {
            found: format!("a field {:?} beside \"events\"", shortened(name)),
        });
    }
    if list.is_empty() || list.len() > EVENTS_LIMIT {
        return Err(FeedbackError::BatchSize { found: list.len() });
    }
    let mut events = Vec::with_capacity(list.len());
    for (number, value) in list.into_iter().enumerate() {
        let refuse = |reason: String| FeedbackError::Event {
            event: number,
            reason,
        };
        let event: Event =
            serde_json::from_value(value).map_err(|error| refuse(shortened(&error.to_string())))?;
        check(&event).map_err(refuse)?;
        events.push(event);
    }
    Ok(events)
}

/// Checks ranges and lengths of one event; types were checked when it was read.
pub fn check(event: &Event) -> Result<(), String> {
    check_id("event_id", event.event_id())?;
    check_id("session", event.session())?;
    check_id("search_id", event.search_id())?;
    check_range("at", event.at(), AT_LIMIT_MS)?;
    if let Some(epoch) = event.epoch() {
        check_integer("epoch", epoch)?;
    }
    match event {
        Event::Click(click) => check_position(click.position),
        Event::Audit(audit) => check_range("recall_estimate", audit.recall_estimate, 1.0),
        Event::Impression(impression) => {
            check_range("took_ms", impression.took_ms, TOOK_LIMIT_MS)?;
            check_integer("scanned", impression.scanned)?;
            check_length("shown", impression.shown.len(), SHOWN_LIMIT)?;
            check_length("probed", impression.probed.len(), PROBED_LIMIT)?;
            for shown in &impression.shown {
                check_position(shown.position)?;
            }
            match &impression.query {
                Some(Query::Embedding(text)) => check_embedding(text),
                Some(Query::ImageId(_)) | None => Ok(()),
            }
        }
    }
}

fn check_id(name: &str, id: &str) -> Result<(), String> {
    if id.is_empty() || id.len() > ID_LIMIT {
        return Err(format!(
            "{name} has {} bytes; expected 1 to {ID_LIMIT}",
            id.len()
        ));
    }
    match id
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || "-_.:".contains(*c)))
    {
        Some(character) => Err(format!(
            "{name} holds {character:?}; expected letters, digits and - _ . : of ASCII"
        )),
        None => Ok(()),
    }
}

fn check_range(name: &str, value: f64, largest: f64) -> Result<(), String> {
    if value.is_finite() && (0.0..=largest).contains(&value) {
        Ok(())
    } else {
        Err(format!("{name} is {value}; expected 0 to {largest}"))
    }
}

fn check_integer(name: &str, value: u64) -> Result<(), String> {
    if value <= INTEGER_LIMIT {
        Ok(())
    } else {
        Err(format!("{name} is {value}; expected 0 to {INTEGER_LIMIT}"))
    }
}

fn check_length(name: &str, length: usize, limit: usize) -> Result<(), String> {
    if length <= limit {
        Ok(())
    } else {
        Err(format!(
            "{name} lists {length} entries; expected at most {limit}"
        ))
    }
}

fn check_position(position: u32) -> Result<(), String> {
    if (position as usize) < SHOWN_LIMIT {
        Ok(())
    } else {
        Err(format!(
            "position is {position}; positions count from 0 and stay below {SHOWN_LIMIT}"
        ))
    }
}

fn check_embedding(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > DIMENSION_LIMIT.div_ceil(3) * 4 {
        return Err(format!(
            "embedding has {} characters; expected base64 of 1 to {DIMENSION_LIMIT} bytes",
            text.len()
        ));
    }
    match decode_base64(text) {
        Some(bytes) if !bytes.is_empty() && bytes.len() <= DIMENSION_LIMIT => Ok(()),
        _ => Err("embedding is not base64 of one signed byte a dimension".into()),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// serde_json ends its messages with the place, which the error already carries.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let cut = text.rfind(" at line ").unwrap_or(text.len());
    shortened(&text[..cut])
}

/// What a stranger sent may be quoted, but not at any length.
fn shortened(text: &str) -> String {
    const LIMIT: usize = 200;
    match text.char_indices().nth(LIMIT) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn impression() -> Value {
        json!({
            "type": "impression", "event_id": "e-1", "session": "s", "search_id": "q", "epoch": 0,
            "query": {"image_id": 7}, "shown": [{"image_id": 3, "position": 0, "cell": 5}],
            "probed": [5, 2], "scanned": 40, "took_ms": 3.5, "at": 1_780_000_000_000.0_f64
        })
    }

    fn parse(event: Value) -> Result<Vec<Event>, FeedbackError> {
        parse_batch(json!({"events": [event]}).to_string().as_bytes())
    }

    fn with(field: &str, value: Value) -> Value {
        let mut event = impression();
        event[field] = value;
        event
    }

    #[test]
    fn a_good_event_survives_the_round_trip() {
        let events = parse(impression()).unwrap();
        assert_eq!(serde_json::to_value(&events[0]).unwrap(), impression());
    }

    #[test]
    fn a_query_may_be_null_a_picture_or_an_embedding() {
        assert!(parse(with("query", Value::Null)).is_ok());
        assert!(parse(with("query", json!({"embedding": "AAECAw=="}))).is_ok());
        for bad in [
            json!({"embedding": "not base64!"}),
            json!({"embedding": ""}),
            json!({"mail": "a@b"}),
            json!({"image_id": -1}),
        ] {
            let error = parse(with("query", bad.clone())).unwrap_err();
            assert_eq!(
                (error.code(), error.event()),
                ("event_invalid", Some(0)),
                "{bad}"
            );
        }
    }

    #[test]
    fn every_field_out_of_range_is_refused_by_name() {
        for (field, value) in [
            ("event_id", json!("")),
            ("event_id", json!("x".repeat(65))),
            ("session", json!("naïve")),
            ("search_id", json!("a b")),
            ("epoch", json!(9_007_199_254_740_992_u64)),
            ("scanned", json!(u64::MAX)),
            ("took_ms", json!(-1.0)),
            ("at", json!(1e300)),
        ] {
            let error = parse(with(field, value.clone())).unwrap_err();
            assert_eq!(error.code(), "event_invalid");
            assert!(
                error.to_string().contains(field),
                "{error} should name {field}"
            );
        }
    }

    #[test]
    fn wrong_types_unknown_fields_and_missing_fields_are_refused() {
        assert!(parse(with("epoch", json!("0"))).is_err());
        assert!(parse(with("mail", json!("someone"))).is_err());
        assert!(parse(with("type", json!("purchase"))).is_err());
        let mut event = impression();
        event.as_object_mut().unwrap().remove("session");
        let error = parse(event).unwrap_err().to_string();
        assert!(error.contains("events[0]") && error.contains("session"));
        let shown = json!([{"image_id": 3, "position": 0, "cell": 5, "name": "x"}]);
        assert!(parse(with("shown", shown)).is_err());
    }

    #[test]
    fn the_refusal_names_the_bad_event_of_the_batch() {
        let body = json!({"events": [impression(), with("took_ms", json!(-1))]}).to_string();
        let error = parse_batch(body.as_bytes()).unwrap_err();
        assert_eq!(error.event(), Some(1));
        assert!(error.to_string().starts_with("events[1]: took_ms"));
    }

    #[test]
    fn malformed_json_is_refused_with_its_place() {
        let error = parse_batch(b"{\"events\": [\n  {]").unwrap_err();
        let FeedbackError::Malformed { line, column, .. } = error else {
            panic!("{error:?}");
        };
        assert_eq!((line, column), (2, 4));
    }

    #[test]
    fn a_batch_is_an_object_of_one_to_a_hundred_events() {
        let many = |count: usize| {
            json!({"events": vec![impression(); count]})
                .to_string()
                .into_bytes()
        };
        assert_eq!(parse_batch(&many(100)).unwrap().len(), 100);
        for bad in [
            many(0),
            many(101),
            b"[]".to_vec(),
            b"{}".to_vec(),
            b"{\"events\":{}}".to_vec(),
            b"{\"events\":[],\"x\":1}".to_vec(),
        ] {
            assert_eq!(parse_batch(&bad).unwrap_err().code(), "batch_invalid");
        }
    }

    #[test]
    fn numbers_beyond_f64_and_deep_nesting_are_refused_not_a_crash() {
        assert!(parse_batch(b"{\"events\":[{\"type\":\"click\",\"at\":1e999}]}").is_err());
        let deep = [b"{\"events\":".as_slice(), &[b'['; 100_000]].concat();
        assert_eq!(parse_batch(&deep).unwrap_err().code(), "json_malformed");
    }
}
