//! Discourse, through its JSON interface (every page with `.json` behind its address).

use super::body::{Marks, own};
use super::dom::{self, select};
use super::page::{self, Around, Draft};
use super::{Access, BoardLink, Document, Engine, Form, Kind, Reader, Reading, Target, ThreadLink};
use scraper::ElementRef;
use serde_json::Value;
use std::collections::HashMap;
use tm_model::{QuoteTarget, Timestamp};
use url::Url;

/// Discourse 2 and 3. Pages are answered as well as calls: the addresses of both name the same topic.
#[derive(Debug)]
pub struct Discourse;

/// Posts of a page, fixed by the engine.
const CHUNK: usize = 20;

fn target(url: &Url) -> Option<Target> {
    let path = url.path().trim_end_matches(".json");
    let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
    let page: u32 = dom::parameter(url, "page").and_then(|p| p.parse().ok()).unwrap_or(0);
    let make = |kind, id: String, path: String, page: u32, query: Option<String>| {
        let mut to = url.clone();
        to.set_path(&path);
        to.set_query(query.as_deref());
        to.set_fragment(None);
        Some(Target { kind, id, page, url: to })
    };
    let folder = |at: usize| parts[..at].iter().fold(String::new(), |all, p| all + "/" + p);
    let number = |p: &&&str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit());
    if let Some(at) = parts.iter().position(|p| *p == "t") {
        // /t/slug/12/5, /t/12: the first number is the topic, the second a post's.
        let id = parts[at + 1..].iter().find(number)?.to_string();
        let query = (page > 1).then(|| format!("page={page}"));
        return make(Kind::Thread, id.clone(), format!("{}/t/{id}.json", folder(at)), page.max(1), query);
    }
    if let Some(at) = parts.iter().position(|p| *p == "c") {
        let end = parts[at + 1..].iter().position(|p| number(&p))? + at + 1;
        let id = parts[end].to_owned();
        let path = format!("{}/{}.json", folder(at), parts[at..=end].join("/"));
        let query = (page > 0).then(|| format!("page={page}"));
        return make(Kind::Board, id, path, page + 1, query);
    }
    let at = parts.iter().position(|p| matches!(*p, "categories" | "latest" | "top" | "new"));
    if parts.is_empty() || at.is_some_and(|at| at + 1 == parts.len()) {
        let path = format!("{}/categories.json", folder(at.unwrap_or(0)));
        return make(Kind::Index, String::new(), path, 1, Some("include_subcategories=true".into()));
    }
    None
}

fn quote(_: &Url, quote: ElementRef<'_>) -> QuoteTarget {
    // The number of the post within the topic; put into its identifier by the caller.
    let e = quote.value();
    QuoteTarget {
        post: e.attr("data-post").map(|n| format!("#{}/{n}", e.attr("data-topic").unwrap_or(""))),
        author: e.attr("data-username").map(str::to_owned),
    }
}

fn text(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn moment(value: &Value) -> Option<Timestamp> {
    Timestamp::parse(value.as_str()?).ok()
}

fn boards(list: &Value, root: &Url, depth: usize, out: &mut Vec<BoardLink>) {
    for c in list.as_array().into_iter().flatten() {
        let (Some(id), Some(slug)) = (c["id"].as_u64(), c["slug"].as_str()) else { continue };
        let slug = if slug.is_empty() { "-" } else { slug };
        let Some(to) = root.join(&format!("c/{slug}/{id}")).ok().and_then(|u| target(&u)) else { continue };
        let (threads, posts) = (c["topic_count"].as_u64(), c["post_count"].as_u64());
        out.push(BoardLink {
            target: to,
            title: text(&c["name"]).unwrap_or_default(),
            threads,
            posts,
            state: posts.map_or_else(String::new, |p| format!("{threads:?} {p}")),
            elsewhere: false,
        });
        if depth < 4 {
            boards(&c["subcategory_list"], root, depth + 1, out);
        }
    }
}

impl Engine for Discourse {
    fn name(&self) -> &str {
        "discourse"
    }

    fn recognize(&self, document: &Document) -> u8 {
        let b = document.body.trim_start();
        if document.headers.iter().any(|(name, _)| name.starts_with("x-discourse")) {
            100
        } else if b.starts_with('{') {
            let sign =
                ["\"post_stream\"", "\"category_list\"", "\"topic_list\""].iter().any(|s| b.contains(s));
            if sign { 90 } else { 0 }
        } else if b.contains("name=\"generator\" content=\"Discourse") {
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
        if v["error_type"] == "not_logged_in" {
            reading.access = Access::LoginNeeded;
        } else if let Some(said) = v["errors"][0].as_str()
            && (reading.access.is_open() || matches!(reading.access, Access::Refused(_)))
        {
            reading.access = if v["error_type"] == "not_found" {
                Access::Missing
            } else {
                Access::Refused(said.to_owned())
            };
        }
        let Some(here) = here else { return reading };
        let mut root = base.clone();
        root.set_query(None);
        let cut =
            ["/t/", "/c/", "/categories"].iter().filter_map(|s| base.path().rfind(s)).min().unwrap_or(0);
        root.set_path(&format!("{}/", &base.path()[..cut]));
        boards(&v["category_list"]["categories"], &root, 0, &mut reading.boards);
        page::once(&mut reading.boards, |b| &b.target);
        for t in v["topic_list"]["topics"].as_array().into_iter().flatten() {
            let Some(to) = t["id"].as_u64().and_then(|id| target(&root.join(&format!("t/{id}")).ok()?))
            else {
                continue;
            };
            let posts = t["posts_count"].as_u64();
            reading.threads.push(ThreadLink {
                target: to,
                title: text(&t["title"]).unwrap_or_default(),
                posts,
                last: moment(&t["last_posted_at"]),
                state: format!("{posts:?} {}", t["last_posted_at"]),
                sticky: t["pinned"] == true || t["pinned_globally"] == true,
                moved: false,
            });
        }
        if here.kind == Kind::Board && v["topic_list"]["more_topics_url"].is_string() {
            let mut url = here.url.clone();
            url.set_query(Some(&format!("page={}", here.page)));
            reading.next = target(&url);
        }
        if here.kind == Kind::Thread && v["post_stream"].is_object() {
            let title = text(&v["title"]);
            let around = Around {
                thread: Some(here.id.clone()),
                title: title.clone(),
                sticky: v["pinned"] == true || v["pinned_globally"] == true,
                ..Around::default()
            };
            let list = v["post_stream"]["posts"].as_array().cloned().unwrap_or_default();
            let ids: HashMap<u64, String> = list
                .iter()
                .filter_map(|p| Some((p["post_number"].as_u64()?, p["id"].as_u64()?.to_string())))
                .collect();
            for p in &list {
                // Notes of the engine ("closed", "pinned") are no posts of anyone.
                if p["post_type"] == 3 {
                    continue;
                }
                let Some(id) = p["id"].as_u64().map(|i| i.to_string()) else { continue };
                let html = dom::fragment(p["cooked"].as_str().unwrap_or(""));
                let marks = Marks {
                    quote: select!("aside.quote, blockquote"),
                    drop: select!(".meta, .onebox, .poll, .lightbox-wrapper .meta, .badge-wrapper"),
                    mention: select!("a.mention"),
                    target: &quote,
                };
                let withheld = p["cooked_hidden"] == true || p["user_deleted"] == true;
                let mut body = (!withheld).then(|| own(base, html.root_element(), &marks));
                for q in body.iter_mut().flat_map(|b| &mut b.quotes) {
                    let within = q.post.take().and_then(|p| {
                        let (topic, number) = p.trim_start_matches('#').split_once('/')?;
                        (topic == here.id || topic.is_empty()).then(|| number.parse::<u64>().ok()).flatten()
                    });
                    q.post = within.and_then(|n| ids.get(&n).cloned());
                }
                let author = text(&p["username"]);
                let edited =
                    moment(&p["updated_at"]).filter(|_| p["version"].as_u64().is_some_and(|n| n > 1));
                let mut post = Draft {
                    unregistered: author.is_none(),
                    author,
                    time: moment(&p["created_at"]),
                    shown: p["created_at"].to_string(),
                    edited,
                    own: body,
                    url: p["post_number"]
                        .as_u64()
                        .and_then(|n| root.join(&format!("t/{}/{n}", here.id)).ok()),
                    id: Some(id),
                }
                .join(&around);
                post.record.reply_to = p["reply_to_post_number"].as_u64().and_then(|n| ids.get(&n).cloned());
                reading.posts.push(post);
            }
            let all = v["post_stream"]["stream"].as_array().map_or(0, Vec::len);
            if here.page as usize * CHUNK < all {
                let mut url = here.url.clone();
                url.set_query(Some(&format!("page={}", here.page + 1)));
                reading.next = target(&url);
            }
            reading.pages = u32::try_from(all.div_ceil(CHUNK)).ok();
            let parent = v["category_id"].as_u64().map(|c| c.to_string());
            let mut head = page::head(&here, title, Vec::new(), parent, None);
            head.sticky = around.sticky;
            reading.head = Some(head);
        }
        reading
    }

    /// Logging in takes a script; the cookies of a browser's session do.
    fn login(&self, _: &Document, _: &str, _: &str) -> Option<Form> {
        None
    }

    fn login_page(&self, named: &Url) -> Url {
        named.join("/login").unwrap_or_else(|_| named.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &str, body: &str) -> Reading {
        let url = Url::parse(address).unwrap();
        let url = target(&url).unwrap().url;
        let document = Document {
            url,
            status: 200,
            headers: Vec::new(),
            body: body.into(),
            fetched: Timestamp(1_795_450_020),
        };
        assert_eq!(Discourse.recognize(&document), 90);
        Discourse.read(&document, &Reader::default())
    }

    #[test]
    fn addresses() {
        for (from, to) in [
            ("https://f.example/t/stealer-logs/812/7?u=x", Some("https://f.example/t/812.json")),
            ("https://f.example/t/812.json?page=3", Some("https://f.example/t/812.json?page=3")),
            (
                "https://f.example/forum/c/market/sales/12",
                Some("https://f.example/forum/c/market/sales/12.json"),
            ),
            ("https://f.example/", Some("https://f.example/categories.json?include_subcategories=true")),
            (
                "https://f.example/latest",
                Some("https://f.example/categories.json?include_subcategories=true"),
            ),
            ("https://f.example/u/vega", None),
        ] {
            assert_eq!(
                target(&Url::parse(from).unwrap()).map(|t| t.url.to_string()).as_deref(),
                to,
                "{from}"
            );
        }
    }

    #[test]
    fn topic_with_quotes_and_replies() {
        let r = read(
            "https://f.example/t/x/812",
            r##"{"id":812,"title":"Stealer logs","category_id":12,"pinned":true,"post_stream":{"stream":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21],
            "posts":[
            {"id":901,"post_number":1,"post_type":1,"username":"vega","created_at":"2026-01-05T07:00:00.000Z","updated_at":"2026-01-05T07:00:00.000Z","version":1,"cooked":"<p>fresh logs, 2 TB</p>"},
            {"id":902,"post_number":2,"post_type":1,"username":"mira","created_at":"2026-01-05T08:00:00.000Z","updated_at":"2026-01-06T08:00:00.000Z","version":2,"reply_to_post_number":1,
             "cooked":"<aside class=\"quote\" data-username=\"vega\" data-post=\"1\" data-topic=\"812\"><div class=\"title\">vega:</div><blockquote><p>fresh logs</p></blockquote></aside><p>price? <a class=\"mention\" href=\"/u/nix\">@nix</a></p>"},
            {"id":903,"post_number":3,"post_type":3,"username":"system","created_at":"2026-01-05T09:00:00.000Z","cooked":""}]}}"##,
        );
        assert_eq!(r.posts.len(), 2);
        let p = &r.posts[1].record;
        assert_eq!((p.text.as_str(), p.reply_to.as_deref(), p.sticky), ("price? @nix", Some("901"), true));
        assert_eq!(p.quotes, [QuoteTarget { post: Some("901".into()), author: Some("vega".into()) }]);
        assert_eq!(p.edited.map(|t| t.to_string()).as_deref(), Some("2026-01-06T08:00:00Z"));
        assert_eq!(
            (r.posts[0].record.edited, r.next.map(|n| n.url.to_string())),
            (None, Some("https://f.example/t/812.json?page=2".into()))
        );
    }

    #[test]
    fn lists() {
        let r = read(
            "https://f.example/",
            r#"{"category_list":{"categories":[{"id":12,"name":"Market","slug":"market","topic_count":4,"post_count":40,
            "subcategory_list":[{"id":13,"name":"Logs","slug":"logs","topic_count":2,"post_count":9}]}]}}"#,
        );
        assert_eq!(
            r.boards.iter().map(|b| b.target.url.path()).collect::<Vec<_>>(),
            ["/c/market/12.json", "/c/logs/13.json"]
        );
        let r = read(
            "https://f.example/c/market/12",
            r#"{"topic_list":{"more_topics_url":"/c/market/12?page=1","topics":[{"id":812,"title":"Stealer logs","posts_count":21,
            "last_posted_at":"2026-01-06T08:00:00.000Z","pinned":false}]}}"#,
        );
        assert_eq!(
            (r.threads[0].posts, r.next.map(|n| (n.page, n.url.to_string()))),
            (Some(21), Some((2, "https://f.example/c/market/12.json?page=1".into())))
        );
    }
}
