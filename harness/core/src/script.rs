//! A scenario as a text that a program writes and changes: the tables of its TOML, and how they are written.
//! Knows the form of the file and nothing of its meaning; that is `scenario`'s.

use std::fmt::{self, Write};

use toml::{Table, Value};

/// Keys that people read first, in their order; all others follow by name.
const FIRST: [&str; 8] =
    ["fault", "check", "name", "description", "faults", "nodes", "groups", "from"];

/// The arrays of tables of a phase.
pub const STEPS: [&str; 3] = ["faults", "storm", "checks"];

/// A scenario file's tables.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Script(pub Table);

impl Script {
    /// Reads a text that is TOML; whether it is a scenario is for others. Comments are not kept.
    ///
    /// # Errors
    ///
    /// It is no TOML.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        text.parse().map(Self)
    }

    /// An array of tables, like `nodes` and `phases`; none if it is not there.
    pub fn list(&self, name: &str) -> &[Value] {
        list(&self.0, name)
    }

    /// The same, to be changed; it is there afterwards.
    pub fn list_mut(&mut self, name: &str) -> &mut Vec<Value> {
        list_mut(&mut self.0, name)
    }
}

/// An array in a table; none if it is not there.
pub fn list<'a>(table: &'a Table, name: &str) -> &'a [Value] {
    table.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The same, to be changed; whatever else was there is gone.
pub fn list_mut<'a>(table: &'a mut Table, name: &str) -> &'a mut Vec<Value> {
    let entry = table.entry(name).or_insert_with(|| Value::Array(Vec::new()));
    if !entry.is_array() {
        *entry = Value::Array(Vec::new());
    }
    entry.as_array_mut().expect("it was made one")
}

/// A table of these keys.
pub fn table<const N: usize>(keys: [(&str, Value); N]) -> Table {
    keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for name in ["scenario", "network"] {
            if let Some(Value::Table(table)) = self.0.get(name) {
                write!(text, "\n[{name}]\n{}", Keys(table, &[]))?;
            }
        }
        for group in self.list("nodes").iter().filter_map(Value::as_table) {
            write!(text, "\n[[nodes]]\n{}", Keys(group, &[]))?;
        }
        for phase in self.list("phases").iter().filter_map(Value::as_table) {
            write!(text, "\n[[phases]]\n{}", Keys(phase, &STEPS))?;
            for name in STEPS {
                for step in list(phase, name).iter().filter_map(Value::as_table) {
                    write!(text, "\n[[phases.{name}]]\n{}", Keys(step, &[]))?;
                }
            }
        }
        f.write_str(text.trim_start())
    }
}

/// A table's keys but those that have tables of their own.
struct Keys<'a>(&'a Table, &'a [&'a str]);

impl fmt::Display for Keys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rank = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
        let mut keys: Vec<&String> =
            self.0.keys().filter(|key| !self.1.contains(&key.as_str())).collect();
        keys.sort_by_key(|key| (rank(key), *key));
        keys.into_iter().try_for_each(|key| writeln!(f, "{key} = {}", self.0[key]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_was_read() {
        for text in [
            include_str!("../../../scenarios/kill-storm/scenario.toml"),
            include_str!("../../../scenarios/clock-skew/scenario.toml"),
            include_str!("../../../scenarios/partition/scenario.toml"),
            include_str!("../../../scenarios/poisoned/scenario.toml"),
        ] {
            let script = Script::parse(text).unwrap();
            let written = script.to_string();
            assert_eq!(Script::parse(&written).unwrap(), script, "{written}");
            assert_eq!(Script::parse(&written).unwrap().to_string(), written);
        }
    }

    #[test]
    fn keys_come_in_the_order_in_which_people_read_them() {
        let script = Script::parse(
            "phases = [{ checks = [{ within = \"5s\", nodes = \"*\", check = \"alive\" }], name = \"a \\\"b\\\"\" }]",
        );
        assert_eq!(
            script.unwrap().to_string(),
            "[[phases]]\nname = 'a \"b\"'\n\n[[phases.checks]]\ncheck = \"alive\"\nnodes = \"*\"\nwithin = \"5s\"\n"
        );
    }
}
