//! The dependency rules of ARCHITECTURE.md, checked over `cargo metadata`.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Direct dependencies (not of tests) of each package of the workspace.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let metadata: Value = serde_json::from_slice(&out.stdout).expect("cargo metadata prints JSON");
    let text = |v: &Value| v.as_str().expect("a name").to_owned();
    metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .map(|p| {
            let all = p["dependencies"].as_array().expect("dependencies").iter();
            (text(&p["name"]), all.filter(|d| d["kind"].is_null()).map(|d| text(&d["name"])).collect())
        })
        .collect()
}

#[test]
fn one_direction() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("tm-model", &[][..]),
        ("tm-collect", &["tm-model"]),
        ("tm-store", &["tm-model"]),
        ("tm-extract", &["tm-model"]),
        ("tm-train", &["tm-model", "tm-extract"]),
        ("tm-graph", &["tm-model"]),
        ("tm-search", &["tm-model"]),
        ("tm-exchange", &["tm-model"]),
        ("tm-server", &["tm-model", "tm-store", "tm-graph", "tm-search", "tm-extract", "tm-exchange"]),
    ]);
    let all = dependencies();
    for (package, used) in &all {
        assert!(
            !used.contains("threatminer"),
            "{package} depends on the program: move what it needs into a crate"
        );
        let Some(allowed) = allowed.get(package.as_str()) else { continue };
        for other in used.iter().filter(|d| all.contains_key(*d)) {
            assert!(
                allowed.contains(&other.as_str()),
                "{package} must not depend on {other}: see ARCHITECTURE.md"
            );
        }
    }
    assert_eq!(allowed.len() + 1, all.len(), "a new crate needs a row in ARCHITECTURE.md and in this test");
}

#[test]
fn one_home_for_each_kind_of_work() {
    let all = dependencies();
    for (dependency, home) in [
        ("sqlx", "tm-store"),
        ("async-nats", "tm-store"),
        ("tantivy", "tm-search"),
        ("axum", "tm-server"),
        ("gemm", "tm-train"),
        ("csv", "tm-exchange"),
    ] {
        for (package, used) in &all {
            assert!(
                !used.contains(dependency) || package == home,
                "{package} uses {dependency}: only {home} may"
            );
        }
        assert!(all[home].contains(dependency), "{home} no longer uses {dependency}: mend this test");
    }
    for pure in ["tm-model", "tm-extract", "tm-graph", "tm-exchange", "tm-train", "tm-search"] {
        for heavy in ["tokio", "reqwest", "hyper"] {
            assert!(!all[pure].contains(heavy), "{pure} is synchronous: no {heavy}");
        }
    }
    for (package, used) in &all {
        assert!(
            !used.contains("reqwest") || package == "tm-collect",
            "{package} reaches out: only tm-collect may"
        );
    }
}
