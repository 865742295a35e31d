//! phpBB 3.x.

use super::body::{Marks, own};
use super::dates::{Clock, parse};
use super::dom::{self, All, select};
use super::page::{self, Around, Draft};
use super::{Access, BoardLink, Document, Engine, Form, Head, Kind, Reader, Reading, Target, ThreadLink};
use scraper::ElementRef;
use tm_model::{QuoteTarget, Timestamp};
use url::Url;

/// phpBB 3.x, the prosilver style and those that descend from it.
#[derive(Debug)]
pub struct Phpbb;

fn target(url: &Url) -> Option<Target> {
    let start: u32 = dom::parameter(url, "start").and_then(|s| s.parse().ok()).unwrap_or(0);
    let page = |kind, key: &str, script| {
        let id = dom::parameter(url, key)?;
        let id = dom::leading_number(&id)?;
        let query = if start == 0 { format!("{key}={id}") } else { format!("{key}={id}&start={start}") };
        Some(Target { kind, url: dom::sibling(url, script, &query)?, id, page: start + 1 })
    };
    match dom::script(url) {
        "viewforum.php" => page(Kind::Board, "f", "viewforum.php"),
        "viewtopic.php" => page(Kind::Thread, "t", "viewtopic.php"),
        "" | "index.php" => Some(Target {
            kind: Kind::Index,
            id: String::new(),
            page: 1,
            url: dom::sibling(url, "index.php", "")?,
        }),
        _ => None,
    }
}

fn quote(base: &Url, quote: ElementRef<'_>) -> QuoteTarget {
    let cite = dom::first(quote, select!("cite"));
    let link = cite.and_then(|c| {
        c.all(select!("a[href*='viewtopic.php'], a[data-post-id]"))
            .next()
            .or_else(|| dom::first(c, select!("a[href*='p=']")))
    });
    let post = link
        .and_then(|a| {
            a.value()
                .attr("data-post-id")
                .map(str::to_owned)
                .or_else(|| dom::parameter(&dom::link(base, a)?, "p"))
        })
        .or_else(|| dom::parameter(&base.join(quote.value().attr("cite")?).ok()?, "p"));
    let author = cite.and_then(|c| {
        // The name is a link, or stands before the verb.
        let linked = dom::first(c, select!("a[href*='memberlist'], a.username, a.username-coloured"));
        linked.and_then(dom::words).or_else(|| {
            let text: String =
                c.children().filter_map(|n| n.value().as_text().map(|t| t.to_string())).collect();
            let name = text.trim().trim_end_matches(':').trim();
            let name = name.rsplit_once(' ').map_or(name, |(name, _)| name).trim();
            (!name.is_empty()).then(|| name.to_owned())
        })
    });
    QuoteTarget { post, author }
}

fn moment(inside: ElementRef<'_>, clock: &Clock) -> (Option<Timestamp>, String) {
    let Some(time) = dom::first(inside, select!("time")) else {
        let shown = dom::line(inside);
        let tail = shown.rsplit('»').next().unwrap_or("").to_owned();
        return (parse(&tail, clock), tail);
    };
    let shown = dom::line(time);
    let exact = time.value().attr("datetime").and_then(|t| Timestamp::parse(t).ok());
    (exact.or_else(|| parse(&shown, clock)), shown)
}

impl Engine for Phpbb {
    fn name(&self) -> &str {
        "phpbb"
    }

    fn recognize(&self, document: &Document) -> u8 {
        let b = &document.body;
        if b.contains("<body id=\"phpbb\"") {
            100
        } else if b.contains("phpbb.com/\">phpBB") || b.contains("phpBB Group") || b.contains("phpBB&reg;") {
            80
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

    fn read(&self, document: &Document, reader: &Reader) -> Reading {
        let html = dom::page(&document.body);
        let root = &html;
        let base = &document.url;
        let footer =
            page::words(&html, select!("#page-footer, .footer, #wrapfooter, .copyright")).unwrap_or_default();
        let zone = html
            .all(select!("#page-footer li, .timezone, #page-footer"))
            .map(dom::line)
            .find_map(|l| dom::offset(&l))
            .or_else(|| dom::offset(&footer));
        let clock = Clock {
            now: document.fetched,
            offset: reader.offset.or(zone).unwrap_or(0),
            day_first: reader.day_first,
        };
        let mut reading = Reading {
            access: page::access(document),
            forum: page::words(&html, select!("#site-description h1, .site-description h1, .logo_text")),
            member: page::words(
                &html,
                select!(
                    "#username_logged_in .username, #username_logged_in .username-coloured, .header-profile .username, .header-profile .username-coloured"
                ),
            ),
            ..Reading::default()
        };
        let here = target(base);
        reading.kind = here.as_ref().map(|t| t.kind);

        for row in root.all(select!("li.row, tr")) {
            if let Some(link) = dom::first(row, select!("a.forumtitle, a.forumlink")) {
                let class =
                    dom::first(row, select!("dl")).and_then(|d| d.value().attr("class")).unwrap_or("");
                let Some(url) = dom::link(base, link) else { continue };
                let elsewhere = class.contains("forum_link") || url.host() != base.host();
                let number = |s| dom::first(row, s).and_then(|e| dom::count(&dom::line(e)));
                let last = dom::first(row, select!("dd.lastpost")).map(dom::line).unwrap_or_default();
                let (threads, posts) = (number(select!("dd.topics")), number(select!("dd.posts")));
                if let Some(target) = target(&url).or_else(|| elsewhere.then(|| elsewhere_target(url))) {
                    reading.boards.push(BoardLink {
                        target,
                        title: dom::line(link),
                        threads,
                        posts,
                        state: format!("{threads:?} {posts:?} {}", exact(row).unwrap_or(last)),
                        elsewhere,
                    });
                }
                for sub in row.all(select!("a.subforum")) {
                    if let Some(target) = dom::link(base, sub).and_then(|u| target(&u)) {
                        reading.boards.push(BoardLink {
                            target,
                            title: dom::line(sub),
                            threads: None,
                            posts: None,
                            state: String::new(),
                            elsewhere: false,
                        });
                    }
                }
            } else if let Some(link) = dom::first(row, select!("a.topictitle")) {
                let class =
                    dom::first(row, select!("dl")).and_then(|d| d.value().attr("class")).unwrap_or("");
                let Some(target) = dom::link(base, link).and_then(|u| target(&u)) else { continue };
                let replies = dom::first(row, select!("dd.posts")).and_then(|e| dom::count(&dom::line(e)));
                let last = dom::first(row, select!("dd.lastpost")).map(|l| moment(l, &clock));
                reading.threads.push(ThreadLink {
                    target: Target { page: 1, ..target },
                    title: dom::line(link),
                    posts: replies.map(|n| n + 1),
                    last: last.as_ref().and_then(|l| l.0),
                    state: format!(
                        "{replies:?} {}",
                        exact(row).unwrap_or_else(|| last.map(|l| l.1).unwrap_or_default())
                    ),
                    sticky: ["sticky", "announce", "global"].iter().any(|c| class.contains(c)),
                    moved: class.contains("topic_moved"),
                });
            }
        }
        page::once(&mut reading.boards, |b| &b.target);
        page::once(&mut reading.threads, |t| &t.target);

        let crumbs: Vec<ElementRef<'_>> = root
            .all(select!(".nav-breadcrumbs .crumb a, .navlinks .crumb a, .nav-breadcrumbs .breadcrumbs a, .navlinks a[href*='viewforum']"))
            .filter(|a| dom::link(base, *a).is_some_and(|u| dom::script(&u) == "viewforum.php"))
            .collect();
        let mut path: Vec<String> = Vec::new();
        for c in &crumbs {
            let name = dom::line(*c);
            if path.last() != Some(&name) {
                path.push(name);
            }
        }
        let parent = crumbs.last().and_then(|c| dom::parameter(&dom::link(base, *c)?, "f"));
        let pagination = page::words(&html, select!(".pagination")).unwrap_or_default();
        let total = pagination.find("post").and_then(|at| {
            let before = pagination[..at].trim_end();
            dom::count(before.rsplit(' ').next()?)
        });
        let title =
            page::words(&html, select!("h2.topic-title, h2.forum-title, #page-body h2 a[href*='viewtopic']"));
        reading.pages = root
            .all(select!(".pagination li a, .pagination li strong, .pagination li.active span"))
            .filter_map(|e| dom::line(e).parse().ok())
            .max();
        reading.next =
            dom::first(root, select!(".pagination .next a, a[rel='next'], .pagination .arrow.next a"))
                .and_then(|a| dom::link(base, a))
                .and_then(|u| target(&u));

        let thread_id =
            here.as_ref().filter(|t| t.kind == Kind::Thread).map(|t| t.id.clone()).or_else(|| {
                dom::parameter(&dom::link(base, dom::first(root, select!("h2.topic-title a"))?)?, "t")
            });
        let around = Around {
            forum: reading.forum.clone(),
            board: path.last().cloned(),
            thread: thread_id.clone(),
            title: title.clone(),
            sticky: false,
        };
        for post in root.all(select!("div.post[id^='p'], div[id^='p'].post, table.tablebg a[name^='p']")) {
            let Some(id) = dom::id_behind(post, "p") else { continue };
            let Some(body) = dom::first(post, select!(".content")) else {
                reading.problems.push(format!("post {id}: no text found"));
                continue;
            };
            let name = dom::first(post, select!("p.author .username, p.author .username-coloured"))
                .or_else(|| {
                    dom::first(post, select!(".postprofile .username, .postprofile .username-coloured"))
                })
                // Version 3.0 gives names no class.
                .or_else(|| dom::first(post, select!("p.author strong a")))
                .or_else(|| dom::first(post, select!("p.author strong")));
            let (time, shown) =
                dom::first(post, select!("p.author")).map_or((None, String::new()), |a| moment(a, &clock));
            let edited = dom::first(post, select!(".notice")).and_then(|n| {
                if let (Some(t), _) = moment(n, &clock)
                    && dom::first(n, select!("time")).is_some()
                {
                    return Some(t);
                }
                let line = dom::line(n);
                let from = line.find(" on ").map(|at| at + 4).or_else(|| line.find(", ").map(|at| at + 2))?;
                parse(line[from..].split(", edited").next()?, &clock)
            });
            let marks = Marks {
                quote: select!("blockquote"),
                drop: select!(".signature, .notice, .codebox > p, .attachbox, .inline-attachment, dl.file"),
                mention: select!("a.mention, a.username[href*='viewprofile']"),
                target: &quote,
            };
            reading.posts.push(
                Draft {
                    author: name.and_then(dom::words),
                    unregistered: name.is_some_and(|n| n.value().name() != "a"),
                    time,
                    shown,
                    edited,
                    own: Some(own(base, body, &marks)),
                    url: dom::sibling(base, "viewtopic.php", &format!("p={id}")).map(|mut u| {
                        u.set_fragment(Some(&format!("p{id}")));
                        u
                    }),
                    id: Some(id),
                }
                .join(&around),
            );
        }
        page::mentioned(&mut reading.posts);
        if let Some(t) = here.filter(|t| t.kind != Kind::Index) {
            reading.head = Some(Head {
                id: t.id.clone(),
                title: title.unwrap_or_default(),
                path: if t.kind == Kind::Board && path.len() > 1 {
                    path[..path.len() - 1].to_vec()
                } else {
                    path
                },
                parent: parent.filter(|p| t.kind == Kind::Thread || *p != t.id),
                posts: total.filter(|_| t.kind == Kind::Thread),
                page: t.page,
                sticky: false,
            });
        }
        if reading.access.is_open()
            && reading.posts.is_empty()
            && reading.threads.is_empty()
            && reading.boards.is_empty()
        {
            if dom::first(root, select!("form#login, form[action*='mode=login'] input[name='password']"))
                .is_some()
            {
                reading.access = Access::LoginNeeded;
            } else if let Some(message) = page::words(&html, select!("#message p, .panel#message")) {
                let low = message.to_lowercase();
                reading.access = if low.contains("not exist") || low.contains("не существует") {
                    Access::Missing
                } else {
                    Access::Refused(message)
                };
            }
        }
        reading
    }

    fn login(&self, document: &Document, user: &str, password: &str) -> Option<Form> {
        let html = dom::page(&document.body);
        let form = dom::first(&html, select!("form#login"))
            .or_else(|| page::form_with(&html, "username", "password"))?;
        page::fill(document, form, ("username", "password"), (user, password))
    }

    fn login_page(&self, named: &Url) -> Url {
        dom::sibling(named, "ucp.php", "mode=login").unwrap_or_else(|| named.clone())
    }
}

/// The exact time of the last post in a row.
fn exact(row: ElementRef<'_>) -> Option<String> {
    row.all(select!("dd.lastpost time[datetime]")).last()?.value().attr("datetime").map(str::to_owned)
}

fn elsewhere_target(url: Url) -> Target {
    Target { kind: Kind::Board, id: String::new(), page: 1, url }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Version 3.0 gives neither names nor times an element of their own.
    #[test]
    fn thread_of_version_3_0() {
        let body = r##"<body id="phpbb"><div id="p31" class="post bg2"><div class="postbody"><p class="author"><a href="./viewtopic.php?p=31#p31"></a>by
            <strong><a href="./memberlist.php?mode=viewprofile&amp;u=9">low level</a></strong> &raquo; Sun May 26, 2019 5:28 pm </p>
            <div class="content">escrow only</div></div></div><div id="p32" class="post bg1"><div class="postbody"><p class="author">by <strong>nix</strong>
            &raquo; Sun May 26, 2019 6:00 pm</p><div class="content">ok @low level</div></div></div>
            <div id="page-footer"><ul><li>All times are UTC + 3 hours</li></ul></div></body>"##;
        let document = Document {
            url: Url::parse("http://f.example/viewtopic.php?t=5").unwrap(),
            status: 200,
            headers: Vec::new(),
            body: body.to_owned(),
            fetched: Timestamp(1_795_450_020),
        };
        let r = Phpbb.read(&document, &Reader::default());
        let (a, b) = (&r.posts[0], &r.posts[1]);
        assert_eq!((a.record.author.as_deref(), a.unregistered), (Some("low level"), false));
        assert_eq!(a.record.time.map(|t| t.to_string()).as_deref(), Some("2019-05-26T14:28:00Z"));
        assert_eq!((b.record.author.as_deref(), b.unregistered), (Some("nix"), true));
        assert_eq!(b.record.mentions, ["low level"]);
    }
}
