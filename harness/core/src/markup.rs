//! Pages for people, of text that anybody may have said: as Markdown, and as one file of HTML.

use pulldown_cmark::{Options, Parser, html};

use crate::text::printable;

const STYLE: &str = ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;display:block;overflow-x:auto;margin:1rem 0}td,th{border:1px solid #8888;padding:.3rem .6rem;text-align:left}";

/// A sentence's worth of anybody's text, as a cell of a table: one line, and nothing in it is markup.
pub fn cell(text: &str) -> String {
    let mut cell = String::new();
    for letter in printable(text.lines().next().unwrap_or_default()).chars() {
        match letter {
            '<' => cell += "&lt;",
            '>' => cell += "&gt;",
            '&' => cell += "&amp;",
            // Where comments are read, it would call somebody.
            '@' => cell += "&#64;",
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '!' | '#' | '~' => {
                cell.push('\\');
                cell.push(letter);
            }
            _ => cell.push(letter),
        }
    }
    // Nor is there a link of anybody's choice.
    cell.replace("://", "&#58;//")
}

/// A page of Markdown as HTML: one file, nothing from elsewhere. What looks like markup in anybody's text was made text by
/// [`cell`].
pub fn document(title: &str, markdown: &str) -> String {
    let mut body = String::new();
    html::push_html(&mut body, Parser::new_ext(markdown, Options::ENABLE_TABLES));
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style></head>\n<body>\n{body}</body></html>\n"
    )
}
