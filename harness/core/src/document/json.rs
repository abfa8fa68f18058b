//! A value of any kind in a document, as JSON.

use std::ops::Range;

use serde_json::{Map, Number, Value};
use toml::{Spanned, de::DeValue};

/// Arrays and tables in each other; whoever reads JSON stops at 128.
const DEEPEST: usize = 32;

/// The value, or what of it JSON does not have.
pub(super) fn of(value: &Spanned<DeValue<'_>>) -> Result<Value, (Range<usize>, String)> {
    at(value, 0)
}

fn at(value: &Spanned<DeValue<'_>>, depth: usize) -> Result<Value, (Range<usize>, String)> {
    let refused = |why: String| Err((value.span(), why));
    if depth > DEEPEST {
        return refused(format!("deeper than {DEEPEST} arrays and tables"));
    }
    match value.get_ref() {
        DeValue::String(text) => Ok(Value::String(text.to_string())),
        DeValue::Boolean(flag) => Ok(Value::Bool(*flag)),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) => Ok(Value::Number(number.into())),
            Err(_) => refused(format!("{integer} does not fit 64 bits")),
        },
        DeValue::Float(float) => {
            let number = float.as_str().parse().ok().and_then(Number::from_f64);
            number
                .map_or_else(|| refused(format!("JSON has no number {float}")), |it| Ok(it.into()))
        }
        DeValue::Datetime(_) => refused("JSON has no dates: write a string".to_owned()),
        DeValue::Array(array) => {
            let all: Result<Vec<Value>, _> = array.iter().map(|it| at(it, depth + 1)).collect();
            all.map(Value::Array)
        }
        DeValue::Table(table) => {
            let one = |(key, value): (&Spanned<_>, _)| {
                Ok((ToString::to_string(key.get_ref()), at(value, depth + 1)?))
            };
            let all: Result<Map<String, Value>, _> = table.iter().map(one).collect();
            all.map(Value::Object)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;
    use toml::de::DeTable;

    use crate::document::{Problems, Table};

    fn read(value: &str) -> Result<serde_json::Value, String> {
        let text = format!("key = {value}");
        let mut problems = Problems::new(Path::new("test").to_owned(), text.clone());
        let document = DeTable::parse(&text).unwrap();
        let read = Table::root(&document, "a test").json("key", &mut problems);
        read.map(|read| read.value).ok_or_else(|| problems.to_string())
    }

    #[test]
    fn whatever_json_has_is_read_and_the_rest_is_refused() {
        for (toml, value) in [
            ("\"x\"", json!("x")),
            ("[1, 0x0a, -1_000]", json!([1, 10, -1000])),
            ("{ a = true, \"b c\" = [2.5, 1e3] }", json!({ "a": true, "b c": [2.5, 1000.0] })),
        ] {
            assert_eq!(read(toml), Ok(value), "{toml}");
        }
        for (toml, why) in [
            ("nan", "no number"),
            ("[inf]", "no number"),
            ("2026-11-27", "no dates"),
            ("9223372036854775808", "64 bits"),
        ] {
            assert!(read(toml).unwrap_err().contains(why), "{toml}");
        }
        let deep = format!("{}{}", "[".repeat(34), "]".repeat(34));
        assert!(read(&deep).unwrap_err().contains("deeper"));
    }
}
