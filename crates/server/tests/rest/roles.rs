//! Each route with each role and each scope, against the table in `roles.txt`.

use super::scenarios::declared;
use super::{Fixture, USERS, bearer, cookie};
use axum::http::StatusCode;
use serde_json::json;
use std::collections::BTreeSet;

const ROLES: [&str; 4] = ["nobody", "viewer", "analyst", "admin"];
const SCOPES: [&str; 4] = ["-", "read", "write", "admin"];

fn at(list: &[&str], word: &str) -> usize {
    list.iter().position(|w| *w == word).unwrap_or_else(|| panic!("{word} is none of {list:?}"))
}

#[tokio::test]
async fn every_route_lets_in_whom_the_table_says() {
    let table: Vec<Vec<&str>> = include_str!("roles.txt")
        .lines()
        .filter(|l| !l.starts_with('#'))
        .map(|l| l.split_whitespace().collect())
        .collect();
    let listed: BTreeSet<String> = table.iter().map(|r| format!("{} {}", r[0], r[1])).collect();
    let document = tm_server::openapi();
    let served: BTreeSet<String> = declared(&document).into_iter().map(|(m, p)| format!("{m} {p}")).collect();
    assert_eq!(listed, served, "roles.txt lists what is served");

    let fixture = Fixture::with_users().await;
    let mut refused = 0;
    for row in &table {
        let (method, role, scope) = (row[0], at(&ROLES, row[2]), at(&SCOPES, row[3]));
        // Nothing that exists is named, so that who may does no harm.
        let path = row[1].replace("{id}", "999999");
        let mut callers = vec![("nobody".to_owned(), Vec::new(), 0, 3)];
        for (name, its) in USERS {
            callers.push((name.into(), vec![cookie(&fixture.session(name, 600).await)], at(&ROLES, its), 3));
            for of_token in ["read", "write", "admin"] {
                let token = fixture.token(name, of_token, None).await;
                callers.push((
                    format!("{name}/{of_token}"),
                    vec![bearer(&token)],
                    at(&ROLES, its),
                    at(&SCOPES, of_token),
                ));
            }
        }
        let dead = fixture.token("adam", "admin", Some(-1)).await;
        callers.push(("an ended token".into(), vec![bearer(&dead)], 0, 3));
        callers.push(("a made-up token".into(), vec![bearer("tm_0")], 0, 3));
        callers.push(("a made-up session".into(), vec![cookie("0")], 0, 3));
        for (who, headers, its_role, its_scope) in callers {
            let body = (method != "GET" && method != "DELETE").then(|| json!({}));
            let reply = fixture.send(method, &path, &headers, body.as_ref()).await;
            let expected = its_role >= role && its_scope >= scope;
            let let_in = !matches!(reply.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
            assert_eq!(let_in, expected, "{who} {method} {path}: {} {}", reply.status, reply.text);
            assert!(!reply.status.is_server_error(), "{who} {method} {path}: {}", reply.text);
            if !let_in {
                refused += 1;
                let right = if its_role == 0 { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
                assert_eq!(reply.status, right, "{who} {method} {path}");
            }
        }
    }
    assert!(refused > 200, "only {refused} refusals: the table lets everyone in");
}

#[tokio::test]
async fn without_users_a_server_elsewhere_lets_nobody_in() {
    let closed = Fixture::on("0.0.0.0:0", false).await;
    let document = tm_server::openapi();
    for (method, path) in declared(&document) {
        let guarded =
            !document["paths"][&path][method.to_lowercase()]["security"].as_array().unwrap().is_empty();
        let reply = closed.send(&method, &path.replace("{id}", "1"), &[], Some(&json!({}))).await;
        if guarded {
            assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        }
    }
    let session = closed.get("/api/v1/session").await;
    assert_eq!(session.body, json!({"mode": "accounts", "setup": true, "user": null}));
    let health = closed.get("/api/v1/health").await;
    assert_eq!(
        health.body,
        json!({"version": null, "model": null, "posts": null, "pending": null, "status": "ok"})
    );
    // The page itself loads: it is where one logs in.
    assert_eq!(closed.get("/").await.status, StatusCode::OK);
}
