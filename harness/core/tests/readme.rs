//! The tables of `scenarios/README.md` are what the code says.

use std::{fs, path::Path};

const BEGIN: &str = "<!-- harness explain: from here on written by `UPDATE=1 cargo test -p harness-core --test readme` -->\n";
const END: &str = "<!-- /harness explain -->\n";

#[test]
fn the_tables_of_the_scenarios_readme_are_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/README.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the README has the first marker");
    let (tables, after) = rest.split_once(END).expect("the README has the last marker");
    let expected = harness_core::explain::tables();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, [before, BEGIN, &expected, END, after].concat()).unwrap();
        return;
    }
    assert_eq!(
        tables, expected,
        "scenarios/README.md is older than the code: UPDATE=1 cargo test -p harness-core --test readme"
    );
}
