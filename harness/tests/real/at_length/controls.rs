//! Every check and fault can fail for its own reason, on real nodes, as processes.

use std::process::Command;

use crate::support::HARNESS;

#[test]
fn every_check_and_fault_fails_for_its_own_reason() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(HARNESS)
        .args(["selftest", "--jobs", "8"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let words = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(&output.stdout)
    );
    assert_eq!(output.status.code(), Some(0), "{words}");
    // Memory and processor time can be limited in containers only; all else can be done here.
    let controls = harness_core::selftest::list::all().len();
    assert!(
        words.contains(&format!("{controls} of {controls} controls said what they must")),
        "{words}"
    );
}
