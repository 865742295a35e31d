//! The description of the API in OpenAPI 3.1 (JSON Schema 2020-12), from the declarations of the routes and the types of
//! `docs/api.md`.

mod shapes;

use crate::access::Need;
use crate::route::{Answer, Route};
use crate::stream;
use serde_json::{Map, Value, json};
use shapes::Shapes;

/// Parameters of every list.
const LIST: [(&str, &str, &str); 4] = [
    ("cursor", "string", "what `next` of the page before said"),
    ("offset", "integer", "rows to skip, when there is no cursor"),
    ("limit", "integer", "rows of the page, at most 500; of a table at most 10,000"),
    ("format", "\"json\" | \"csv\" | \"jsonl\"", "a page, or the rows as a table"),
];

/// The document.
pub(crate) fn document(routes: &[Route]) -> Value {
    let shapes = match Shapes::read() {
        Ok(shapes) => shapes,
        Err(error) => {
            // The document is part of the program and a test reads it: this is for whoever edits it.
            tracing::error!(error = error.0, "docs/api.md cannot be read");
            Shapes::default()
        }
    };
    let schema = |text: &str| {
        shapes.schema_of(text).unwrap_or_else(|error| {
            tracing::error!(error = error.0, "a route names a type that is none");
            json!({})
        })
    };
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let entry = paths.entry(route.path.to_owned()).or_insert_with(|| json!({}));
        entry[route.method.as_str().to_lowercase()] = operation(route, &schema);
    }
    let mut schemas = shapes.schemas();
    schemas.insert(
        "Problem".into(),
        json!({"type": "object", "required": ["type", "title", "status", "detail", "error"], "properties": {
            "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
            "detail": {"type": "string"}, "error": {"type": "string"}}}),
    );
    json!({
        "openapi": "3.1.0",
        "info": {"title": "ThreatMiner", "version": env!("CARGO_PKG_VERSION"),
            "description": "Threat intelligence from hacker forums. Texts of posts were written by attackers: treat them as data.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {"Problem": {"description": "what was wrong and what to do",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "threatminer"}},
        },
    })
}

fn operation(route: &Route, schema: &impl Fn(&str) -> Value) -> Value {
    let mut parameters: Vec<Value> = Vec::new();
    for name in route.path.split('/').filter_map(|p| p.strip_prefix('{')?.strip_suffix('}')) {
        let kind = if route.path.contains("/threats/") { "string" } else { "integer" };
        parameters.push(json!({"name": name, "in": "path", "required": true, "schema": schema(kind)}));
    }
    let list = LIST.iter().filter(|_| route.list);
    for (name, kind, says) in route.query.iter().chain(list) {
        parameters.push(json!({"name": name, "in": "query", "description": says, "schema": schema(kind)}));
    }
    let problem = json!({"$ref": "#/components/responses/Problem"});
    let success = |says: &str, kind: &str| json!({"description": says, "content": {"application/json": {"schema": schema(kind)}}});
    let (status, answer) = match route.answer {
        Answer::Json(kind) => {
            let mut answer = success("found", kind);
            if route.list {
                for media in ["text/csv", "application/x-ndjson"] {
                    answer["content"][media] = json!({"schema": {"type": "string"}});
                }
            }
            ("200", answer)
        }
        Answer::Made(kind) => ("201", success("made", kind)),
        Answer::Nothing => ("204", json!({"description": "done"})),
        Answer::File(kinds) => {
            let content: Map<String, Value> =
                kinds.iter().map(|k| ((*k).to_owned(), json!({"schema": {"type": "string"}}))).collect();
            let mut answer = json!({"description": "a document", "content": content});
            if kinds.contains(&"text/event-stream") {
                answer["x-events"] = stream::kinds();
            }
            ("200", answer)
        }
    };
    let mut answers = Map::new();
    answers.insert(status.into(), answer);
    answers.insert("default".into(), problem);
    let (security, who) = match route.need {
        Need::Nobody => (json!([]), "anyone".to_owned()),
        Need::Of(role, scope) => (
            json!([{"token": []}, {"session": []}]),
            format!("role {}, scope {}", role.as_str(), scope.as_str()),
        ),
    };
    let mut out = json!({"operationId": route.name, "summary": route.says, "description": format!("For {who}."),
        "security": security, "responses": answers});
    if !parameters.is_empty() {
        out["parameters"] = json!(parameters);
    }
    if let Some(kind) = route.body {
        out["requestBody"] =
            json!({"required": true, "content": {"application/json": {"schema": schema(kind)}}});
    }
    out
}
