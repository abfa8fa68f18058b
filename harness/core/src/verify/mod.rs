//! `verify`: what a bundle says, from its plan and events alone, and everything that does not fit.
//! `EVIDENCE.md` says what that proves and what it does not.
//!
//! `reading` bounds files that may be anybody's, `rederived` goes through the run again,
//! `source` is where the files are; here is compared what follows with what the files say.

pub(crate) mod reading;
mod rederived;
mod source;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    io::{self, BufReader},
};

use serde::Deserialize;
use serde_json::Value;

pub use rederived::Rederived;
pub use source::{Bundle, Found};

use crate::{
    bundle::{Chain, Link, MANIFEST, Manifest, Sha256Hex, hash_all},
    event::{Event, EventKind, FORMAT_VERSION, OLDEST_VERSION},
    record::PlanRecord,
    report::junit,
    scenario::{self, Plan},
    text::printable,
    verdict::Verdict,
};

const EVENTS: &str = "events.jsonl";
const PLAN: &str = "plan.json";
const VERDICT: &str = "verdict.json";
const JUNIT: &str = "junit.xml";

/// Problems that are kept; one tampering makes a few, and more than these help nobody.
const MOST: usize = 50;

/// Characters of a problem that are kept: nodes' and strangers' words are in them.
const LONGEST: usize = 400;

/// What was found out about a bundle.
#[derive(Debug, Default)]
pub struct Verified {
    /// What follows from plan and events; none without a plan.
    pub verdict: Option<Verdict>,
    /// The hash of the manifest; none without one.
    pub digest: Option<Sha256Hex>,
    /// Lines of the event log.
    pub events: u64,
    /// Everything that does not fit, in the order in which it was found.
    pub problems: Vec<Problem>,
    /// Problems beyond those.
    pub more: u64,
    /// The plan's record.
    pub plan: Option<PlanRecord>,
}

/// Something that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// Where.
    pub file: String,
    /// Its line, from 1, in a file that has lines.
    pub line: Option<u64>,
    /// What, in one sentence.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

impl Verified {
    /// Nothing does not fit.
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty() && self.verdict.is_some()
    }

    fn wrong(&mut self, file: &str, line: Option<u64>, what: impl fmt::Display) {
        if self.problems.len() == MOST {
            self.more += 1;
            return;
        }
        let what = what.to_string().chars().take(LONGEST).collect::<String>();
        self.problems.push(Problem { file: printable(file), line, what: printable(&what) });
    }
}

/// Verifies a bundle. `expected` is the digest that the caller knows from elsewhere.
///
/// # Errors
///
/// If there is no directory, or it cannot be read. Whatever is wrong inside it is a problem of the
/// bundle.
pub fn verify(bundle: &dyn Bundle, expected: Option<Sha256Hex>) -> io::Result<Verified> {
    let found = bundle.found()?;
    if found.files.is_empty() && found.strange.is_empty() && bundle.open(MANIFEST).is_err() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "nothing of a bundle is there"));
    }
    let mut verified = Verified::default();
    for path in &found.strange {
        verified.wrong(path, None, "neither a file nor a folder that a run leaves");
    }
    let manifest = manifest(bundle, expected, &mut verified);
    if let Some(manifest) = &manifest {
        files(bundle, manifest, &found.files, &mut verified);
    }
    let record = plan(bundle, &mut verified);
    let last = events(bundle, record.as_ref(), &mut verified);
    if let Some(verdict) = verified.verdict.clone() {
        let version = record.as_ref().map_or(FORMAT_VERSION, |record| record.version);
        same_verdict(bundle, &verdict, version, &mut verified);
    }
    if let Some(manifest) = &manifest {
        same_manifest(manifest, last, &mut verified);
    }
    verified.plan = record;
    Ok(verified)
}

/// A version that this harness does not know is said before anything that it may have changed.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

fn parse<T: serde::de::DeserializeOwned>(
    file: &str,
    bytes: &[u8],
    verified: &mut Verified,
) -> Option<T> {
    match serde_json::from_slice::<Version>(bytes) {
        Ok(Version { version }) if (OLDEST_VERSION..=FORMAT_VERSION).contains(&version) => {}
        Ok(Version { version }) => {
            verified.wrong(
                file,
                None,
                format!("format version {version}; this harness knows {OLDEST_VERSION} to {FORMAT_VERSION}"),
            );
            return None;
        }
        Err(why) => {
            verified.wrong(file, None, format!("cannot be understood: {why}"));
            return None;
        }
    }
    serde_json::from_slice(bytes)
        .map_err(|why| verified.wrong(file, None, format!("cannot be understood: {why}")))
        .ok()
}

fn read(bundle: &dyn Bundle, file: &str, verified: &mut Verified) -> Option<Vec<u8>> {
    match reading::read(bundle, file) {
        Ok(bytes) => Some(bytes),
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            verified.wrong(file, None, "is missing");
            None
        }
        Err(why) => {
            verified.wrong(file, None, format!("cannot be read: {why}"));
            None
        }
    }
}

fn manifest(
    bundle: &dyn Bundle,
    expected: Option<Sha256Hex>,
    verified: &mut Verified,
) -> Option<Manifest> {
    let bytes = read(bundle, MANIFEST, verified);
    verified.digest = bytes.as_ref().map(|bytes| Sha256Hex::of(&[bytes]));
    if let Some(expected) = expected
        && verified.digest != Some(expected)
    {
        let digest = verified.digest.map_or_else(|| "none".to_owned(), |digest| digest.to_string());
        verified.wrong(MANIFEST, None, format!("the bundle's digest is {digest}, not {expected} as expected: it is another bundle, or was changed"));
    }
    let bytes = bytes?;
    let manifest: Manifest = parse(MANIFEST, &bytes, verified)?;
    if manifest.to_bytes().ok().as_ref() != Some(&bytes) {
        verified.wrong(MANIFEST, None, "is not written as a harness writes it");
    }
    Some(manifest)
}

/// Every file is as the manifest says, and there is no other.
fn files(bundle: &dyn Bundle, manifest: &Manifest, found: &[String], verified: &mut Verified) {
    let mut left: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    if !manifest.files.is_sorted_by(|a, b| a.path < b.path) {
        verified.wrong(MANIFEST, None, "files are not in their order, or twice");
    }
    for entry in &manifest.files {
        if !left.remove(entry.path.as_str()) {
            let what =
                if bundle.open(&entry.path).is_err_and(|why| why.kind() != io::ErrorKind::NotFound)
                {
                    "is no file of this bundle"
                } else {
                    "is missing"
                };
            verified.wrong(&entry.path, None, what);
            continue;
        }
        match bundle.open(&entry.path).and_then(hash_all) {
            Ok((bytes, _)) if bytes != entry.bytes => verified.wrong(
                &entry.path,
                None,
                format!("has {bytes} bytes, the manifest says {}", entry.bytes),
            ),
            Ok((_, sha256)) if sha256 != entry.sha256 => verified.wrong(
                &entry.path,
                None,
                format!("was changed: its hash is {sha256}, the manifest says {}", entry.sha256),
            ),
            Ok(_) => {}
            Err(why) => verified.wrong(&entry.path, None, format!("cannot be read: {why}")),
        }
    }
    for path in left {
        verified.wrong(path, None, "is not in the manifest");
    }
    for file in [EVENTS, PLAN, VERDICT, JUNIT] {
        if !manifest.files.iter().any(|entry| entry.path == file) {
            verified.wrong(MANIFEST, None, format!("does not list {file}, which every bundle has"));
        }
    }
}

/// The recorded plan is the one that its own scenario text gives.
fn plan(bundle: &dyn Bundle, verified: &mut Verified) -> Option<PlanRecord> {
    let bytes = read(bundle, PLAN, verified)?;
    let record: PlanRecord = parse(PLAN, &bytes, verified)?;
    let (again, problems) = scenario::load_again(&record.plan, &record.plan.overrides);
    match again {
        Some(again) if is_same_plan(&again, &record.plan) => {}
        Some(_) => {
            verified.wrong(PLAN, None, "is not the plan that its scenario gives with its overrides")
        }
        None => verified.wrong(PLAN, None, format!("its scenario is refused: {problems}")),
    }
    Some(record)
}

fn is_same_plan(one: &Plan, other: &Plan) -> bool {
    matches!((serde_json::to_value(one), serde_json::to_value(other)), (Ok(one), Ok(other)) if one == other)
}

/// Walks the chain and goes through the run again. Returns the chain's last value.
fn events(
    bundle: &dyn Bundle,
    record: Option<&PlanRecord>,
    verified: &mut Verified,
) -> Option<Sha256Hex> {
    let file = match bundle.open(EVENTS) {
        Ok(file) => file,
        Err(why) => {
            verified.wrong(EVENTS, None, format!("cannot be read: {why}"));
            return None;
        }
    };
    let mut reader = BufReader::new(file);
    let mut chain = Chain::default();
    let mut rederived = record.map(|record| Rederived::new(&record.plan, &record.run));
    loop {
        let number = verified.events + 1;
        match reading::line(&mut reader) {
            Ok(None) => break,
            Ok(Some(line)) => {
                verified.events = number;
                if let Some(event) = event(&line, number, &mut chain, verified) {
                    same_facts(&event, record, number, verified);
                    for what in
                        rederived.as_mut().map_or_else(Vec::new, |rederived| rederived.take(&event))
                    {
                        verified.wrong(EVENTS, Some(number), what);
                    }
                }
            }
            Err(why) => {
                verified.wrong(EVENTS, Some(number), why);
                break;
            }
        }
    }
    if let Some(rederived) = rederived {
        if let Err(what) = rederived.end() {
            verified.wrong(EVENTS, None, what);
        }
        verified.verdict = Some(rederived.verdict());
    }
    Some(chain.last())
}

/// One line: its link of the chain, and the event in it. What is wrong with it does not hide what
/// is wrong with later ones.
fn event(line: &[u8], number: u64, chain: &mut Chain, verified: &mut Verified) -> Option<Event> {
    let Some(content) = line.strip_suffix(b"\n") else {
        verified.wrong(EVENTS, Some(number), "is cut off");
        return None;
    };
    let Some(link) = Link::read(content) else {
        verified.wrong(EVENTS, Some(number), "has no value of the chain at its end");
        return None;
    };
    if chain.follow(&link.event) != link.chain {
        verified.wrong(EVENTS, Some(number), "the chain breaks: this line was changed, or one before it was changed, added, dropped or moved");
        chain.resume(link.chain);
    }
    let event = match serde_json::from_slice::<Event>(&link.event) {
        Ok(event) => event,
        Err(why) => {
            verified.wrong(EVENTS, Some(number), format!("is no event: {why}"));
            return None;
        }
    };
    if serde_json::to_vec(&event).ok().as_ref() != Some(&link.event) {
        verified.wrong(EVENTS, Some(number), "is not written as a harness writes it");
    }
    Some(event)
}

/// What the provider said of itself is in both files.
fn same_facts(event: &Event, record: Option<&PlanRecord>, number: u64, verified: &mut Verified) {
    if let (EventKind::Prepared { facts, .. }, Some(record)) = (&event.what, record)
        && *facts != record.facts
    {
        verified.wrong(EVENTS, Some(number), "the provider's facts are others than in plan.json");
    }
}

/// The verdict and the report that follow are the ones that are there. An older harness had other
/// words for them: of its verdict everything else is compared.
fn same_verdict(bundle: &dyn Bundle, derived: &Verdict, version: u32, verified: &mut Verified) {
    if version < FORMAT_VERSION {
        same_decisions(bundle, derived, verified);
        return;
    }
    if let (Some(recorded), Ok(bytes)) = (read(bundle, VERDICT, verified), derived.to_bytes())
        && recorded != bytes
    {
        match (serde_json::from_slice::<Value>(&recorded), serde_json::from_slice::<Value>(&bytes))
        {
            (Ok(recorded), Ok(derived)) if recorded != derived => {
                let mut paths = Vec::new();
                differences("", &recorded, &derived, &mut paths);
                for what in paths {
                    verified.wrong(VERDICT, None, what);
                }
            }
            (Ok(_), Ok(_)) => {
                verified.wrong(VERDICT, None, "is not written as a harness writes it")
            }
            _ => verified.wrong(VERDICT, None, "cannot be understood"),
        }
    }
    if let (Some(recorded), Ok(xml)) = (read(bundle, JUNIT, verified), junit::xml(derived))
        && recorded != xml
    {
        verified.wrong(JUNIT, None, "does not follow from the events");
    }
}

/// The verdict but for its words.
fn same_decisions(bundle: &dyn Bundle, derived: &Verdict, verified: &mut Verified) {
    let Some(recorded) = read(bundle, VERDICT, verified) else { return };
    let (Ok(mut recorded), Ok(mut derived)) =
        (serde_json::from_slice::<Value>(&recorded), serde_json::to_value(derived))
    else {
        verified.wrong(VERDICT, None, "cannot be understood");
        return;
    };
    for document in [&mut recorded, &mut derived] {
        without_words(document);
    }
    let mut paths = Vec::new();
    differences("", &recorded, &derived, &mut paths);
    for what in paths {
        verified.wrong(VERDICT, None, what);
    }
}

/// Drops what the formats say in different words.
fn without_words(document: &mut Value) {
    match document {
        Value::Object(entries) => {
            for words in ["version", "reason", "selector"] {
                entries.remove(words);
            }
            entries.values_mut().for_each(without_words);
        }
        Value::Array(entries) => entries.iter_mut().for_each(without_words),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Where two documents differ, as `phases.0.name says x, but y follows from the events`.
fn differences(path: &str, recorded: &Value, derived: &Value, into: &mut Vec<String>) {
    if recorded == derived || into.len() == MOST {
        return;
    }
    let below = |key: &dyn fmt::Display| {
        if path.is_empty() { key.to_string() } else { format!("{path}.{key}") }
    };
    match (recorded, derived) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: BTreeMap<&String, ()> =
                one.keys().chain(other.keys()).map(|key| (key, ())).collect();
            for key in keys.into_keys() {
                differences(
                    &below(key),
                    one.get(key).unwrap_or(&Value::Null),
                    other.get(key).unwrap_or(&Value::Null),
                    into,
                );
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                differences(&below(&index), one, other, into);
            }
        }
        _ => {
            let short = |value: &Value| value.to_string().chars().take(120).collect::<String>();
            into.push(format!(
                "{path} says {}, but {} follows from the events",
                short(recorded),
                short(derived)
            ));
        }
    }
}

/// The manifest says what the rest of the bundle says.
fn same_manifest(manifest: &Manifest, last: Option<Sha256Hex>, verified: &mut Verified) {
    if manifest.events != verified.events {
        verified.wrong(
            MANIFEST,
            None,
            format!("says {} events, there are {}", manifest.events, verified.events),
        );
    }
    if last.is_some_and(|last| last != manifest.chain) {
        verified.wrong(MANIFEST, None, "says another last value of the chain than the events have");
    }
    let Some(verdict) = verified.verdict.clone() else { return };
    if manifest.run != verdict.run {
        verified.wrong(
            MANIFEST,
            None,
            format!("is of run {}, plan and events are of run {}", manifest.run, verdict.run),
        );
    }
    if (manifest.verdict, manifest.exit_code, &manifest.scenario)
        != (verdict.verdict, verdict.exit_code, &verdict.scenario)
    {
        verified.wrong(
            MANIFEST,
            None,
            format!(
                "says another verdict ({:?}, {}) than follows from the events",
                manifest.verdict, manifest.exit_code
            ),
        );
    }
}
