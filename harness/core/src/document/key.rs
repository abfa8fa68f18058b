//! What a key of a table takes: the one description from which the reader refuses other keys,
//! `explain` prints, and the JSON Schema for editors is made.

use serde_json::{Value, json};

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// Its values.
    pub takes: Takes,
    /// What happens without it.
    pub given: Given,
    /// What it means, in one sentence.
    pub about: &'static str,
}

/// What values a key has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// A string.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number from this on.
    Number(u32),
    /// A string with a unit: `"60s"`.
    Duration,
    /// The same, or `"auto"`.
    Window,
    /// A string with a unit: `"48 MiB"`.
    Size,
    /// A string in percent: `"25%"`.
    Share,
    /// One of these strings.
    Word(&'static [&'static str]),
    /// A list of strings.
    Texts,
    /// A list of lists of strings.
    Groups,
    /// A string with a unit that may begin with a minus: `"-60s"`.
    Offset,
    /// A table of strings.
    TextTable,
    /// A value of any kind.
    Json,
    /// A list of values of any kind.
    JsonList,
    /// A number, whole or not.
    Real,
}

/// What happens if a key is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// That is an error.
    Always,
    /// One of several that must be there; the table's reader says which.
    OneOf,
    /// This holds instead.
    Else(&'static str),
}

impl Key {
    /// Its values, in words.
    pub fn values(&self) -> String {
        match self.takes {
            Takes::Text => "a string".to_owned(),
            Takes::Flag => "`true` or `false`".to_owned(),
            Takes::Number(least) => format!("a whole number, at least {least}"),
            Takes::Duration => "a duration, like `\"60s\"`".to_owned(),
            Takes::Window => "a duration, like `\"60s\"`, or `\"auto\"`".to_owned(),
            Takes::Size => "a size, like `\"48 MiB\"`".to_owned(),
            Takes::Share => "percent, like `\"25%\"`".to_owned(),
            Takes::Word(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
                words.join(" or ")
            }
            Takes::Texts => "a list of strings".to_owned(),
            Takes::Groups => "a list of lists of strings".to_owned(),
            Takes::Offset => "a duration, like `\"60s\"` or `\"-60s\"`".to_owned(),
            Takes::TextTable => "a table of strings".to_owned(),
            Takes::Json => "any value".to_owned(),
            Takes::JsonList => "a list of any values".to_owned(),
            Takes::Real => "a number".to_owned(),
        }
    }

    /// What holds without it, in words.
    pub fn otherwise(&self) -> &'static str {
        match self.given {
            Given::Always => "required",
            Given::OneOf => "one of these is required",
            Given::Else(holds) => holds,
        }
    }

    /// Its JSON Schema.
    pub(crate) fn schema(&self) -> Value {
        let mut schema = match self.takes {
            Takes::Text => json!({ "type": "string" }),
            Takes::Flag => json!({ "type": "boolean" }),
            Takes::Number(least) => {
                json!({ "type": "integer", "minimum": least, "maximum": u32::MAX })
            }
            Takes::Duration => json!({ "type": "string", "pattern": "^\\s*[0-9.]+\\s*[a-zµ]" }),
            Takes::Window => {
                json!({ "type": "string", "pattern": "^(auto|\\s*[0-9.]+\\s*[a-zµ])" })
            }
            Takes::Size => {
                json!({ "type": "string", "pattern": "^\\s*[0-9]+\\s*([kMG]i?)?B\\s*$" })
            }
            Takes::Share => {
                json!({ "type": "string", "pattern": "^\\s*[0-9]+(\\.[0-9])?\\s*%\\s*$" })
            }
            Takes::Word(words) => json!({ "enum": words }),
            Takes::Texts => json!({ "type": "array", "items": { "type": "string" } }),
            Takes::Groups => json!({
                "type": "array",
                "items": { "type": "array", "items": { "type": "string" } },
            }),
            Takes::Offset => json!({ "type": "string", "pattern": "^\\s*-?[0-9.]+\\s*[a-zµ]" }),
            Takes::TextTable => {
                json!({ "type": "object", "additionalProperties": { "type": "string" } })
            }
            Takes::Json => json!({}),
            Takes::JsonList => json!({ "type": "array" }),
            Takes::Real => json!({ "type": "number" }),
        };
        schema["description"] = json!(format!("{} ({})", self.about, self.otherwise()));
        schema
    }
}
