//! `image`: a node as an image that stays, for other tools.

use harness_core::exit::ExitCode;
use harness_run::interrupt::Interrupt;

use super::{args::ImageArgs, environment::environment, output};
use crate::{
    binary::{Binary, BuildKind, Program},
    provider::docker,
};

pub(super) async fn run(args: &ImageArgs, interrupt: Interrupt) -> ExitCode {
    let Some((name, tag)) = name_and_tag(&args.reference) else {
        output::error(&format!(
            "`{}` cannot be an image's name: use small letters, digits and `.`, `_`, `-`, `/` inside, and a tag after `:`",
            args.reference
        ));
        return ExitCode::Usage;
    };
    let binary = args
        .node_bin
        .as_deref()
        .map_or(Binary::Built(Program::Node, BuildKind::Release), Binary::File);
    let (environment, say) = (environment(), |step: String| output::note(&step));
    let made = tokio::select! {
        biased;
        signal = interrupt.raised() => return ExitCode::Interrupted(signal),
        made = docker::put(binary, (name, tag), &environment, &say) => made,
    };
    match made {
        Ok(id) => {
            output::result(&format!(
                "image {name}:{tag} is on the engine ({id})\nremove it with `docker rmi {name}:{tag}`"
            ));
            ExitCode::Pass
        }
        Err(why) => {
            output::error(&why.to_string());
            ExitCode::Environment
        }
    }
}

/// `latest` where no tag is written. The engine is the judge of what it takes; this keeps out what would be read as
/// something else.
fn name_and_tag(reference: &str) -> Option<(&str, &str)> {
    let (name, tag) = match reference.rsplit_once(':') {
        // A registry's port.
        Some((_, after)) if after.contains('/') => (reference, "latest"),
        Some((name, tag)) => (name, tag),
        None => (reference, "latest"),
    };
    let plain = |text: &str, more: &[u8]| {
        text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
    };
    let lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
    (lower && plain(name, b"._-/:") && plain(tag, b"._-")).then_some((name, tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_tag_or_gets_one() {
        assert_eq!(name_and_tag("node"), Some(("node", "latest")));
        assert_eq!(name_and_tag("localhost/node:1.2"), Some(("localhost/node", "1.2")));
        assert_eq!(name_and_tag("host:5000/a/node"), Some(("host:5000/a/node", "latest")));
        assert_eq!(name_and_tag("host:5000/node:x"), Some(("host:5000/node", "x")));
        for none in ["", ":x", "node:", "Node", "--help", "no de", "node@sha256:ab", "node:a/b:"] {
            assert_eq!(name_and_tag(none), None, "{none}");
        }
    }
}
