//! A JSON Schema of scenario files, for editors: from the same keys that the reader takes.

use serde_json::{Map, Value, json};

use crate::{
    check::CHECKS,
    document::{Given, Key},
    fault::FAULTS,
    scenario,
};

/// The schema (draft 2020-12).
pub fn schema() -> Value {
    let checks: Vec<Value> = CHECKS
        .iter()
        .map(|entry| step("check", entry.name, entry.about, &entry.common(), entry.keys))
        .collect();
    let faults: Vec<Value> = FAULTS
        .iter()
        .map(|entry| step("fault", entry.name, entry.about, &entry.common(), entry.keys))
        .collect();
    let mut phase = table(&[scenario::PHASE]);
    phase["properties"]["faults"] = json!({ "type": "array", "items": { "oneOf": faults } });
    phase["properties"]["checks"] = json!({ "type": "array", "items": { "oneOf": checks } });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A scenario of the Hegemon testbed",
        "type": "object",
        "properties": {
            "scenario": table(&[scenario::SCENARIO]),
            "network": table(&[scenario::NETWORK]),
            "nodes": { "type": "array", "minItems": 1, "items": table(&[scenario::GROUP]) },
            "phases": { "type": "array", "minItems": 1, "items": phase },
        },
        "required": ["scenario", "nodes", "phases"],
        "additionalProperties": false,
    })
}

/// A check or fault: its name decides which other keys there are.
fn step(key: &str, name: &str, about: &str, common: &[Key], own: &[Key]) -> Value {
    let mut step = table(&[common, own]);
    step["title"] = json!(name);
    step["description"] = json!(about);
    step["properties"][key] = json!({ "const": name });
    step
}

fn table(keys: &[&[Key]]) -> Value {
    let keys = || keys.iter().flat_map(|keys| keys.iter());
    let properties: Map<String, Value> =
        keys().map(|key| (key.name.to_owned(), key.schema())).collect();
    let required: Vec<&str> =
        keys().filter(|key| key.given == Given::Always).map(|key| key.name).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_and_fault_has_its_own_keys_and_no_other() {
        let schema = schema();
        let steps = &schema["properties"]["phases"]["items"]["properties"];
        let of = |list: &str, key: &str, name: &str| {
            let steps = steps[list]["items"]["oneOf"].as_array().unwrap().clone();
            steps.into_iter().find(|step| step["properties"][key]["const"] == name).unwrap()
        };
        let peers = of("checks", "check", "peers");
        let keys: Vec<&String> = peers["properties"].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["at_least", "check", "during", "for", "more_than", "nodes", "within"]);
        assert_eq!(peers["required"], json!(["check", "nodes", "within"]));
        assert_eq!(peers["additionalProperties"], json!(false));
        let whole = of("checks", "check", "no-stall");
        assert!(whole["properties"].get("for").is_none(), "it takes no `for`");
        let restart = of("faults", "fault", "restart");
        assert_eq!(restart["required"], json!(["fault", "nodes"]));
        assert_eq!(restart["properties"]["downtime"]["type"], "string");
    }
}
