//! Scenarios written as data: `scenarios.json` holds requests in order and what their answers must hold. Every answer is held
//! against the OpenAPI description as well, and together they must reach every route.

use super::{Fixture, bearer, cookie, schema};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    name: String,
    /// Whether the store has users.
    users: bool,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// Method and path; `{name}` stands for what was kept.
    #[serde(rename = "do")]
    what: String,
    /// A user, or `user/scope` for a token; none for nobody.
    #[serde(rename = "as")]
    who: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    status: u16,
    /// Values by JSON pointer.
    #[serde(default)]
    has: BTreeMap<String, Value>,
    /// Length of lists by JSON pointer.
    #[serde(default)]
    count: BTreeMap<String, usize>,
    /// Words that the answer's text must hold.
    #[serde(default)]
    says: Vec<String>,
    /// Headers that the answer must have, with a part of their value.
    #[serde(default)]
    sends: BTreeMap<String, String>,
    /// Names for later, by JSON pointer or `header:NAME`.
    #[serde(default)]
    keep: BTreeMap<String, String>,
}

fn fill(text: &str, kept: &BTreeMap<String, String>) -> String {
    kept.iter().fold(text.to_owned(), |t, (name, value)| t.replace(&format!("{{{name}}}"), value))
}

fn words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Methods and paths of the description.
pub(crate) fn declared(document: &Value) -> Vec<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().keys();
        methods.map(move |m| (m.to_uppercase(), path.clone()))
    });
    each.collect()
}

/// The declared path that a request's path belongs to.
fn template(document: &Value, method: &str, path: &str) -> Option<String> {
    let asked: Vec<&str> = path.split('?').next()?.split('/').collect();
    let fits = |declared: &str| {
        let parts: Vec<&str> = declared.split('/').collect();
        parts.len() == asked.len() && parts.iter().zip(&asked).all(|(d, a)| d == a || d.starts_with('{'))
    };
    // A path that is named beats one with a parameter.
    let mut found: Vec<String> =
        declared(document).into_iter().filter(|(m, p)| m == method && fits(p)).map(|(_, p)| p).collect();
    found.sort_by_key(|p| p.contains('{'));
    found.into_iter().next()
}

#[tokio::test]
async fn scenarios_hold_and_reach_every_route() {
    let scenarios: Vec<Scenario> = {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rest/scenarios.json");
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    // All that is wrong is told at once.
    let mut wrong: Vec<String> = Vec::new();
    let document = tm_server::openapi();
    let mut reached: BTreeSet<String> = BTreeSet::new();
    for scenario in scenarios {
        let fixture = if scenario.users { Fixture::with_users().await } else { Fixture::open().await };
        let mut kept: BTreeMap<String, String> = BTreeMap::new();
        kept.insert("setup".into(), fixture.setup.clone().unwrap_or_default());
        let mut sessions: BTreeMap<String, (String, String)> = BTreeMap::new();
        for step in &scenario.steps {
            let what = fill(&step.what, &kept);
            let place = format!("{}: {what}", scenario.name);
            let (method, path) = what.split_once(' ').unwrap();
            let mut headers: Vec<(String, String)> =
                step.headers.iter().map(|(n, v)| (n.clone(), fill(v, &kept))).collect();
            if let Some(who) = &step.who {
                if !sessions.contains_key(who) {
                    let made = match who.split_once('/') {
                        Some((user, scope)) => bearer(&fixture.token(user, scope, None).await),
                        None => cookie(&fixture.session(who, 600).await),
                    };
                    sessions.insert(who.clone(), made);
                }
                headers.push(sessions[who].clone());
            }
            let body =
                step.body.as_ref().map(|b| serde_json::from_str(&fill(&b.to_string(), &kept)).unwrap());
            let reply = fixture.send(method, path, &headers, body.as_ref()).await;
            if reply.status.as_u16() != step.status {
                wrong.push(format!("{place}: {} {}", reply.status, reply.text));
                continue;
            }
            for (pointer, value) in &step.has {
                if reply.body.pointer(pointer) != Some(value) {
                    wrong.push(format!("{place}: {pointer} is not {value} in {}", reply.text));
                }
            }
            for (pointer, n) in &step.count {
                let found = reply.body.pointer(pointer).and_then(Value::as_array).map(Vec::len);
                if found != Some(*n) {
                    wrong.push(format!("{place}: {pointer} has {found:?}, not {n}, in {}", reply.text));
                }
            }
            for piece in step.says.iter().filter(|p| !reply.text.contains(p.as_str())) {
                wrong.push(format!("{place}: no '{piece}' in {}", reply.text));
            }
            for (name, part) in &step.sends {
                let value = reply.headers.get(name).map(|v| v.to_str().unwrap()).unwrap_or("(none)");
                if !value.contains(part.as_str()) {
                    wrong.push(format!("{place}: {name} is {value}"));
                }
            }
            for (name, from) in &step.keep {
                let value = match from.strip_prefix("header:") {
                    Some(header) => reply.headers[header].to_str().unwrap().to_owned(),
                    None => words(reply.body.pointer(from).unwrap_or(&Value::Null)),
                };
                kept.insert(name.clone(), value);
            }
            let Some(template) = template(&document, method, path) else { continue };
            let answers = &document["paths"][&template][method.to_lowercase()]["responses"];
            if reply.status.is_success() {
                reached.insert(format!("{method} {template}"));
                let Some(declared) = answers.get(reply.status.as_str()) else {
                    wrong.push(format!("{place}: {} is not declared", reply.status));
                    continue;
                };
                if reply.status == StatusCode::NO_CONTENT {
                    continue;
                }
                let kind = reply.headers.get("content-type").map(|v| v.to_str().unwrap()).unwrap_or("");
                let Some(media) = declared["content"].get(kind.split("; charset").next().unwrap()) else {
                    wrong.push(format!("{place}: {kind} is not declared"));
                    continue;
                };
                if kind == "application/json" && media["schema"] != serde_json::json!({"type": "string"}) {
                    let odd = schema::problems(&document, &media["schema"], &reply.body);
                    wrong.extend(odd.into_iter().map(|w| format!("{place}: {w}")));
                }
            } else if reply.status != StatusCode::NOT_MODIFIED {
                let problem = &document["components"]["schemas"]["Problem"];
                let odd = schema::problems(&document, problem, &reply.body);
                wrong.extend(odd.into_iter().map(|w| format!("{place}: {w}")));
            }
        }
    }
    let all: BTreeSet<String> = declared(&document).into_iter().map(|(m, p)| format!("{m} {p}")).collect();
    let missed: Vec<&String> = all.difference(&reached).collect();
    wrong.extend(missed.iter().map(|m| format!("no scenario reaches {m}")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_description_is_whole() {
    let document = tm_server::openapi();
    let mut names = BTreeSet::new();
    for (method, path) in declared(&document) {
        let operation = &document["paths"][&path][method.to_lowercase()];
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name.to_owned()), "{name} names two operations");
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{name} says nothing");
        let answers = operation["responses"].as_object().unwrap();
        assert!(answers.contains_key("default"), "{name} declares no errors");
        for answer in answers.values().filter_map(|a| a.get("content")?.get("application/json")) {
            // A type that docs/api.md does not have becomes an empty schema.
            let open = answer["schema"].as_object().is_none_or(|s| s.is_empty());
            assert!(!open || name == "openapi", "{name} answers a type that is none");
        }
        if let Some(body) = operation.get("requestBody") {
            // The document of others that is imported has any form.
            let schema = &body["content"]["application/json"]["schema"];
            let closed =
                schema["properties"].is_object() || schema.as_object().is_some_and(|s| !s.is_empty());
            assert!(closed || name == "import_watchlists", "{name}: its body");
        }
    }
    let text = document.to_string();
    for piece in text.split("#/components/schemas/").skip(1) {
        let name = piece.split('"').next().unwrap();
        assert!(document["components"]["schemas"].get(name).is_some(), "no type {name}");
    }
}

#[test]
fn the_copy_in_docs_is_the_description() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let now = tm_server::openapi();
    if kept != now {
        let fresh = concat!(env!("CARGO_TARGET_TMPDIR"), "/openapi.json");
        std::fs::write(fresh, serde_json::to_string_pretty(&now).unwrap() + "\n").unwrap();
        panic!("write it anew: threatminer serve --openapi > docs/openapi.json, or copy {fresh}");
    }
}
