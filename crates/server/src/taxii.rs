//! A TAXII 2.1 server (OASIS Standard, 10 June 2021), read only: discovery, one API root, three collections with their
//! manifests, objects and versions.
//!
//! Objects are those of the STIX export. An object has one version here, the newest. Its `date_added` is its `modified` time
//! and, for observables, which have none, the latest such time of what refers to it: a client that asks again with
//! `added_after` gets an observable with the statement that is new about it. These are times of posts, not of their arrival.

use crate::AppState;
use crate::gather::{Matter, Scope, holdings};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tm_exchange::{Tlp, stix};
use tm_model::Timestamp;
use tm_store::StoreError;
use tokio::sync::Mutex;

const MEDIA: &str = "application/taxii+json;version=2.1";
const STIX: &str = "application/stix+json;version=2.1";
/// Objects of a page at most, and when nothing is asked for.
const MOST: usize = 1000;
const USUAL: usize = 100;
/// Findings that a collection is made of; the foremost ones, each with all that hangs on it.
const FINDINGS: u32 = 20_000;
/// How long a collection is kept while nothing was stored.
const KEEP: Duration = Duration::from_secs(60);

/// A collection.
struct Collection {
    id: &'static str,
    alias: &'static str,
    title: &'static str,
    about: &'static str,
    matter: Matter,
}

const COLLECTIONS: [Collection; 3] = [
    Collection {
        id: "7c1d0c0a-3f0b-4b52-9d5e-0a4f3b1c2e01",
        alias: "threats",
        title: "Threat events",
        about: "Campaigns and incidents with reports, sentences, actors and indicators.",
        matter: Matter::Threats,
    },
    Collection {
        id: "7c1d0c0a-3f0b-4b52-9d5e-0a4f3b1c2e02",
        alias: "indicators",
        title: "Entities and indicators",
        about: "Indicators, observables, malware, tools and flaws that posts name; mentions, not verdicts.",
        matter: Matter::Entities,
    },
    Collection {
        id: "7c1d0c0a-3f0b-4b52-9d5e-0a4f3b1c2e03",
        alias: "actors",
        title: "Hackers",
        about: "Accounts by rank, with contacts.",
        matter: Matter::Actors,
    },
];

fn collection(name: &str) -> Result<&'static Collection, Fault> {
    COLLECTIONS
        .iter()
        .find(|c| c.id == name || c.alias == name)
        .ok_or_else(|| fault(StatusCode::NOT_FOUND, "no such collection"))
}

fn described(c: &Collection) -> Value {
    json!({"id": c.id, "alias": c.alias, "title": c.title, "description": c.about, "can_read": true, "can_write": false,
        "media_types": [STIX]})
}

/// An answer that is no success, in the form of section 3.6.1.
#[derive(Debug)]
struct Fault {
    status: StatusCode,
    title: String,
}

fn fault(status: StatusCode, title: impl Into<String>) -> Fault {
    Fault { status, title: title.into() }
}

impl From<StoreError> for Fault {
    fn from(e: StoreError) -> Fault {
        tracing::error!(error = %e, "taxii request failed");
        fault(StatusCode::INTERNAL_SERVER_ERROR, "the store could not answer; the log says why")
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let body = json!({"title": self.title, "http_status": self.status.as_u16().to_string()});
        (self.status, [(header::CONTENT_TYPE, MEDIA)], body.to_string()).into_response()
    }
}

type Answer = Result<Response, Fault>;
type App = State<Arc<AppState>>;

fn answer(body: Value) -> Response {
    ([(header::CONTENT_TYPE, MEDIA)], body.to_string()).into_response()
}

/// Whether the client takes what we speak (section 1.6.8).
fn acceptable(headers: &HeaderMap) -> Result<(), Fault> {
    let Some(accept) = headers.get(header::ACCEPT) else { return Ok(()) };
    let accept = accept.to_str().unwrap_or("").to_ascii_lowercase();
    let fits = accept.split(',').any(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let kind = parts.next().unwrap_or("");
        let version = parts.find_map(|p| p.strip_prefix("version=").map(|v| v.trim_matches('"').to_owned()));
        matches!(kind, "*/*" | "application/*")
            || (kind == "application/taxii+json" && version.is_none_or(|v| v == "2.1"))
    });
    if fits { Ok(()) } else { Err(fault(StatusCode::NOT_ACCEPTABLE, format!("this server speaks {MEDIA}"))) }
}

/// An object with what manifests and filters ask of it.
#[derive(Debug, Clone)]
struct Entry {
    added: String,
    id: String,
    version: String,
    object: Value,
}

/// What a collection was made of, so that pages of one reading are pages of one list.
type Kept = (Instant, (u64, u64, u64, u64), Arc<Vec<Entry>>);

#[derive(Default)]
pub(crate) struct Cache(Mutex<HashMap<&'static str, Kept>>);

/// The routes, without their state.
pub(crate) fn routes() -> Router<Arc<AppState>> {
    let mut router = Router::new();
    // The standard writes every path with a slash at its end; people leave it out.
    for end in ["", "/"] {
        router = router
            .route(&format!("/taxii2{end}"), get(discovery))
            .route(&format!("/taxii2/api{end}"), get(root))
            .route(&format!("/taxii2/api/status/{{id}}{end}"), get(status))
            .route(&format!("/taxii2/api/collections{end}"), get(collections))
            .route(&format!("/taxii2/api/collections/{{id}}{end}"), get(one_collection))
            .route(&format!("/taxii2/api/collections/{{id}}/manifest{end}"), get(manifest))
            .route(&format!("/taxii2/api/collections/{{id}}/objects{end}"), get(objects).post(read_only))
            .route(
                &format!("/taxii2/api/collections/{{id}}/objects/{{object}}{end}"),
                get(object).delete(read_only),
            )
            .route(
                &format!("/taxii2/api/collections/{{id}}/objects/{{object}}/versions{end}"),
                get(versions),
            );
    }
    router
        .route("/taxii2/{*rest}", get(|| async { fault(StatusCode::NOT_FOUND, "no such path") }))
        .layer(Extension(Arc::new(Cache::default())))
}

async fn discovery(headers: HeaderMap) -> Answer {
    acceptable(&headers)?;
    Ok(answer(json!({"title": "ThreatMiner", "description": "Threat intelligence mined from hacker forums",
        "default": "/taxii2/api/", "api_roots": ["/taxii2/api/"]})))
}

async fn root(headers: HeaderMap) -> Answer {
    acceptable(&headers)?;
    // Nothing can be sent here, so that any length would be too long.
    Ok(answer(json!({"title": "ThreatMiner", "versions": [MEDIA], "max_content_length": 1})))
}

async fn status() -> Answer {
    Err(fault(StatusCode::NOT_FOUND, "no such status: nothing is ever added through this server"))
}

async fn read_only() -> Answer {
    Err(fault(StatusCode::FORBIDDEN, "collections of this server are read only"))
}

async fn collections(headers: HeaderMap) -> Answer {
    acceptable(&headers)?;
    Ok(answer(json!({"collections": COLLECTIONS.iter().map(described).collect::<Vec<_>>()})))
}

async fn one_collection(headers: HeaderMap, Path(id): Path<String>) -> Answer {
    acceptable(&headers)?;
    Ok(answer(described(collection(&id)?)))
}

/// The filters and paging of section 3.4 and 3.5.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    added_after: Option<String>,
    limit: Option<String>,
    next: Option<String>,
    #[serde(rename = "match[id]")]
    id: Option<String>,
    #[serde(rename = "match[type]")]
    kind: Option<String>,
    #[serde(rename = "match[version]")]
    version: Option<String>,
    #[serde(rename = "match[spec_version]")]
    spec_version: Option<String>,
}

/// A moment with milliseconds, comparable as text.
fn moment(text: &str) -> Result<String, Fault> {
    let bad = || fault(StatusCode::BAD_REQUEST, "times are RFC 3339, like 2026-01-02T03:04:05.678Z");
    let Some((whole, rest)) = text.split_once('.') else {
        let t = Timestamp::parse(text).map_err(|_| bad())?;
        return Ok(t.to_string().replace('Z', ".000Z"));
    };
    let digits = rest.trim_end_matches('Z');
    if !rest.ends_with('Z')
        || digits.is_empty()
        || digits.len() > 9
        || !digits.bytes().all(|b| b.is_ascii_digit())
    {
        return Err(bad());
    }
    let t = Timestamp::parse(&format!("{whole}Z")).map_err(|_| bad())?;
    Ok(t.to_string().replace('Z', &format!(".{:0<3}Z", &digits[..digits.len().min(3)])))
}

/// The entries that pass, and where the next page begins. With `only` those of one object, which must be there.
fn select<'a>(
    all: &'a [Entry],
    asked: &Asked,
    only: Option<&str>,
) -> Result<(Vec<&'a Entry>, Option<String>), Fault> {
    if only.is_some_and(|id| all.iter().all(|e| e.id != id)) {
        return Err(fault(StatusCode::NOT_FOUND, "no such object"));
    }
    let bad = |what: &str| fault(StatusCode::BAD_REQUEST, what);
    let limit = match &asked.limit {
        None => USUAL,
        Some(text) => match text.parse::<u64>() {
            Ok(n) if n > 0 => usize::try_from(n).unwrap_or(MOST).min(MOST),
            _ => return Err(bad("limit must be a whole number above 0")),
        },
    };
    let after = asked.added_after.as_deref().map(moment).transpose()?;
    let next = match &asked.next {
        None => None,
        Some(text) => {
            let (added, id) = text.split_once('_').ok_or_else(|| bad("next is none of this server's"))?;
            if moment(added).ok().as_deref() != Some(added) {
                return Err(bad("next is none of this server's"));
            }
            Some((added, id))
        }
    };
    let list = |text: &Option<String>| -> Option<Vec<String>> {
        text.as_ref().map(|t| t.split(',').map(|x| x.trim().to_owned()).collect())
    };
    let (ids, kinds, specs) = (list(&asked.id), list(&asked.kind), list(&asked.spec_version));
    let versions = match list(&asked.version) {
        None => None,
        // There is one version of an object: it is the first, the last, and all of them.
        Some(all) if all.iter().any(|v| matches!(v.as_str(), "first" | "last" | "all")) => None,
        Some(all) => Some(all.iter().map(|v| moment(v)).collect::<Result<Vec<_>, _>>()?),
    };
    let passes = |e: &&Entry| {
        only.is_none_or(|id| e.id == id)
            && after.as_ref().is_none_or(|a| e.added > *a)
            && next.is_none_or(|n| (e.added.as_str(), e.id.as_str()) > n)
            && ids.as_ref().is_none_or(|l| l.contains(&e.id))
            && kinds
                .as_ref()
                .is_none_or(|l| e.object["type"].as_str().is_some_and(|k| l.iter().any(|x| x == k)))
            && specs.as_ref().is_none_or(|l| l.iter().any(|s| s == "2.1"))
            && versions.as_ref().is_none_or(|l| l.contains(&e.version))
    };
    let mut found: Vec<&Entry> = all.iter().filter(passes).take(limit + 1).collect();
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|e| format!("{}_{}", e.added, e.id));
    Ok((found, next))
}

/// An answer with a list, and the times of its first and last entry (section 3.4).
fn page(name: &str, items: Vec<Value>, found: &[&Entry], next: Option<String>) -> Response {
    let mut body = if items.is_empty() { json!({}) } else { json!({"more": next.is_some(), name: items}) };
    if let Some(next) = next {
        body["next"] = json!(next);
    }
    let mut response = answer(body);
    let ends = [("x-taxii-date-added-first", found.first()), ("x-taxii-date-added-last", found.last())];
    for (name, entry) in ends {
        if let Some(value) = entry.and_then(|e| HeaderValue::from_str(&e.added).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

async fn manifest(
    State(app): App,
    Extension(cache): Extension<Arc<Cache>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    acceptable(&headers)?;
    let all = entries(&app, &cache, collection(&id)?).await?;
    let (found, next) = select(&all, &asked, None)?;
    let items = found
        .iter()
        .map(|e| json!({"id": e.id, "date_added": e.added, "version": e.version, "media_type": STIX}))
        .collect();
    Ok(page("objects", items, &found, next))
}

async fn objects(
    State(app): App,
    Extension(cache): Extension<Arc<Cache>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    acceptable(&headers)?;
    let all = entries(&app, &cache, collection(&id)?).await?;
    let (found, next) = select(&all, &asked, None)?;
    Ok(page("objects", found.iter().map(|e| e.object.clone()).collect(), &found, next))
}

async fn object(
    State(app): App,
    Extension(cache): Extension<Arc<Cache>>,
    headers: HeaderMap,
    Path((id, object)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Answer {
    acceptable(&headers)?;
    let all = entries(&app, &cache, collection(&id)?).await?;
    let (found, next) = select(&all, &asked, Some(&object))?;
    Ok(page("objects", found.iter().map(|e| e.object.clone()).collect(), &found, next))
}

async fn versions(
    State(app): App,
    Extension(cache): Extension<Arc<Cache>>,
    headers: HeaderMap,
    Path((id, object)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Answer {
    acceptable(&headers)?;
    let all = entries(&app, &cache, collection(&id)?).await?;
    let (found, next) = select(&all, &asked, Some(&object))?;
    Ok(page("versions", found.iter().map(|e| json!(e.version)).collect(), &found, next))
}

/// The objects of a collection, in the order in which they were added.
async fn entries(app: &AppState, cache: &Cache, c: &'static Collection) -> Result<Arc<Vec<Entry>>, Fault> {
    let n = app.store.counts().await?;
    let stamp = (n.posts, n.mentions, n.threats, n.entities);
    // Held while a collection is made: many clients that come at once wait for one reading of the store.
    let mut kept = cache.0.lock().await;
    if let Some((made, of, all)) = kept.get(c.alias)
        && *of == stamp
        && made.elapsed() < KEEP
    {
        return Ok(Arc::clone(all));
    }
    let scope = Scope { matter: c.matter, since: None, min_severity: 0.0, limit: FINDINGS, masked: true };
    let held = holdings(&*app.store, &scope).await?;
    let all = tokio::task::spawn_blocking(move || dated(stix::objects(&held, Tlp::Amber)))
        .await
        .map_err(|e| fault(StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))?;
    let all = Arc::new(all);
    kept.insert(c.alias, (Instant::now(), stamp, Arc::clone(&all)));
    Ok(all)
}

/// Objects with the times at which they count as added.
fn dated(objects: Vec<Value>) -> Vec<Entry> {
    let own = |o: &Value| o["modified"].as_str().or_else(|| o["created"].as_str()).map(str::to_owned);
    // The latest statement about each observable.
    let mut latest: BTreeMap<String, String> = BTreeMap::new();
    for object in &objects {
        let Some(time) = own(object) else { continue };
        let refs = object["object_refs"].as_array().into_iter().flatten();
        for id in refs.chain([&object["source_ref"], &object["target_ref"]]).filter_map(Value::as_str) {
            let entry = latest.entry(id.to_owned()).or_default();
            if time > *entry {
                entry.clone_from(&time);
            }
        }
    }
    let mut all: Vec<Entry> = objects
        .into_iter()
        .filter_map(|object| {
            let id = object["id"].as_str()?.to_owned();
            // What nothing refers to and has no time of its own was there from the beginning.
            let beginning = || "2017-01-20T00:00:00.000Z".to_owned();
            let added = own(&object).or_else(|| latest.get(&id).cloned()).unwrap_or_else(beginning);
            // Observables have no version: the standard says their time of adding then.
            Some(Entry { version: added.clone(), added, id, object })
        })
        .collect();
    all.sort_by(|a, b| (&a.added, &a.id).cmp(&(&b.added, &b.id)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        dated(vec![
            json!({"type": "url", "id": "url--1", "value": "http://a.example/"}),
            json!({"type": "url", "id": "url--2", "value": "http://b.example/"}),
            json!({"type": "observed-data", "id": "observed-data--1", "modified": "2026-01-02T00:00:00.000Z", "object_refs": ["url--1"]}),
            json!({"type": "relationship", "id": "relationship--1", "modified": "2026-01-03T00:00:00.000Z", "source_ref": "x--1", "target_ref": "url--1"}),
            json!({"type": "marking-definition", "id": "marking-definition--1", "created": "2017-01-20T00:00:00.000Z"}),
        ])
    }

    fn ids(asked: Asked) -> (Vec<String>, Option<String>) {
        let all = entries();
        let (found, next) = select(&all, &asked, None).unwrap();
        (found.iter().map(|e| e.id.clone()).collect(), next)
    }

    fn text(t: &str) -> Option<String> {
        Some(t.to_owned())
    }

    #[test]
    fn observables_come_with_the_latest_statement_about_them() {
        let all: Vec<(String, String)> =
            entries().into_iter().map(|e| (e.id, e.added[..10].to_owned())).collect();
        let expect = [
            ("marking-definition--1", "2017-01-20"),
            ("url--2", "2017-01-20"),
            ("observed-data--1", "2026-01-02"),
            ("relationship--1", "2026-01-03"),
            ("url--1", "2026-01-03"),
        ];
        assert_eq!(all, expect.map(|(a, b)| (a.to_owned(), b.to_owned())));
        let (found, _) = ids(Asked { added_after: text("2026-01-02T00:00:00Z"), ..Asked::default() });
        assert_eq!(found, ["relationship--1", "url--1"]);
        let (found, _) = ids(Asked { added_after: text("2026-01-01T23:59:59.999Z"), ..Asked::default() });
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn pages_hold_each_object_once() {
        let (mut seen, mut next) = (Vec::new(), None);
        loop {
            let (found, more) = ids(Asked { limit: text("2"), next, ..Asked::default() });
            seen.extend(found);
            next = more;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(seen, entries().into_iter().map(|e| e.id).collect::<Vec<_>>());
    }

    #[test]
    fn filters() {
        let by = |id: &str, kind: &str, version: &str, spec: &str| {
            let some = |t: &str| (!t.is_empty()).then(|| t.to_owned());
            ids(Asked {
                id: some(id),
                kind: some(kind),
                version: some(version),
                spec_version: some(spec),
                ..Asked::default()
            })
            .0
        };
        assert_eq!(by("url--1,url--2", "", "", ""), ["url--2", "url--1"]);
        assert_eq!(by("", "url,relationship", "", "").len(), 3);
        assert_eq!(by("url--1", "relationship", "", "").len(), 0);
        assert_eq!(by("", "", "first", "2.1").len(), 5);
        assert_eq!(by("", "", "", "2.0").len(), 0);
        assert_eq!(by("", "", "2026-01-02T00:00:00.000Z", ""), ["observed-data--1"]);
        let all = entries();
        for asked in [
            Asked { limit: text("0"), ..Asked::default() },
            Asked { limit: text("-1"), ..Asked::default() },
            Asked { next: text("x"), ..Asked::default() },
            Asked { next: text("2026_x"), ..Asked::default() },
            Asked { added_after: text("yesterday"), ..Asked::default() },
            Asked { version: text("newest"), ..Asked::default() },
        ] {
            assert_eq!(select(&all, &asked, None).unwrap_err().status, StatusCode::BAD_REQUEST, "{asked:?}");
        }
    }

    #[test]
    fn media_types() {
        let takes = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
            acceptable(&headers).is_ok()
        };
        for good in
            [MEDIA, "application/taxii+json", "*/*", "text/html, application/taxii+json; version=2.1;q=0.9"]
        {
            assert!(takes(good), "{good}");
        }
        for bad in [
            "application/taxii+json;version=2.0",
            "application/json",
            "text/html",
            "application/vnd.oasis.taxii+json; version=2.0",
        ] {
            assert!(!takes(bad), "{bad}");
        }
    }
}
