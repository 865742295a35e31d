//! NodeBB, through its read API (`/api/...`, which mirrors every page as JSON).

use super::body::{Marks, Own, own};
use super::dom::{self, All, select};
use super::page::{self, Around, Draft};
use super::{Access, BoardLink, Document, Engine, Form, Kind, Reader, Reading, Target, ThreadLink};
use scraper::ElementRef;
use serde_json::Value;
use std::collections::HashMap;
use tm_model::{QuoteTarget, Timestamp};
use url::Url;

/// NodeBB 1 to 4. Pages are answered as well as calls: the addresses of both name the same topic.
#[derive(Debug)]
pub struct Nodebb;

/// Boards inside boards are looked for this deep.
const DEEPEST: usize = 12;

fn target(url: &Url) -> Option<Target> {
    let parts: Vec<&str> = url.path_segments()?.collect();
    let at = parts.iter().position(|p| matches!(*p, "topic" | "category" | "categories"));
    let before = |at: usize| {
        let folder: Vec<&str> =
            parts[..at].iter().copied().filter(|p| *p != "api" && !p.is_empty()).collect();
        if folder.is_empty() { String::new() } else { format!("/{}", folder.join("/")) }
    };
    let to = |path: String, page: u32| {
        let mut to = url.clone();
        to.set_path(&path);
        to.set_query((page > 1).then(|| format!("page={page}")).as_deref());
        to.set_fragment(None);
        to
    };
    let page: u32 = dom::parameter(url, "page").and_then(|p| p.parse().ok()).unwrap_or(1).max(1);
    let (kind, id, path) = match at.map(|at| (at, parts[at])) {
        Some((at, "categories")) => (Kind::Index, String::new(), format!("{}/api/categories", before(at))),
        Some((at, name)) => {
            let id = dom::leading_number(parts.get(at + 1)?)?;
            let kind = if name == "topic" { Kind::Thread } else { Kind::Board };
            let path = format!("{}/api/{name}/{id}", before(at));
            (kind, id, path)
        }
        None if parts.iter().all(|p| p.is_empty() || *p == "api") => {
            (Kind::Index, String::new(), "/api/categories".to_owned())
        }
        None => return None,
    };
    Some(Target { kind, url: to(path, page), id, page })
}

/// "@slug said in [topic](/post/12):" over the quote names whom and what.
fn quote(_: &Url, quote: ElementRef<'_>) -> QuoteTarget {
    let over = quote.prev_siblings().filter_map(ElementRef::wrap).next();
    let Some(over) =
        over.filter(|o| o.value().name() == "p" && dom::first(*o, select!("a[href*='/post/']")).is_some())
    else {
        return QuoteTarget { post: None, author: None };
    };
    let post = dom::first(over, select!("a[href*='/post/']"))
        .and_then(|a| dom::leading_number(a.value().attr("href")?.rsplit("/post/").next()?));
    let author = dom::first(over, select!("a.plugin-mentions-a"))
        .map(|a| dom::line(a).trim_start_matches('@').to_owned());
    QuoteTarget { post, author }
}

fn text(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    (!text.is_empty()).then(|| crate::decode_entities(text).into_owned())
}

fn id(value: &Value) -> Option<String> {
    value
        .as_u64()
        .map(|n| n.to_string())
        .or_else(|| value.as_str().filter(|s| !s.is_empty()).map(str::to_owned))
}

/// Milliseconds since 1970.
fn moment(value: &Value) -> Option<Timestamp> {
    let ms = value.as_i64().or_else(|| value.as_str()?.parse().ok())?;
    Timestamp::checked(ms.div_euclid(1000)).filter(|t| t.0 > 0)
}

fn boards(list: &Value, base: &Url, depth: usize, out: &mut Vec<BoardLink>) {
    for c in list.as_array().into_iter().flatten() {
        let Some(cid) = id(&c["cid"]).filter(|c| c != "-1") else { continue };
        let Some(to) = base.join(&format!("category/{cid}")).ok().and_then(|u| target(&u)) else { continue };
        let (threads, posts) = (c["topic_count"].as_u64(), c["post_count"].as_u64());
        let last = c["posts"][0]["pid"].clone();
        out.push(BoardLink {
            target: to,
            title: text(&c["name"]).unwrap_or_default(),
            threads,
            posts,
            state: format!("{threads:?} {posts:?} {last}"),
            elsewhere: c["link"].as_str().is_some_and(|l| !l.is_empty()),
        });
        if depth < DEEPEST {
            boards(&c["children"], base, depth + 1, out);
        }
    }
}

/// How a post's HTML marks what is not the author's own.
fn marks() -> Marks<'static> {
    Marks {
        quote: select!("blockquote"),
        drop: select!("p:has(> a[href*='/post/']):has(+ blockquote), .signature, .post-signature"),
        mention: select!("a.plugin-mentions-a"),
        target: &quote,
    }
}

/// Mentions and quotes are written with the slug of a name: the page knows the name of some.
fn rename(body: &mut Own, names: &HashMap<String, String>) {
    for name in body.mentions.iter_mut().chain(body.quotes.iter_mut().filter_map(|q| q.author.as_mut())) {
        if let Some(known) = names.get(name.as_str()) {
            name.clone_from(known);
        }
    }
}

impl Nodebb {
    /// The posts of a topic's page as browsers get it. A crawl reads the interface; saved pages are read here.
    fn html(&self, document: &Document) -> Reading {
        let html = dom::page(&document.body);
        let root = &html;
        let base = &document.url;
        let property = |name| {
            let of = |m: &ElementRef<'_>| m.value().attr("property") == Some(name);
            let meta = root.all(select!("meta[property][content]")).find(of)?;
            meta.value().attr("content").map(|c| c.trim().to_owned()).filter(|c| !c.is_empty())
        };
        let here = target(base);
        let mut reading = Reading {
            access: page::access(document),
            kind: here.as_ref().map(|t| t.kind),
            forum: property("og:site_name"),
            ..Reading::default()
        };
        let topic = dom::first(root, select!("[component='topic'][data-tid]"));
        let thread = topic.and_then(|t| t.value().attr("data-tid")).map(str::to_owned);
        let title = page::words(&html, select!("[component='topic/title']")).or_else(|| property("og:title"));
        let crumb = root.all(select!(".breadcrumb a[href*='/category/']")).last();
        let around = Around {
            forum: reading.forum.clone(),
            board: crumb.and_then(dom::words),
            thread: thread.clone(),
            title: title.clone(),
            sticky: false,
        };
        let list: Vec<ElementRef<'_>> = root.all(select!("[component='post'][data-pid]")).collect();
        let value = |post: ElementRef<'_>, name| {
            post.value().attr(name).map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned)
        };
        let names: HashMap<String, String> = list
            .iter()
            .filter_map(|p| Some((value(*p, "data-userslug")?, value(*p, "data-username")?)))
            .collect();
        for post in list {
            let Some(pid) = value(post, "data-pid") else { continue };
            let deleted = post.value().classes().any(|c| c == "deleted");
            let content = dom::first(post, select!("[component='post/content']")).filter(|_| !deleted);
            let mut body = content.map(|c| own(base, c, &marks()));
            if let Some(body) = &mut body {
                rename(body, &names);
            }
            let name = value(post, "data-username").filter(|n| !n.starts_with("[["));
            let known = value(post, "data-uid").is_some_and(|u| u != "0" && !u.starts_with('-'));
            let shown = value(post, "data-timestamp").unwrap_or_default();
            let editor =
                dom::first(post, select!("[component='post/editor']:not([data-editor='']) .timeago"));
            reading.posts.push(
                Draft {
                    unregistered: !known || name.is_none(),
                    author: name,
                    time: moment(&Value::String(shown.clone())),
                    shown,
                    edited: editor.and_then(|e| Timestamp::parse(e.value().attr("title")?).ok()),
                    own: body,
                    url: base.join(&format!("/post/{pid}")).ok(),
                    id: Some(pid),
                }
                .join(&around),
            );
        }
        if let Some(here) = here.filter(|t| t.kind == Kind::Thread) {
            reading.next = dom::first(root, select!("link[rel='next'][href]"))
                .and_then(|l| dom::link(base, l))
                .and_then(|u| target(&u))
                .filter(|t| t.kind == Kind::Thread && t.id == here.id && t.page > here.page);
            let path = around.board.into_iter().collect();
            reading.head = Some(page::head(&here, title, path, None, None));
        }
        reading
    }

    fn json(&self, document: &Document, v: &Value) -> Reading {
        let base = &document.url;
        let here = target(base);
        let index = here.as_ref().is_some_and(|t| t.kind == Kind::Index);
        let site = v["_header"]["tags"]["meta"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|m| m["property"] == "og:site_name" || index && m["name"] == "title");
        let mut reading = Reading {
            access: page::access(document),
            kind: here.as_ref().map(|t| t.kind),
            forum: site.and_then(|m| text(&m["content"])),
            member: text(&v["loggedInUser"]["username"]).filter(|_| v["loggedIn"] == true),
            ..Reading::default()
        };
        // Topics and categories are addressed from the folder of the forum.
        let root = {
            let mut root = base.clone();
            root.set_query(None);
            let path = base.path().split("/api").next().unwrap_or("").trim_end_matches('/').to_owned();
            root.set_path(&format!("{path}/"));
            root
        };
        if v["template"]["login"] == true || v["title"] == "[[pages:login]]" {
            reading.access = Access::LoginNeeded;
        } else if let Some(error) = v["error"].as_str().or_else(|| v["status"]["message"].as_str())
            && (reading.access.is_open() || matches!(reading.access, Access::Refused(_)))
        {
            reading.access = Access::Refused(error.to_owned());
        }
        boards(&v["categories"], &root, 0, &mut reading.boards);
        boards(&v["children"], &root, 0, &mut reading.boards);
        for t in v["topics"].as_array().into_iter().flatten() {
            let Some(tid) = id(&t["tid"]) else { continue };
            let Some(to) = root.join(&format!("topic/{tid}")).ok().and_then(|u| target(&u)) else { continue };
            let posts = t["postcount"].as_u64();
            reading.threads.push(ThreadLink {
                target: to,
                title: text(&t["titleRaw"]).or_else(|| text(&t["title"])).unwrap_or_default(),
                posts,
                last: moment(&t["lastposttime"]),
                state: format!("{posts:?} {}", t["lastposttime"]),
                sticky: t["pinned"] == 1 || t["pinned"] == true,
                moved: false,
            });
        }
        let list = v["posts"].as_array();
        let topic = here.as_ref().filter(|t| t.kind == Kind::Thread);
        let board = if topic.is_some() { text(&v["category"]["name"]) } else { text(&v["name"]) };
        let title =
            if topic.is_some() { text(&v["titleRaw"]).or_else(|| text(&v["title"])) } else { board.clone() };
        let around = Around {
            forum: reading.forum.clone(),
            board: board.clone(),
            thread: topic.map(|t| t.id.clone()),
            title: title.clone(),
            sticky: v["pinned"] == 1 || v["pinned"] == true,
        };
        let mut names: HashMap<String, String> = HashMap::new();
        for p in list.into_iter().flatten() {
            if let (Some(slug), Some(name)) = (text(&p["user"]["userslug"]), text(&p["user"]["username"])) {
                names.insert(slug, name);
            }
        }
        for p in list.into_iter().flatten().filter(|_| topic.is_some()) {
            let Some(pid) = id(&p["pid"]) else { continue };
            let name = text(&p["user"]["username"]).filter(|n| !n.starts_with("[["));
            let gone = p["user"]["uid"].as_i64().unwrap_or(0) <= 0 || name.is_none();
            // The name of a deleted account is lost, its number is not: its posts stay those of one author.
            let name = name.or_else(|| Some(format!("former-user-{}", id(&p["user"]["oldUid"])?)));
            let withheld = p["deleted"] == 1 || p["deleted"] == true;
            let html = dom::fragment(p["content"].as_str().unwrap_or(""));
            let mut body = (!withheld).then(|| own(base, html.root_element(), &marks()));
            if let Some(body) = &mut body {
                rename(body, &names);
            }
            let mut post = Draft {
                author: name,
                unregistered: gone,
                time: moment(&p["timestamp"]),
                shown: p["timestamp"].to_string(),
                edited: moment(&p["edited"]),
                own: body,
                url: root.join(&format!("post/{pid}")).ok(),
                id: Some(pid),
            }
            .join(&around);
            post.record.reply_to = id(&p["toPid"]);
            reading.posts.push(post);
        }
        if let Some(here) = here.filter(|t| t.kind != Kind::Index) {
            let current = v["pagination"]["currentPage"].as_u64().unwrap_or(1);
            reading.pages = v["pagination"]["pageCount"].as_u64().and_then(|n| u32::try_from(n).ok());
            if reading.pages.is_some_and(|n| u64::from(n) > current) {
                let mut url = here.url.clone();
                url.set_query(Some(&format!("page={}", current + 1)));
                reading.next = target(&url);
            }
            let parent = if here.kind == Kind::Thread {
                id(&v["cid"])
            } else {
                id(&v["parentCid"]).filter(|p| p != "0")
            };
            let path = if here.kind == Kind::Thread { board.into_iter().collect() } else { Vec::new() };
            let posts = v["postcount"].as_u64().filter(|_| here.kind == Kind::Thread);
            let mut head = page::head(&here, title, path, parent, posts);
            head.sticky = around.sticky;
            reading.head = Some(head);
        }
        reading
    }
}

impl Engine for Nodebb {
    fn name(&self) -> &str {
        "nodebb"
    }

    fn recognize(&self, document: &Document) -> u8 {
        let powered =
            document.headers.iter().any(|(name, value)| name == "x-powered-by" && value.contains("NodeBB"));
        let b = document.body.trim_start();
        if powered {
            100
        } else if b.starts_with('{') && b.contains("\"relative_path\"") && b.contains("\"loggedInUser\"") {
            95
        } else if b.contains("/assets/nodebb")
            || b.contains("https://nodebb.org\"") && b.contains("component=\"")
        {
            90
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
        match serde_json::from_str::<Value>(&document.body) {
            Ok(v) => self.json(document, &v),
            Err(e) => {
                let reading = self.html(document);
                if !reading.posts.is_empty() {
                    return reading;
                }
                let access = reading.access;
                let html = dom::page(&document.body);
                let login = dom::first(&html, select!("form#login-form, [component='login']")).is_some();
                Reading {
                    access: if login { Access::LoginNeeded } else { access },
                    problems: if login { Vec::new() } else { vec![format!("no JSON answer: {e}")] },
                    ..Reading::default()
                }
            }
        }
    }

    fn login(&self, document: &Document, user: &str, password: &str) -> Option<Form> {
        let html = dom::page(&document.body);
        let form = page::form_with(&html, "username", "password")?;
        page::fill(document, form, ("username", "password"), (user, password))
    }

    fn login_page(&self, named: &Url) -> Url {
        let folder = target(named).map(|t| t.url).unwrap_or_else(|| named.clone());
        let path = format!("{}/login", folder.path().split("/api").next().unwrap_or(""));
        let mut page = folder;
        page.set_path(&path);
        page.set_query(None);
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A topic as browsers get it; the deleted post keeps its place, the deleted account has no name.
    #[test]
    fn topic_of_a_saved_page() {
        let body = r##"<html><head><meta property="og:site_name" content="Node Row"><link rel="next" href="http://f.example/topic/27?page=2"></head><body>
            <ol class="breadcrumb"><li><a href="/category/4/trade"><span>Trade</span></a></li></ol><h1><span component="topic/title">Fresh build</span></h1>
            <ul component="topic" data-tid="27"><li component="post" data-pid="7" data-uid="3" data-timestamp="1719428458000" data-username="Low Level" data-userslug="low-level">
            <div component="post/content"><p><a class="plugin-mentions-a" href="/user/low-level">@low-level</a> said in <a href="/post/6">t</a>:</p><blockquote>x</blockquote><p>escrow only</p></div>
            <span component="post/editor" data-editor="low-level"><span class="timeago" title="2024-06-26T20:00:00.000Z"></span></span><div component="post/signature">sig</div></li>
            <li component="post" class="deleted" data-pid="8" data-uid="0" data-timestamp="1719428459000" data-username="[[global:former-user]]"><div component="post/content"></div></li></ul></body></html>"##;
        let document = Document {
            url: Url::parse("http://f.example/topic/27/fresh-build").unwrap(),
            status: 200,
            headers: Vec::new(),
            body: body.to_owned(),
            fetched: Timestamp(1_795_450_020),
        };
        let r = Nodebb.read(&document, &Reader::default());
        let p = &r.posts[0].record;
        assert_eq!((p.author.as_deref(), p.text.as_str()), (Some("Low Level"), "escrow only"));
        assert_eq!(p.quotes, [QuoteTarget { post: Some("6".into()), author: Some("Low Level".into()) }]);
        assert_eq!((p.board.as_deref(), p.title.as_deref()), (Some("Trade"), Some("Fresh build")));
        assert_eq!((p.time.map(|t| t.0), p.edited.map(|t| t.0)), (Some(1_719_428_458), Some(1_719_432_000)));
        assert!(r.posts[1].withheld && r.posts[1].unregistered);
        assert_eq!(r.next.map(|n| n.page), Some(2));
    }
}
