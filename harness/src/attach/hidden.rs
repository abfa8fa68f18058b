//! Names in place of addresses, in whatever is shown or recorded.

use harness_core::event::Miss;
use serde_json::Value;

use super::Endpoint;

/// What is replaced by what, the longest first.
#[derive(Debug, Clone, Default)]
pub struct Hidden(Vec<(String, String)>);

impl Hidden {
    /// What may be a key is left out, whatever is asked for: a gateway may say it again in an error.
    pub fn keys<'a>(nodes: impl IntoIterator<Item = (&'a str, &'a Endpoint)>) -> Self {
        let keys = nodes.into_iter().flat_map(|(_, endpoint)| endpoint.keys());
        Self(keys.map(|key| (key, "…".to_owned())).collect()).sorted()
    }

    /// Also every trace of these nodes becomes the name of one.
    #[must_use]
    pub fn and_addresses<'a>(
        mut self,
        nodes: impl IntoIterator<Item = (&'a str, &'a Endpoint)>,
    ) -> Self {
        let traces = nodes.into_iter().flat_map(|(name, endpoint)| {
            endpoint.traces().into_iter().map(move |trace| (trace, name.to_owned()))
        });
        self.0.extend(traces);
        self.sorted()
    }

    fn sorted(mut self) -> Self {
        self.0.sort_by_key(|(trace, _)| std::cmp::Reverse(trace.len()));
        self
    }

    /// A text without them.
    pub fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (trace, name) in &self.0 {
            text = replaced(&text, trace, name);
        }
        text
    }

    /// An answer without them: what is nonsense in it is quoted. The names of its fields are the methods' own.
    pub(super) fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(values) => values.into_iter().map(|value| self.value(value)).collect(),
            Value::Object(fields) => {
                fields.into_iter().map(|(key, value)| (key, self.value(value))).collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value,
        }
    }

    /// A reason without them.
    pub(super) fn miss(&self, miss: Miss) -> Miss {
        match miss {
            Miss::Unreachable(why) => Miss::Unreachable(self.text(&why)),
            Miss::Nonsense(what) => Miss::Nonsense(self.text(&what)),
            Miss::Refused { code, message } => Miss::Refused { code, message: self.text(&message) },
            Miss::Timeout | Miss::Null | Miss::Busy { .. } => miss,
        }
    }
}

/// Where a trace stands as a word: a host may be called `a`, and an `a` in the middle of a hash is not it.
fn replaced(text: &str, trace: &str, name: &str) -> String {
    let is_word =
        |letter: Option<char>| letter.is_some_and(|it| it.is_alphanumeric() || "-_".contains(it));
    let (mut out, mut rest, mut before) = (String::new(), text, None);
    while let Some(at) = rest.find(trace) {
        let (head, tail) = (&rest[..at], &rest[at + trace.len()..]);
        let alone = !is_word(head.chars().next_back().or(before)) && !is_word(tail.chars().next());
        out.push_str(head);
        out.push_str(if alone { name } else { trace });
        before = trace.chars().next_back();
        rest = tail;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_trace_of_an_address_is_left() {
        let a = Endpoint::parse("https://node.example/v2/KEY12345").unwrap();
        let b = Endpoint::parse("http://10.0.0.5:9944").unwrap();
        let all = [("alice", &a), ("bob", &b)];
        let keys = Hidden::keys(all);
        assert_eq!(
            keys.text("invalid project id `KEY12345` at node.example"),
            "invalid project id `…` at node.example"
        );
        let hidden = keys.and_addresses(all);
        assert_eq!(
            hidden.text("https://node.example:443, node.example and 10.0.0.5:9944"),
            "alice, alice and bob"
        );
        let value = hidden.value(json!([{ "n": ["at node.example"], "node.example": 1 }]));
        assert_eq!(value, json!([{ "n": ["at alice"], "node.example": 1 }]));
        let miss = hidden.miss(Miss::Refused { code: 1, message: "no 10.0.0.5".to_owned() });
        assert_eq!(miss, Miss::Refused { code: 1, message: "no bob".to_owned() });
        assert_eq!(Hidden::default().text("10.0.0.5"), "10.0.0.5");
        let short = Endpoint::parse("http://a:9944").unwrap();
        let hidden = Hidden::default().and_addresses([("node-1", &short)]);
        assert_eq!(hidden.text("0x1a, ba a at a:9944"), "0x1a, ba node-1 at node-1");
        assert_eq!(hidden.text("a_peerList, a-b"), "a_peerList, a-b");
    }
}
