//! A room's error → the plain object `{ code, message }` that crosses to the page.

use js_sys::{Object, Reflect};
use wasm_bindgen::JsValue;

/// What every function of this room fails with.
pub(super) struct Failure {
    code: &'static str,
    message: String,
}

impl Failure {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

impl From<Failure> for JsValue {
    fn from(failure: Failure) -> JsValue {
        let object = Object::new();
        // Setting a property of a fresh plain object cannot fail.
        let _ = Reflect::set(&object, &"code".into(), &failure.code.into());
        let _ = Reflect::set(&object, &"message".into(), &failure.message.into());
        object.into()
    }
}

macro_rules! from_room {
    ($error:ty) => {
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self {
                    code: error.code(),
                    message: error.to_string(),
                }
            }
        }
    };
}
#[cfg(feature = "builder")]
from_room!(crate::build::assemble::AssembleError);
from_room!(crate::index::IndexError);
from_room!(crate::search::SearchError);
#[cfg(feature = "embed")]
from_room!(crate::image::ImageError);
#[cfg(feature = "embed")]
from_room!(crate::embed::EmbedError);

impl From<serde_wasm_bindgen::Error> for Failure {
    fn from(error: serde_wasm_bindgen::Error) -> Self {
        Self::new(
            "query_invalid",
            format!("a value could not be read: {error}"),
        )
    }
}
