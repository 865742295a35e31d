//! Logging in: the first user, lock-out, foreign pages, sessions that end, nothing that tells who exists.

use super::{Fixture, Reply, cookie, hash, now};
use axum::http::StatusCode;
use serde_json::{Value, json};
use tm_model::Timestamp;

async fn log_in(fixture: &Fixture, name: &str, password: &str) -> Reply {
    let body = json!({"name": name, "password": password});
    fixture.send("POST", "/api/v1/session", &[], Some(&body)).await
}

fn secret_of(reply: &Reply) -> String {
    let cookie = reply.headers["set-cookie"].to_str().unwrap();
    cookie.split(['=', ';']).nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn the_printed_link_makes_the_first_administrator_once() {
    let fixture = Fixture::open().await;
    let secret = fixture.setup.clone().unwrap();
    let body = |token: &str| json!({"token": token, "name": " Root ", "password": "a long password"});
    let send = async |token: &str| fixture.send("POST", "/api/v1/setup", &[], Some(&body(token))).await;
    assert_eq!(send("guess").await.status, StatusCode::FORBIDDEN);
    let made = send(&secret).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    assert_eq!(made.body["user"], json!({"id": 1, "name": "Root", "role": "admin"}));
    assert_eq!(send(&secret).await.status, StatusCode::CONFLICT);
    // From now on a login is needed.
    assert_eq!(fixture.get("/api/v1/overview").await.status, StatusCode::UNAUTHORIZED);
    let session = [cookie(&secret_of(&made))];
    assert_eq!(fixture.send("GET", "/api/v1/overview", &session, None).await.status, StatusCode::OK);
}

#[tokio::test]
async fn guessing_is_stopped_and_tells_nothing() {
    let fixture = Fixture::with_users().await;
    let mut answers: Vec<Vec<(StatusCode, Value)>> = Vec::new();
    for name in ["adam", "nobody-of-that-name"] {
        let mut seen = Vec::new();
        for n in 0..7 {
            let reply = log_in(&fixture, name, &format!("guess {n}")).await;
            seen.push((reply.status, reply.body["title"].clone()));
            if reply.status == StatusCode::TOO_MANY_REQUESTS {
                let wait: i64 = reply.headers["retry-after"].to_str().unwrap().parse().unwrap();
                assert!(wait > 800 && wait <= 900, "{wait}");
            } else {
                assert_eq!(reply.body["detail"], "name or password is wrong");
            }
        }
        answers.push(seen);
    }
    assert_eq!(answers[0], answers[1], "who exists and who does not is answered alike");
    let statuses: Vec<u16> = answers[0].iter().map(|a| a.0.as_u16()).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429]);
    // The right password does not help from there, and the log has it.
    assert_eq!(log_in(&fixture, "adam", "password of adam").await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(log_in(&fixture, "anna", "password of anna").await.status, StatusCode::OK);
    use tm_store::Store;
    let (_, log) = fixture.store.audit(None, 0, 100).await.unwrap();
    let failed = log.iter().filter(|e| e.action == "failed login").count();
    assert_eq!((failed, log[0].action.as_str(), log[0].user.as_deref()), (10, "log in", Some("anna")));
}

#[tokio::test]
async fn sessions_end() {
    use tm_store::{SessionRow, Store, UserChange};
    let fixture = Fixture::with_users().await;
    let ask =
        async |secret: &str| fixture.send("GET", "/api/v1/overview", &[cookie(secret)], None).await.status;
    let ended = fixture.session("vera", -1).await;
    assert_eq!(ask(&ended).await, StatusCode::UNAUTHORIZED);
    let living = fixture.session("vera", 60).await;
    assert_eq!(ask(&living).await, StatusCode::OK);
    // Idle for half a day.
    let vera = fixture.store.user_named("vera").await.unwrap().unwrap();
    let (then, far) = (Timestamp(now().0 - 12 * 3600), Timestamp(now().0 + 600));
    let idle = SessionRow { hash: hash("idle"), user_id: vera.id, created: then, seen: then, expires: far };
    fixture.store.add_session(&idle).await.unwrap();
    assert_eq!(ask("idle").await, StatusCode::UNAUTHORIZED);
    // Almost idle: the request keeps it alive.
    let seen = Timestamp(then.0 + 600);
    let almost = SessionRow { hash: hash("almost"), user_id: vera.id, created: then, seen, expires: far };
    fixture.store.add_session(&almost).await.unwrap();
    assert_eq!(ask("almost").await, StatusCode::OK);
    assert!(fixture.store.session(&hash("almost")).await.unwrap().unwrap().0.seen > seen);
    // A user that is disabled is out at once, with its tokens.
    let token = fixture.token("vera", "read", None).await;
    let off = UserChange { disabled: Some(true), ..UserChange::default() };
    fixture.store.change_user(vera.id, &off).await.unwrap();
    assert_eq!(ask(&living).await, StatusCode::UNAUTHORIZED);
    let reply = fixture.send("GET", "/api/v1/overview", &[super::bearer(&token)], None).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn foreign_pages_change_nothing_even_on_an_open_server() {
    let fixture = Fixture::open().await;
    let body = json!({"name": "x", "query": "y"});
    let send = async |headers: &[(&str, &str)]| {
        let headers: Vec<(String, String)> =
            headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        fixture.send("POST", "/api/v1/searches", &headers, Some(&body)).await.status
    };
    assert_eq!(send(&[("origin", "https://evil.example")]).await, StatusCode::FORBIDDEN);
    assert_eq!(send(&[("origin", "null")]).await, StatusCode::FORBIDDEN);
    assert_eq!(send(&[("sec-fetch-site", "cross-site")]).await, StatusCode::FORBIDDEN);
    assert_eq!(send(&[("sec-fetch-site", "same-site")]).await, StatusCode::FORBIDDEN);
    let own = format!("http://{}", fixture.address);
    assert_eq!(send(&[("origin", &own), ("sec-fetch-site", "same-origin")]).await, StatusCode::CREATED);
    assert_eq!(send(&[]).await, StatusCode::CREATED, "a program");
    // A form cannot send JSON, and what it can send is not taken for it.
    let headers = [("content-type".to_owned(), "text/plain".to_owned())];
    let reply = fixture.send("POST", "/api/v1/searches", &headers, None).await;
    assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let rebound = [("host".to_owned(), "evil.example".to_owned())];
    let reply = fixture.send("GET", "/api/v1/overview", &rebound, None).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST, "a name that leads here by rebinding");
}

#[tokio::test]
async fn no_script_but_the_pages_own() {
    let fixture = Fixture::open().await;
    let reply = fixture.get("/").await;
    let policy = reply.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe-eval"));
    assert!(policy.contains("style-src 'self';") && policy.contains("frame-ancestors 'none'"));
    // The page obeys it: no script of its own stands in the markup.
    assert!(!reply.text.contains("<script>") && !reply.text.contains("<style"), "{}", reply.text);
    // What attackers wrote leaves as data, never as markup.
    for path in ["/api/v1/threads/1", "/api/v1/sources", "/api/v1/actors"] {
        let reply = fixture.get(path).await;
        assert!(reply.headers["content-type"].to_str().unwrap().starts_with("application/json"));
        assert!(reply.text.contains("<script>alert(1)"), "{path}: the words are whole");
    }
}
