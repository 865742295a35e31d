//! Holds answers against the description of the API: nothing missing, nothing of another kind, nothing undeclared.

use serde_json::Value;

/// What is wrong with a value, by place; `document` resolves references.
pub(super) fn problems(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut out = Vec::new();
    check(document, schema, value, "", &mut out);
    out
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the schema names a kind that is none: {other}"),
    }
}

fn check(document: &Value, schema: &Value, value: &Value, place: &str, out: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#'));
        let target = target.unwrap_or_else(|| panic!("{reference} leads nowhere"));
        return check(document, target, value, place, out);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let found: Vec<Vec<String>> = any.iter().map(|s| problems(document, s, value)).collect();
        if found.iter().all(|f| !f.is_empty()) {
            let nearest = found.into_iter().max_by_key(|f| f.iter().map(|p| p.len()).sum::<usize>()).unwrap();
            out.push(format!("{place}: fits none of several; {}", nearest.join("; ")));
        }
        return;
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return,
    };
    if !kinds.iter().any(|k| is(k, value)) {
        return out.push(format!("{place}: {value} is no {}", kinds.join(" or ")));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        out.push(format!("{place}: {value} is none of {words:?}"));
    }
    if let (Some(items), Some(list)) = (schema.get("items"), value.as_array()) {
        for (i, item) in list.iter().enumerate() {
            check(document, items, item, &format!("{place}/{i}"), out);
        }
    }
    let Some(object) = value.as_object() else { return };
    if let Some(each) = schema.get("additionalProperties") {
        for (name, item) in object {
            check(document, each, item, &format!("{place}/{name}"), out);
        }
        return;
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(name) {
            out.push(format!("{place}: lacks {name}"));
        }
    }
    for (name, item) in object {
        match schema["properties"].get(name) {
            Some(schema) => check(document, schema, item, &format!("{place}/{name}"), out),
            None => out.push(format!("{place}: {name} is not declared in docs/api.md")),
        }
    }
}

#[test]
fn the_check_sees_what_is_wrong() {
    use serde_json::json;
    let document =
        json!({"x": {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}});
    let wrong = |schema: Value, value: Value| !problems(&document, &schema, &value).is_empty();
    assert!(!wrong(json!({"$ref": "#/x"}), json!({"a": 1})));
    assert!(wrong(json!({"$ref": "#/x"}), json!({})));
    assert!(wrong(json!({"$ref": "#/x"}), json!({"a": 1, "b": 2})), "undeclared");
    assert!(wrong(json!({"$ref": "#/x"}), json!({"a": "1"})));
    assert!(wrong(json!({"type": ["string", "null"]}), json!(1)));
    assert!(wrong(json!({"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]}), json!("b")));
    assert!(wrong(json!({"type": "object", "additionalProperties": {"type": "number"}}), json!({"x": "y"})));
}
