//! A file and a function fit in the head.

use crate::{finding::Finding, source::Sources, tree::Tree};

/// Lines of a file.
pub const FILE: usize = 500;

/// Lines of a function, from the one with `fn` to the one with the closing brace.
pub const FUNCTION: usize = 60;

/// Something that may be longer.
#[derive(Debug)]
pub struct Exception {
    /// The file.
    pub file: &'static str,
    /// The function in it; empty for the file itself.
    pub function: &'static str,
    /// Why it is better in one piece.
    pub why: &'static str,
}

/// What may be longer.
pub const EXCEPTIONS: &[Exception] = &[];

/// What is too long, and exceptions that nothing needs any more.
pub fn check(tree: &Tree, sources: &Sources, exceptions: &[Exception]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut used = vec![false; exceptions.len()];
    let mut excepted = |file: &str, function: &str| {
        let mut all = exceptions.iter();
        let at = all.position(|one| one.file == file && one.function == function);
        at.inspect(|at| used[*at] = true).is_some()
    };
    for (path, text) in tree.ending(".rs") {
        let lines = text.lines().count();
        if lines > FILE && !excepted(path, "") {
            findings.push(Finding::of(path, format!("{lines} lines, {FILE} at most")));
        }
        let functions = sources.get(path).into_iter().flat_map(|source| &source.functions);
        for function in functions.filter(|function| function.lines() > FUNCTION) {
            let name = &function.name;
            if !excepted(path, name) {
                let what = format!("`{name}` has {} lines, {FUNCTION} at most", function.lines());
                findings.push(Finding::at(path, function.first, what));
            }
        }
    }
    for (exception, _) in exceptions.iter().zip(used).filter(|(_, used)| !used) {
        let what = format!("`{}` no longer needs its exception", exception.function);
        findings.push(Finding::of(exception.file, what));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{Exception, FILE, FUNCTION, check};
    use crate::{source::read_all, tree::Tree};

    fn found(text: &str, exceptions: &[Exception]) -> Vec<String> {
        let tree = Tree::of([("a/src/lib.rs", text)]);
        let sources = read_all(&tree).unwrap();
        check(&tree, &sources, exceptions).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_may_have_so_many_lines_and_no_more() {
        assert_eq!(found(&"\n".repeat(FILE), &[]), Vec::<String>::new());
        assert_eq!(found(&"\n".repeat(FILE + 1), &[]), ["a/src/lib.rs: 501 lines, 500 at most"]);
    }

    #[test]
    fn a_function_may_have_so_many_lines_and_no_more() {
        let of = |lines: usize| format!("\n#[test]\nfn long() {{{}}}", "\n".repeat(lines - 1));
        assert_eq!(found(&of(FUNCTION), &[]), Vec::<String>::new());
        assert_eq!(
            found(&of(FUNCTION + 1), &[]),
            ["a/src/lib.rs:3: `long` has 61 lines, 60 at most"]
        );
    }

    #[test]
    fn an_exception_holds_for_what_it_names_and_is_a_finding_when_it_is_not_needed() {
        let exception = || [Exception { file: "a/src/lib.rs", function: "long", why: "a table" }];
        let long = format!("fn long() {{{}}}", "\n".repeat(FUNCTION));
        assert_eq!(found(&long, &exception()), Vec::<String>::new());
        assert_eq!(
            found("fn long() {}", &exception()),
            ["a/src/lib.rs: `long` no longer needs its exception"]
        );
    }
}
