//! What people wrote for people: documents, and comments in code and scripts.

/// Lines that belong together.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The number of the first line.
    pub first: usize,
    /// The text, without what makes it a comment.
    pub text: String,
    /// Whether it is code: a fenced or indented block.
    pub code: bool,
}

impl Block {
    /// What stands between backticks, with the line that it begins in. It may go on in the next
    /// line.
    pub fn spans(&self) -> Vec<(usize, &str)> {
        let mut spans = Vec::new();
        let mut rest = self.text.as_str();
        let mut line = self.first;
        while let Some(start) = rest.find('`') {
            let ticks = rest[start..].len() - rest[start..].trim_start_matches('`').len();
            let inside = &rest[start + ticks..];
            let Some(end) = inside.find(&rest[start..start + ticks]) else { break };
            line += newlines(&rest[..start]);
            spans.push((line, &inside[..end]));
            line += newlines(&inside[..end]);
            rest = &inside[end + ticks..];
        }
        spans
    }

    /// Its lines with their numbers.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (self.first + index, line))
    }
}

fn newlines(text: &str) -> usize {
    text.matches('\n').count()
}

/// The prose of a file, by what its name says it is: Markdown, Rust, or something with `#` comments.
pub fn blocks(path: &str, text: &str) -> Vec<Block> {
    if path.ends_with(".md") {
        return markdown(text.lines().enumerate().map(|(index, line)| (index + 1, line)));
    }
    let rust = path.ends_with(".rs");
    let hashes = [".toml", ".sh", ".bash", "/run", "Dockerfile", ".yml", ".yaml", ".dockerignore"];
    if !rust && !hashes.iter().any(|end| path.ends_with(end)) {
        return Vec::new();
    }
    let lines = text.lines().enumerate().map(|(index, line)| {
        (index + 1, if rust { slashes(line) } else { line.trim_start().strip_prefix('#') })
    });
    let mut blocks = Vec::new();
    let mut comment: Vec<(usize, &str)> = Vec::new();
    for (number, line) in lines.chain([(0, None)]) {
        match line {
            Some(line) => comment.push((number, line)),
            None => blocks.extend(markdown(comment.drain(..))),
        }
    }
    blocks
}

/// The comment in a line of Rust: the whole line, or its end.
fn slashes(line: &str) -> Option<&str> {
    let trimmed = line.trim_start();
    if let Some(comment) = trimmed.strip_prefix("//") {
        return Some(comment.trim_start_matches(['/', '!']));
    }
    let (code, comment) = line.rsplit_once(" // ")?;
    (code.matches('"').count() % 2 == 0).then_some(comment)
}

/// Paragraphs, and code blocks as what they are. Consecutive lines, each with its number.
fn markdown<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut fenced = false;
    let mut fresh = true;
    for (number, line) in lines {
        let fence = line.trim_start().starts_with("```");
        if fence || line.trim().is_empty() {
            fenced ^= fence;
            fresh = true;
            continue;
        }
        let code = fenced || line.starts_with("    ") && fresh_or_code(fresh, &blocks);
        match blocks.last_mut().filter(|block| !fresh && block.code == code) {
            Some(block) => {
                block.text.push('\n');
                block.text.push_str(line);
            }
            None => blocks.push(Block { first: number, text: line.to_owned(), code }),
        }
        fresh = false;
    }
    blocks
}

/// An indented line is code if it begins a block or goes on with one; within a paragraph it is not.
fn fresh_or_code(fresh: bool, blocks: &[Block]) -> bool {
    fresh || blocks.last().is_some_and(|block| block.code)
}

#[cfg(test)]
mod tests {
    use super::blocks;

    fn spans(path: &str, text: &str) -> Vec<(usize, String)> {
        let of = |block: &super::Block| {
            block
                .spans()
                .into_iter()
                .map(|(line, span)| (line, span.to_owned()))
                .collect::<Vec<_>>()
        };
        blocks(path, text).iter().filter(|block| !block.code).flat_map(of).collect()
    }

    #[test]
    fn a_span_may_go_over_the_end_of_a_line_and_a_fence_has_none() {
        let text = "One `a/b.rs` and `c\nd` here.\n\n```\n`x`\n```\n\n    `y`\n\nThen ``e`f``.\n";
        assert_eq!(
            spans("a.md", text),
            [(1, "a/b.rs".to_owned()), (1, "c\nd".to_owned()), (10, "e`f".to_owned())]
        );
    }

    #[test]
    fn comments_of_rust_are_seen_at_the_end_of_a_line_too() {
        let text =
            "//! See `a.md`, `b\n//! c`.\nfn f() {} // as in `d.rs`\nlet x = \" // `no`\";\n";
        let seen: Vec<String> = spans("a.rs", text).into_iter().map(|(_, span)| span).collect();
        assert_eq!(seen, ["a.md", "b\n c", "d.rs"]);
    }

    #[test]
    fn comments_of_scripts_and_manifests_begin_with_a_hash() {
        assert_eq!(spans("x.sh", "# `a`\necho '`b`'\n"), [(1, "a".to_owned())]);
    }
}
