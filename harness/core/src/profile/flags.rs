//! Arguments by flag: `--name x`, `--name=x` and `--dev` are one group each. A node may refuse a
//! flag that is given twice, so the scenario's replaces the harness's.

/// Arguments, each flag with its values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Groups(Vec<Vec<String>>);

impl Groups {
    /// Splits arguments before each flag. What stands before the first belongs to none.
    pub(crate) fn of(args: impl IntoIterator<Item = String>) -> Self {
        let mut groups: Vec<Vec<String>> = Vec::new();
        for arg in args {
            match groups.last_mut() {
                Some(group) if !is_flag(&arg) => group.push(arg),
                Some(_) | None => groups.push(vec![arg]),
            }
        }
        Self(groups)
    }

    /// One more flag with its value, if it takes one.
    pub(super) fn push(&mut self, flag: &str, value: Option<String>) {
        self.0.push([flag.to_owned()].into_iter().chain(value).collect());
    }

    pub(super) fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// The flags, in order, without what they are set to.
    pub(crate) fn flags(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|group| flag_of(group))
    }

    /// These, without any that `others` say too, and then the others.
    pub(super) fn replaced_by(self, others: Self) -> Self {
        let said: Vec<&str> = others.flags().collect();
        let ours = self.0.into_iter();
        let kept = ours.filter(|group| flag_of(group).is_none_or(|flag| !said.contains(&flag)));
        Self(kept.chain(others.0.iter().cloned()).collect())
    }

    pub(super) fn into_args(self) -> Vec<String> {
        self.0.into_iter().flatten().collect()
    }
}

fn flag_of(group: &[String]) -> Option<&str> {
    let flag = group.first().filter(|first| is_flag(first))?;
    Some(flag.split_once('=').map_or(flag.as_str(), |(flag, _)| flag))
}

/// A number below zero is a value.
fn is_flag(arg: &str) -> bool {
    arg.strip_prefix('-')
        .is_some_and(|rest| rest.starts_with(|c: char| c == '-' || c.is_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(args: &str) -> Groups {
        Groups::of(args.split(' ').map(str::to_owned))
    }

    #[test]
    fn the_others_word_replaces_ours_however_it_is_written() {
        let ours = "--dev --name node-1 --rpc-port 9944";
        for (theirs, together) in [
            ("--name other", "--dev --rpc-port 9944 --name other"),
            ("--name=other", "--dev --rpc-port 9944 --name=other"),
            ("--dev", "--name node-1 --rpc-port 9944 --dev"),
            ("--log -1", "--dev --name node-1 --rpc-port 9944 --log -1"),
            ("plain --x a b", "--dev --name node-1 --rpc-port 9944 plain --x a b"),
        ] {
            assert_eq!(groups(ours).replaced_by(groups(theirs)).into_args().join(" "), together);
        }
    }
}
