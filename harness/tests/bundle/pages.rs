//! `report.html` in a real browser: it draws, it answers clicks and keys, and nothing is wrong in its console.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use futures_util::future::join_all;
use harness_run::evidence::verify;

use crate::{DISCOVER, RESTART, one, support::fake::Faults};

/// Before everything else: what goes wrong while the page is loaded is seen.
const WATCH: &str = "<script>window.wrong = [];
addEventListener('error', (event) => wrong.push('error: ' + event.message));
addEventListener('securitypolicyviolation', (event) => wrong.push('policy: ' + event.violatedDirective));
</script>";

/// What a person does: clicks on the time line, moves with keys, filters, jumps from a check to its logs.
const USE: &str = "<script>
const said = [];
const see = (what, seen) => { if (!seen) wrong.push(what); };
const $ = (id) => document.getElementById(id);
const key = (name) => $('time').dispatchEvent(new KeyboardEvent('keydown', { key: name, cancelable: true }));
try {
  const lines = () => $('lines').children.length;
  const all = lines();
  see('no line of a log', all > 0);
  see('the line is at the beginning', $('cursor').getAttribute('x1') === '170');
  const box = $('time').getBoundingClientRect();
  see('the time line has no size', box.width > 700 && box.height > 100);
  $('time').dispatchEvent(new MouseEvent('click', { clientX: box.left + box.width / 2, clientY: box.top + 50 }));
  see('a click does not move the line', +$('cursor').getAttribute('x1') > 400);
  see('nothing is said of the moment: ' + $('now').textContent, /s \\(peers · height\\): seed \\d/.test($('now').textContent));
  see('no row is marked', document.querySelectorAll('#lines .here').length === 1);
  const before = +$('cursor').getAttribute('x1');
  key('ArrowRight');
  see('a key does not move the line', +$('cursor').getAttribute('x1') > before);
  key('End');
  see('End is not the end', +$('cursor').getAttribute('x1') === 990);
  $('node').value = '1';
  $('node').dispatchEvent(new Event('input'));
  see('a filter hides nothing', lines() < all && lines() > 0);
  see('lines of others are left', [...document.querySelectorAll('#lines b')].every((name) => name.textContent === 'node-1'));
  $('node').value = '';
  $('search').value = 'no such words anywhere';
  $('search').dispatchEvent(new Event('input'));
  see('a search finds what is not there', lines() === 0 && $('count').textContent === 'no line');
  $('search').value = '';
  $('search').dispatchEvent(new Event('input'));
  see('lines do not come back', lines() === all);
  const button = document.querySelector('button[data-at]');
  see('nothing leads to its moment', button !== null);
  button.click();
  see('a check does not lead to its moment', +$('cursor').getAttribute('x1') < 990);
  see('wider than its window', document.documentElement.scrollWidth <= innerWidth);
} catch (why) { wrong.push('thrown: ' + why); }
document.documentElement.dataset.used = wrong.length === 0 ? 'well' : wrong.join('; ');
</script>";

fn browser() -> Command {
    let known = ["chromium", "chromium-browser", "google-chrome"];
    let there = |name: &&str| {
        Command::new(name)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok()
    };
    let found = known.into_iter().find(there);
    Command::new(
        found.expect("these tests need a browser: Debian's package chromium, or google-chrome"),
    )
}

/// Loads the page as a person's browser would, uses it, and says what was wrong.
fn used(page: &str, width: u32) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.html");
    let page = page.replacen("<head>", &format!("<head>{WATCH}"), 1);
    fs::write(&path, page.replacen("</body>", &format!("{USE}</body>"), 1)).unwrap();
    let output = browser()
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
        ])
        .args(["--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--dump-dom"])
        .arg(format!("--window-size={width},900"))
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("file://{}", path.display()))
        .output()
        .unwrap();
    let (dom, console) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let said: Vec<&str> = console.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(said.is_empty(), "{said:?}");
    let used = dom.split("data-used=\"").nth(1).and_then(|rest| rest.split('"').next());
    used.unwrap_or_else(|| panic!("the page was not loaded: {console}")).to_owned()
}

fn page(folder: &Path) -> String {
    fs::read_to_string(folder.join("report.html")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn pages_of_a_pass_and_of_each_kind_of_fail_work_in_a_browser() {
    let both = || format!("{DISCOVER}{RESTART}");
    let d = Faults::default;
    let runs = join_all([
        one(both(), d()),
        one(DISCOVER.to_owned(), Faults { no_mining: true, ..d() }),
        one(both(), Faults { fork: true, ..d() }),
        one(RESTART.to_owned(), Faults { noop_restart: true, ..d() }),
    ])
    .await;
    for (done, (word, width)) in
        runs.iter().zip([("PASS", 1200), ("FAIL", 400), ("FAIL", 1200), ("INCONCLUSIVE", 400)])
    {
        let page = page(done.dir.path());
        assert!(page.contains(&format!("{word}</span>")), "{word}");
        assert_eq!(used(&page, width), "well", "{word}");
    }
    let forked = page(runs[2].dir.path());
    assert!(forked.contains("class=\"tree\""), "a fork has its picture");
}

/// What the test above would say of a page that is broken.
#[tokio::test(start_paused = true)]
async fn a_broken_page_is_noticed() {
    let done = one(DISCOVER.to_owned(), Faults::default()).await;
    let page = page(done.dir.path());
    for (from, to, wrong) in [
        ("const jump = ", "const jimp = ", "error: Uncaught ReferenceError: jump is not defined"),
        ("ArrowRight: at + step", "ArrowRight: at", "a key does not move the line"),
        (
            "<style>",
            "<script src=\"http://127.0.0.1:9/x.js\"></script><style>",
            "policy: script-src",
        ),
    ] {
        let said = std::panic::catch_unwind(|| used(&page.replacen(from, to, 1), 1200));
        let said = said.unwrap_or_else(|panic| *panic.downcast::<String>().unwrap());
        assert!(said.contains(wrong) || said.contains("CONSOLE"), "{wrong}: {said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_is_sealed_with_the_rest_and_decides_nothing() {
    let done = one(DISCOVER.to_owned(), Faults::default()).await;
    let dir = done.dir.path();
    assert!(verify(dir, None).unwrap().is_whole());
    let path = dir.join("report.html");
    fs::write(&path, page(dir).replace("PASS", "FAIL")).unwrap();
    let problems = verify(dir, None).unwrap().problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].to_string().starts_with("report.html: was changed"), "{problems:?}");
}
