//! Flarum, through its JSON:API.

use super::body::{Marks, own};
use super::dom::{self, select};
use super::page::{self, Around, Draft};
use super::{Access, Document, Engine, Form, Kind, Reader, Reading, Target, ThreadLink};
use scraper::ElementRef;
use serde_json::Value;
use std::collections::HashMap;
use tm_model::{QuoteTarget, Timestamp};
use url::Url;

/// Flarum 1 and 2. Its boards are tags, of which a discussion has several; the crawl walks the list of all discussions, once
/// each. Pages are answered as well as calls: the addresses of both name the same discussion.
#[derive(Debug)]
pub struct Flarum;

/// Discussions and posts of a call, the most that the engine gives.
const CHUNK: u32 = 50;

fn pair(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(k, _)| k == name).map(|(_, v)| v.into_owned())
}

fn target(url: &Url) -> Option<Target> {
    let parts: Vec<&str> = url.path().split('/').filter(|p| !p.is_empty()).collect();
    let offset: u32 = pair(url, "page[offset]").and_then(|o| o.parse().ok()).unwrap_or(0);
    let make = |kind, id: String, folder: &[&str], call: &str, mut query: Vec<(&str, String)>| {
        let mut to = url.clone();
        to.set_fragment(None);
        to.set_path(&format!("{}/api/{call}", folder.iter().fold(String::new(), |all, p| all + "/" + p)));
        query.push(("page[limit]", CHUNK.to_string()));
        if offset > 0 {
            query.push(("page[offset]", offset.to_string()));
        }
        to.query_pairs_mut().clear().extend_pairs(query);
        Some(Target { kind, id, page: offset + 1, url: to })
    };
    let posts = |id: String, folder: &[&str]| {
        let query = vec![
            ("filter[discussion]", id.clone()),
            ("include", "user,discussion,discussion.tags".to_owned()),
            ("sort", "number".to_owned()),
        ];
        make(Kind::Thread, id, folder, "posts", query)
    };
    let list = |tag: String, folder: &[&str]| {
        let mut query = vec![("include", "tags".to_owned()), ("sort", "-lastPostedAt".to_owned())];
        if !tag.is_empty() {
            query.push(("filter[tag]", tag.clone()));
        }
        let id = if tag.is_empty() { "all".to_owned() } else { tag };
        make(Kind::Board, id, folder, "discussions", query)
    };
    if let Some(at) = parts.iter().position(|p| *p == "api") {
        return match parts.get(at + 1).copied() {
            Some("posts") => posts(dom::leading_number(&pair(url, "filter[discussion]")?)?, &parts[..at]),
            Some("discussions") if parts.len() == at + 2 => {
                list(pair(url, "filter[tag]").unwrap_or_default(), &parts[..at])
            }
            _ => None,
        };
    }
    if let Some(at) = parts.iter().position(|p| *p == "d") {
        return posts(dom::leading_number(parts.get(at + 1)?)?, &parts[..at]);
    }
    if let Some(at) = parts.iter().position(|p| *p == "t") {
        return list((*parts.get(at + 1)?).to_owned(), &parts[..at]);
    }
    if matches!(parts.last().copied(), Some("u" | "settings" | "notifications" | "assets"))
        || parts.contains(&"u")
    {
        return None;
    }
    let folder = parts.strip_suffix(&["all"]).unwrap_or(&parts);
    list(String::new(), folder)
}

fn quote(_: &Url, quote: ElementRef<'_>) -> QuoteTarget {
    // The link to the answered post, which stands where other engines put a quote.
    let e = quote.value();
    if e.name() == "blockquote" {
        return QuoteTarget { post: None, author: None };
    }
    QuoteTarget {
        post: e.attr("data-id").map(str::to_owned),
        author: Some(dom::line(quote).trim_start_matches('@').to_owned()).filter(|a| !a.is_empty()),
    }
}

fn text(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn moment(value: &Value) -> Option<Timestamp> {
    Timestamp::parse(value.as_str()?).ok()
}

/// The included resource that a relationship names.
fn related<'v>(included: &HashMap<(&str, &str), &'v Value>, of: &Value, name: &str) -> Option<&'v Value> {
    let data = &of["relationships"][name]["data"];
    let data = if data.is_array() { &data[0] } else { data };
    included.get(&(data["type"].as_str()?, data["id"].as_str()?)).copied()
}

impl Engine for Flarum {
    fn name(&self) -> &str {
        "flarum"
    }

    fn recognize(&self, document: &Document) -> u8 {
        let b = document.body.trim_start();
        if b.starts_with('{') {
            let sign = b.contains("\"type\":\"discussions\"") || b.contains("\"type\":\"posts\"");
            if sign && b.contains("\"attributes\"") { 90 } else { 0 }
        } else if b.contains("id=\"flarum-loading\"") || b.contains("flarum.core.app") {
            100
        } else {
            0
        }
    }

    fn start(&self, named: &Url) -> Vec<Target> {
        self.canonical(named).into_iter().collect()
    }

    fn canonical(&self, url: &Url) -> Option<Target> {
        target(url)
    }

    fn read(&self, document: &Document, _: &Reader) -> Reading {
        let base = &document.url;
        let here = target(base);
        let mut reading = Reading {
            access: page::access(document),
            kind: here.as_ref().map(|t| t.kind),
            ..Reading::default()
        };
        let v: Value = match serde_json::from_str(&document.body) {
            Ok(v) => v,
            Err(e) => {
                if reading.access.is_open() {
                    reading.problems.push(format!("no JSON answer: {e}"));
                }
                return reading;
            }
        };
        if let Some(code) = v["errors"][0]["code"].as_str() {
            reading.access = match code {
                "not_authenticated" => Access::LoginNeeded,
                "not_found" | "resource_not_found" => Access::Missing,
                other => Access::Refused(other.to_owned()),
            };
        }
        let Some(here) = here else { return reading };
        let included: HashMap<(&str, &str), &Value> = v["included"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|i| Some(((i["type"].as_str()?, i["id"].as_str()?), i)))
            .collect();
        let mut root = base.clone();
        root.set_query(None);
        root.set_path(&format!("{}/", base.path().split("/api/").next().unwrap_or("")));
        let mut around = Around { thread: Some(here.id.clone()), ..Around::default() };
        for d in v["data"].as_array().into_iter().flatten() {
            let (Some(id), a) = (text(&d["id"]), &d["attributes"]) else { continue };
            if d["type"] == "discussions" {
                let Some(to) = root.join(&format!("d/{id}")).ok().and_then(|u| target(&u)) else { continue };
                let posts = a["commentCount"].as_u64();
                reading.threads.push(ThreadLink {
                    target: to,
                    title: text(&a["title"]).unwrap_or_default(),
                    posts,
                    last: moment(&a["lastPostedAt"]),
                    state: format!("{posts:?} {} {}", a["lastPostedAt"], a["lastPostNumber"]),
                    sticky: a["isSticky"] == true,
                    moved: false,
                });
                continue;
            }
            // Renames, locks and tags are posts of the engine, not of anyone.
            if d["type"] != "posts" || a["contentType"] != "comment" {
                continue;
            }
            if let Some(discussion) = related(&included, d, "discussion") {
                around.title = text(&discussion["attributes"]["title"]);
                around.sticky = discussion["attributes"]["isSticky"] == true;
                around.board =
                    related(&included, discussion, "tags").and_then(|t| text(&t["attributes"]["name"]));
            }
            let user = related(&included, d, "user").map(|u| &u["attributes"]);
            let author = user.and_then(|u| text(&u["username"]).or_else(|| text(&u["displayName"])));
            let html = dom::fragment(a["contentHtml"].as_str().unwrap_or(""));
            let marks = Marks {
                quote: select!("blockquote, a.PostMention"),
                drop: select!(".GroupMention"),
                mention: select!("a.UserMention"),
                target: &quote,
            };
            let withheld = a["isHidden"] == true || !a["contentHtml"].is_string();
            reading.posts.push(
                Draft {
                    unregistered: author.is_none(),
                    author,
                    time: moment(&a["createdAt"]),
                    shown: a["createdAt"].to_string(),
                    edited: moment(&a["editedAt"]),
                    own: (!withheld).then(|| own(base, html.root_element(), &marks)),
                    url: a["number"].as_u64().and_then(|n| root.join(&format!("d/{}/{n}", here.id)).ok()),
                    id: Some(id),
                }
                .join(&around),
            );
        }
        if v["links"]["next"].is_string() {
            let mut url = here.url.clone();
            let kept: Vec<(String, String)> =
                here.url.query_pairs().into_owned().filter(|(k, _)| k != "page[offset]").collect();
            url.query_pairs_mut()
                .clear()
                .extend_pairs(kept)
                .append_pair("page[offset]", &(here.page - 1 + CHUNK).to_string());
            reading.next = target(&url);
        }
        if here.kind == Kind::Board
            && reading.threads.is_empty()
            && here.id == "all"
            && reading.access.is_open()
        {
            reading.problems.push("a list without discussions".into());
        }
        let path = around.board.clone().into_iter().collect();
        let mut head = page::head(&here, around.title.clone(), path, None, None);
        head.sticky = around.sticky;
        reading.head = Some(head);
        reading
    }

    /// Logging in takes a script; the cookies of a browser's session do.
    fn login(&self, _: &Document, _: &str, _: &str) -> Option<Form> {
        None
    }

    fn login_page(&self, named: &Url) -> Url {
        named.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &str, body: &str) -> Reading {
        let url = target(&Url::parse(address).unwrap()).unwrap().url;
        let document = Document {
            url,
            status: 200,
            headers: Vec::new(),
            body: body.into(),
            fetched: Timestamp(1_795_450_020),
        };
        assert_eq!(Flarum.recognize(&document), 90);
        Flarum.read(&document, &Reader::default())
    }

    #[test]
    fn addresses_of_pages_and_calls_agree() {
        let thread = target(&Url::parse("https://f.example/forum/d/12-stealer-logs/7").unwrap()).unwrap();
        assert_eq!(
            (thread.kind, thread.id.as_str(), thread.url.path()),
            (Kind::Thread, "12", "/forum/api/posts")
        );
        assert_eq!(target(&thread.url).unwrap(), thread);
        let list = target(&Url::parse("https://f.example/").unwrap()).unwrap();
        assert_eq!((list.kind, list.id.as_str(), list.url.path()), (Kind::Board, "all", "/api/discussions"));
        assert_eq!(target(&list.url).unwrap(), list);
        assert_eq!(target(&Url::parse("https://f.example/u/vega").unwrap()), None);
    }

    #[test]
    fn discussion_with_an_answer() {
        let r = read(
            "https://f.example/d/12",
            r#"{"links":{"next":"https://f.example/api/posts?page"},"data":[
            {"type":"posts","id":"31","attributes":{"number":1,"createdAt":"2026-01-05T07:00:00+00:00","contentType":"comment","contentHtml":"<p>fresh logs</p>"},
             "relationships":{"user":{"data":{"type":"users","id":"3"}},"discussion":{"data":{"type":"discussions","id":"12"}}}},
            {"type":"posts","id":"32","attributes":{"number":2,"createdAt":"2026-01-05T08:00:00+00:00","contentType":"comment","editedAt":"2026-01-05T09:00:00+00:00",
             "contentHtml":"<p><a href=\"/d/12/1\" class=\"PostMention\" data-id=\"31\">vega</a> price? <a class=\"UserMention\" href=\"/u/mira\">@mira</a></p>"},
             "relationships":{"discussion":{"data":{"type":"discussions","id":"12"}}}},
            {"type":"posts","id":"33","attributes":{"contentType":"discussionLocked"}}],
            "included":[{"type":"users","id":"3","attributes":{"username":"vega"}},
            {"type":"discussions","id":"12","attributes":{"title":"Stealer logs","isSticky":true},"relationships":{"tags":{"data":[{"type":"tags","id":"5"}]}}},
            {"type":"tags","id":"5","attributes":{"name":"Market"}}]}"#,
        );
        assert_eq!(r.posts.len(), 2);
        let p = &r.posts[1].record;
        assert_eq!(
            (p.text.as_str(), p.author.as_deref(), p.board.as_deref()),
            ("price? @mira", None, Some("Market"))
        );
        assert_eq!(p.quotes, [QuoteTarget { post: Some("31".into()), author: Some("vega".into()) }]);
        assert_eq!((p.mentions.as_slice(), p.sticky), (&["mira".to_owned()][..], true));
        assert_eq!(r.posts[0].record.author.as_deref(), Some("vega"));
        assert_eq!(r.next.map(|n| n.page), Some(51));
    }
}
