//! `report`: runs as pages. What a page says of a verdict is derived again from the evidence, whatever lies in the
//! bundle as its verdict.

use std::{io, path::Path};

use harness_core::{
    exit::ExitCode,
    markup,
    page::{self, Belief, Beside},
    report::markdown,
    verify::Verified,
};
use harness_run::evidence::{self, verify, write_whole};

use super::{args::ReportArgs, output};

pub(super) fn run(args: &ReportArgs) -> ExitCode {
    let mut shown = Vec::new();
    // Before anything is written: one that is no bundle is a mistake.
    for path in &args.bundles {
        match verify(path, None) {
            Ok(verified) => shown.push((path.as_path(), verified)),
            Err(why) => {
                output::error(&format!("no bundle at `{}`: {why}", path.display()));
                return ExitCode::Usage;
            }
        }
    }
    if args.markdown {
        return markdown(&shown);
    }
    let page = match shown.as_slice() {
        [(path, verified)] => one(path, verified),
        several => Ok(beside(several)),
    };
    let page = match page {
        Ok(page) => page,
        Err(why) => {
            output::error(&format!("no page can be made of it: {why}"));
            return ExitCode::Usage;
        }
    };
    if let Err(why) = write(&args.out, &page) {
        output::error(&format!("`{}` cannot be written: {why}", args.out.display()));
        return ExitCode::Environment;
    }
    output::result(&format!("  {}", args.out.display()));
    let whole = shown.iter().filter(|(_, verified)| verified.is_whole()).count();
    if whole < shown.len() {
        let broken = shown.len() - whole;
        output::result(&format!(
            "NOT WHOLE: the evidence of {broken} of {} does not fit; the page says so, `harness verify` says why",
            shown.len()
        ));
        return ExitCode::Fail;
    }
    ExitCode::Pass
}

/// For a comment: to standard output, one after another.
fn markdown(shown: &[(&Path, Verified)]) -> ExitCode {
    let mut code = ExitCode::Pass;
    for (path, verified) in shown {
        let place = path.display().to_string();
        match (belief(verified), &verified.verdict) {
            (Belief::Fresh | Belief::Whole, Some(verdict)) => {
                output::result(&markdown::summary(verdict, &place, verified.digest));
            }
            (Belief::Broken(_, first), _) => {
                let (place, first) = (markup::cell(&place), markup::cell(&first));
                output::result(&format!(
                    "### NOT WHOLE {place}\n\nThe evidence does not fit: {first}\n"
                ));
                code = ExitCode::Fail;
            }
            (Belief::Fresh | Belief::Whole, None) => code = ExitCode::Fail,
        }
    }
    code
}

fn one(path: &Path, verified: &Verified) -> io::Result<String> {
    let verdict = verified.verdict.as_ref();
    let verdict = verdict.ok_or_else(|| io::Error::other("nothing follows from its evidence"))?;
    evidence::page(path, verdict, &belief(verified))
}

fn beside(several: &[(&Path, Verified)]) -> String {
    let of = |(path, verified): &(&Path, Verified)| Beside {
        place: path.display().to_string(),
        belief: belief(verified),
        digest: verified.digest,
        verdict: verified.verdict.clone(),
        builds: verified
            .plan
            .as_ref()
            .map(|plan| harness_core::record::builds(&plan.facts))
            .unwrap_or_default(),
        seed: verified.plan.as_ref().map(|plan| plan.plan.seed),
    };
    page::beside(&several.iter().map(of).collect::<Vec<_>>())
}

fn belief(verified: &Verified) -> Belief {
    if verified.is_whole() {
        return Belief::Whole;
    }
    let first = verified.problems.first();
    let first = first.map_or_else(|| "nothing follows from it".to_owned(), ToString::to_string);
    Belief::Broken(verified.problems.len() as u64 + verified.more, first)
}

fn write(out: &Path, page: &str) -> io::Result<()> {
    let name = out.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| io::Error::other("no name of a file"))?;
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    write_whole(folder.unwrap_or(Path::new(".")), name, page.as_bytes())
}
