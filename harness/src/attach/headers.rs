//! Headers that questions carry: keys, mostly. Their values come from a variable or a file, since whoever
//! lists processes sees a command line, and are shown and recorded nowhere.

use std::{fs::File, io::Read, path::Path};

use hyper::{
    HeaderMap,
    header::{
        CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING,
    },
};

/// A key is far shorter; a file that is longer is none.
const LONGEST: u64 = 16 * 1024;

/// What is wrong with a header. Never says its value.
#[derive(Debug, thiserror::Error)]
pub enum BadHeader {
    /// It has no name, or no value.
    #[error("write NAME:@FILE or NAME:$VARIABLE")]
    Shape,
    /// Its value stands on the command line.
    #[error(
        "`{0}`: its value would be on the command line, where everybody who lists processes sees it: write {0}:@FILE or {0}:$VARIABLE"
    )]
    InTheOpen(String),
    /// No header can be called so.
    #[error("`{0}` is no name of a header")]
    Name(String),
    /// It is not for the user to say.
    #[error("`{0}` follows from the question and the URL, and cannot be given")]
    Ours(String),
    /// Nothing is there.
    #[error("`{name}`: {why}")]
    NoValue {
        /// The header.
        name: String,
        /// What was looked for.
        why: String,
    },
    /// It has bytes that no header may have, or none.
    #[error("`{0}`: its value is empty, too long, or has characters that no header may have")]
    Value(String),
}

/// Reads all that were asked for; `variable` looks one up.
///
/// # Errors
///
/// What is wrong with the first that is wrong.
pub fn read(
    asked: &[String],
    variable: impl Fn(&str) -> Option<String>,
) -> Result<HeaderMap, BadHeader> {
    let mut headers = HeaderMap::new();
    for text in asked {
        let (name, value) = text.split_once(':').ok_or(BadHeader::Shape)?;
        let name = name.trim();
        let parsed: HeaderName = name.parse().map_err(|_| BadHeader::Name(name.to_owned()))?;
        if [HOST, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING, CONNECTION].contains(&parsed) {
            return Err(BadHeader::Ours(name.to_owned()));
        }
        let no_value = |why: String| BadHeader::NoValue { name: name.to_owned(), why };
        let value = value.trim();
        let secret = if let Some(file) = value.strip_prefix('@') {
            from_file(Path::new(file)).map_err(|why| no_value(format!("{file}: {why}")))?
        } else if let Some(called) = value.strip_prefix('$') {
            variable(called).ok_or_else(|| no_value(format!("the variable {called} is not set")))?
        } else {
            return Err(BadHeader::InTheOpen(name.to_owned()));
        };
        let bad = || BadHeader::Value(name.to_owned());
        let secret = Some(secret.trim()).filter(|secret| !secret.is_empty()).ok_or_else(bad)?;
        let mut value = HeaderValue::from_str(secret).map_err(|_| bad())?;
        value.set_sensitive(true);
        headers.append(parsed, value);
    }
    Ok(headers)
}

fn from_file(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|why| why.to_string())?;
    let read = file.take(LONGEST + 1).read_to_string(&mut text).map_err(|why| why.to_string())?;
    if read as u64 > LONGEST { Err(format!("more than {LONGEST} bytes")) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_value_comes_from_a_file_or_a_variable_and_is_never_said() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        fs::write(&file, "Bearer s3cret\n").unwrap();
        let variable = |name: &str| {
            let all = [("KEY", "k3y"), ("ODD", "a\nb"), ("EMPTY", "")];
            all.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
        };
        let of = |text: &str| read(&[text.to_owned()], variable);
        let headers = of(&format!("authorization:@{}", file.display())).unwrap();
        assert_eq!(headers["authorization"], "Bearer s3cret");
        assert!(!format!("{headers:?}").contains("s3cret"));
        assert_eq!(of("x-api-key: $KEY").unwrap()["x-api-key"], "k3y");
        for (text, said) in [
            ("authorization", "write NAME:@FILE"),
            ("authorization:hunter2", "command line"),
            ("bad name:$KEY", "no name of a header"),
            ("Host:$KEY", "cannot be given"),
            ("x:$NOWHERE", "the variable NOWHERE is not set"),
            ("x:@/nowhere/key", "/nowhere/key"),
            ("x:$ODD", "characters that no header may have"),
            ("x:$EMPTY", "is empty"),
        ] {
            let why = of(text).unwrap_err().to_string();
            assert!(why.contains(said) && !why.contains("hunter2"), "{text}: {why}");
        }
    }
}
