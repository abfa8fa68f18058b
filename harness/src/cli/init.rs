//! `init`: a first scenario, a gate and a CI job, written into somebody's repository. Starts nothing,
//! asks nothing, and writes over nothing.
//!
//! The texts are files of this repository that are good as they are: `ci/examples` and
//! `harness/templates`. What a user names takes the place of what stands there.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use harness_core::{
    exit::ExitCode,
    gate::file::GateFile,
    scenario::{Origin, Overrides, load},
};

use super::{
    args::{Ci, InitArgs},
    output,
};

const SCENARIO: &str = include_str!("../../templates/first/scenario.toml");
const ABOUT: &str = include_str!("../../templates/first/README.md");
const GATE: &str = include_str!("../../templates/release.toml");
const GITHUB: &str = include_str!("../../../ci/examples/github.yml");
const GITLAB: &str = include_str!("../../../ci/examples/gitlab.yml");
const GITLAB_IMAGE: &str = include_str!("../../../ci/examples/gitlab-image.yml");
const JENKINS: &str = include_str!("../../../ci/examples/Jenkinsfile");

/// A file to write.
struct File {
    /// In the repository.
    path: PathBuf,
    text: String,
    about: &'static str,
}

pub(super) fn run(args: &InitArgs) -> ExitCode {
    let job = match job(args) {
        Ok(job) => job,
        Err(why) => {
            output::error(why);
            return ExitCode::Usage;
        }
    };
    let files: Vec<File> = files(args).into_iter().chain(job).collect();
    if let Some(problems) = refused(args, &files) {
        output::note(&problems);
        output::error("a bug of `harness init`: what it would write is no good");
        return ExitCode::Bug;
    }
    let there: Vec<String> = files
        .iter()
        .filter(|file| fs::symlink_metadata(in_folder(args, file)).is_ok())
        .map(|file| format!("\n  {}", in_folder(args, file).display()))
        .collect();
    if !there.is_empty() {
        output::error(&format!(
            "nothing was written, since there is already:{}\nmove it away{}; a further scenario is a copy of a first one's folder",
            there.concat(),
            if args.ci == Ci::None { "" } else { ", or leave the CI job out with --ci none" }
        ));
        return ExitCode::Usage;
    }
    for file in &files {
        let path = in_folder(args, file);
        if let Err(why) = write(&path, &file.text) {
            output::error(&format!("`{}` cannot be written: {why}", path.display()));
            return ExitCode::Environment;
        }
        output::result(&format!("wrote {}: {}", path.display(), file.about));
    }
    next(args);
    ExitCode::Pass
}

fn files(args: &InitArgs) -> Vec<File> {
    let name = &args.name;
    let folder = Path::new("scenarios").join(name);
    let count = format!("count = {}", args.nodes);
    vec![
        File {
            path: folder.join("scenario.toml"),
            text: SCENARIO.replace("count = 2", &count),
            about: "what is started, broken and asked",
        },
        File {
            path: folder.join("README.md"),
            text: for_node(ABOUT, args).replace("# first", &format!("# {name}")),
            about: "what it shows, for people",
        },
        File {
            path: "scenarios/release.toml".into(),
            text: for_node(GATE, args).replace("./first", &format!("./{name}")),
            about: "how often it must pass before a release",
        },
    ]
}

/// The job for the CI system that was asked for.
fn job(args: &InitArgs) -> Result<Option<File>, &'static str> {
    let (path, text) = match (args.ci, &args.node_image) {
        (Ci::Github, _) => (".github/workflows/hegemon.yml", GITHUB),
        (Ci::Gitlab, Some(_)) => (".gitlab/hegemon.yml", GITLAB_IMAGE),
        (Ci::Gitlab, None) => (".gitlab/hegemon.yml", GITLAB),
        (Ci::Jenkins, _) => ("Jenkinsfile.hegemon", JENKINS),
        (Ci::None, _) => return Ok(None),
    };
    let mut text = text.to_owned();
    if let Some(testbed) = &args.testbed {
        if args.ci == Ci::Github {
            let action = testbed.action().ok_or(
                "a workflow of GitHub takes this testbed from GitHub: --testbed OWNER/REPOSITORY@REVISION",
            )?;
            text = text.replace("OWNER/REPOSITORY@REVISION", &action);
        } else {
            let (url, revision) = testbed.clone_of();
            text = text.replace("https://github.com/OWNER/REPOSITORY", &url);
            text = text.replace("--quiet REVISION", &format!("--quiet {revision}"));
        }
    }
    let text = for_node(&text, args);
    Ok(Some(File { path: path.into(), text, about: "runs it on every change, and gates on it" }))
}

/// A text with this scenario and node in place of the example's. The node comes last: it is the only
/// one that could hold what is looked for.
fn for_node(text: &str, args: &InitArgs) -> String {
    let text = text.replace("scenarios/first", &format!("scenarios/{}", args.name));
    match (&args.node_image, &args.node_bin) {
        (Some(image), _) => text.replace("my/node:1.2", image),
        (None, Some(path)) => text
            .replace("image: my/node:1.2", &format!("binary: {path}"))
            .replace("--node-image my/node:1.2", &format!("--node-bin {path}"))
            .replace("--node-bin ./hegemon-node", &format!("--node-bin {path}")),
        (None, None) => text
            .replace("image: my/node:1.2", "own-node: true")
            .replace(" --node-image my/node:1.2", "")
            .replace(" --node-bin ./hegemon-node", ""),
    }
}

/// What is wrong with the scenario or the gate, which is never anything.
fn refused(args: &InitArgs, files: &[File]) -> Option<String> {
    let mut problems = Vec::new();
    for file in files {
        let found = match file.path.file_name()?.to_str()? {
            "scenario.toml" => {
                let origin = Origin { name: &args.name, path: &file.path };
                load(origin, file.text.clone(), &Overrides::default()).1
            }
            "release.toml" => GateFile::parse(file.path.clone(), &file.text).1,
            _ => continue,
        };
        if !found.is_empty() {
            problems.push(found.to_string());
        }
    }
    (!problems.is_empty()).then(|| problems.concat())
}

/// Where a file goes, as people write it.
fn in_folder(args: &InitArgs, file: &File) -> PathBuf {
    args.folder.strip_prefix(".").unwrap_or(&args.folder).join(&file.path)
}

/// A file that appeared meanwhile is somebody's, too.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}

/// What is left to the user, and the command that comes next.
fn next(args: &InitArgs) {
    let there = if args.folder == Path::new(".") {
        String::new()
    } else {
        format!("cd {} && ", shell_words::quote(&args.folder.to_string_lossy()))
    };
    let node = match (&args.node_image, &args.node_bin) {
        (Some(image), _) => format!(" --node-image {image}"),
        (None, Some(path)) => format!(" --node-bin {path}"),
        (None, None) => String::new(),
    };
    output::result(&format!("next: {there}harness scenario scenarios/{}{node}", args.name));
    if args.ci != Ci::None && args.testbed.is_none() {
        output::note(
            "the CI job has OWNER/REPOSITORY and REVISION where this testbed is: fill them in",
        );
    }
    match args.ci {
        Ci::Gitlab => output::note(
            "`.gitlab-ci.yml` includes the job with: include: [{ local: .gitlab/hegemon.yml }]",
        ),
        Ci::Jenkins => output::note("the script path of the Jenkins job is Jenkinsfile.hegemon"),
        Ci::Github | Ci::None => {}
    }
    output::note("runs/ and gates/ are evidence: name them in .gitignore");
}
