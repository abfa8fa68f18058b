//! What can be seen inside a macro call, where nothing but tokens is certain: things that look like
//! paths, and things that look like functions.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::facts::{Function, Mention};

/// Adds every path of two parts and more.
pub(super) fn paths(tokens: &TokenStream, mentions: &mut Vec<Mention>) {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Group(group) => paths(&group.stream(), mentions),
            TokenTree::Ident(first) if !follows_colons(&tokens[..at]) => {
                let mut path = vec![first.to_string()];
                while let [_, one, two, TokenTree::Ident(next), ..] = &tokens[at..]
                    && is(one, ':')
                    && is(two, ':')
                {
                    path.push(next.to_string());
                    at += 3;
                }
                if path.len() > 1 {
                    mentions.push(Mention { path, line: first.span().start().line });
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        at += 1;
    }
}

/// Adds every `fn name … { … }`.
pub(super) fn functions(tokens: &TokenStream, functions: &mut Vec<Function>) {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut begun = None;
    for (at, token) in tokens.iter().enumerate() {
        match (token, tokens.get(at + 1)) {
            (TokenTree::Ident(word), Some(TokenTree::Ident(name))) if *word == "fn" => {
                begun = Some((name.to_string(), word.span().start().line));
            }
            (TokenTree::Group(group), _) if group.delimiter() == Delimiter::Brace => {
                if let Some((name, first)) = begun.take() {
                    let last = group.span_close().end().line;
                    functions.push(Function { name, first, last });
                }
                self::functions(&group.stream(), functions);
            }
            _ => {}
        }
    }
}

/// Whether what comes next is the rest of a path that began with `::`.
fn follows_colons(before: &[TokenTree]) -> bool {
    matches!(before, [.., one, two] if is(one, ':') && is(two, ':'))
}

fn is(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

/// Adds what texts name that begin as a path of this crate: `with = "crate::hex"`.
pub(super) fn quoted_paths(tokens: &TokenStream, mentions: &mut Vec<Mention>) {
    for token in tokens.clone() {
        match token {
            TokenTree::Group(group) => quoted_paths(&group.stream(), mentions),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                let path: Vec<String> =
                    text.trim_matches('"').split("::").map(str::to_owned).collect();
                let ours = matches!(path[0].as_str(), "crate" | "self" | "super");
                if ours && path.len() > 1 {
                    mentions.push(Mention { path, line: literal.span().start().line });
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}
