//! Invision Power Board 3, Invision Community 4 and 5.

use super::body::{Marks, own};
use super::dates::{Clock, parse};
use super::dom::{self, All, select};
use super::page::{self, Around, Draft};
use super::{Access, BoardLink, Document, Engine, Form, Kind, Reader, Reading, Target, ThreadLink};
use scraper::ElementRef;
use serde::Deserialize;
use tm_model::{QuoteTarget, Timestamp};
use url::Url;

/// Invision 3.x, 4.x and 5.x, the default styles and those that descend from them, with plain and friendly addresses.
#[derive(Debug)]
pub struct Invision;

/// What a post of version 4 and 5 says of itself for those who quote it.
#[derive(Deserialize)]
struct Quotable {
    userid: Option<u64>,
    username: Option<String>,
    timestamp: Option<i64>,
}

fn target(url: &Url) -> Option<Target> {
    let query = url.query().unwrap_or("");
    let mut to = url.clone();
    to.set_fragment(None);
    // Oldest: index.php?showtopic=12&st=20, which counts posts, not pages.
    for (key, kind) in [("showtopic", Kind::Thread), ("showforum", Kind::Board)] {
        if let Some(id) = dom::parameter(url, key) {
            let id = dom::leading_number(&id)?;
            let from: u32 = dom::parameter(url, "st").and_then(|s| s.parse().ok()).unwrap_or(0);
            to.set_query(Some(&if from > 0 {
                format!("{key}={id}&st={from}")
            } else {
                format!("{key}={id}")
            }));
            return Some(Target { kind, id, page: from.saturating_add(1), url: to });
        }
    }
    // Plain: index.php?/topic/12-title/page/2/; friendly: /topic/12-title/?page=2, /topic/12-title/page-2.
    let plain = query.starts_with('/');
    let path = if plain { query.split('&').next().unwrap_or("") } else { url.path() };
    let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
    let found = parts.iter().enumerate().find_map(|(at, word)| {
        let kind = match *word {
            "topic" => Kind::Thread,
            "forum" => Kind::Board,
            _ => return None,
        };
        Some((at, kind, dom::leading_number(parts.get(at + 1)?)?))
    });
    let Some((at, kind, id)) = found else {
        let last = parts.last().copied().unwrap_or("");
        if plain && !parts.is_empty()
            || !matches!(last, "" | "index.php" | "forums" | "forum" | "community" | "index")
        {
            return None;
        }
        if query.contains("app=") || query.contains("act=") || query.contains("showuser") {
            return None;
        }
        to.set_query(None);
        return Some(Target { kind: Kind::Index, id: String::new(), page: 1, url: to });
    };
    let slug = parts[at + 1];
    let behind = parts.get(at + 2).copied().unwrap_or("");
    // 3.0 counts posts here as well: page__st__20.
    let counted = behind.strip_prefix("page__st__").and_then(|n| dom::leading_number(n)?.parse::<u32>().ok());
    let page = counted
        .map(|n| n.saturating_add(1))
        .or_else(|| behind.strip_prefix("page-").and_then(|n| n.parse().ok()))
        .or_else(|| parts.get(at + 3).filter(|_| behind == "page").and_then(|n| n.parse().ok()))
        .or_else(|| dom::parameter(url, "page").and_then(|n| n.parse().ok()))
        .unwrap_or(1u32)
        .max(1);
    let by_query = dom::parameter(url, "page").is_some();
    let word = parts[at];
    let tail = match page {
        1 => String::new(),
        _ if counted.is_some() || behind.starts_with("page-") => behind.to_owned(),
        _ if by_query => String::new(),
        n => format!("page/{n}/"),
    };
    if plain {
        let more = if by_query && page > 1 { format!("&page={page}") } else { String::new() };
        to.set_query(Some(&format!("/{word}/{slug}/{tail}{more}")));
    } else {
        let folder = parts[..at].iter().fold(String::new(), |all, p| all + "/" + p);
        to.set_path(&format!("{folder}/{word}/{slug}/{tail}"));
        to.set_query((by_query && page > 1).then(|| format!("page={page}")).as_deref());
    }
    Some(Target { kind, id, page, url: to })
}

fn quote(_: &Url, quote: ElementRef<'_>) -> QuoteTarget {
    let e = quote.value();
    let text = |value: Option<&str>| value.map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned);
    let post = text(e.attr("data-ipsquote-contentcommentid").or_else(|| e.attr("data-cid")));
    let author = text(e.attr("data-ipsquote-username").or_else(|| e.attr("data-author")));
    if post.is_some() || author.is_some() {
        return QuoteTarget { post, author };
    }
    // 3.0: the line over the quote, "vega, on 06 May 2012 - 10:00 AM, said:".
    let over = quote.prev_siblings().filter_map(ElementRef::wrap).next();
    let Some(over) = over.filter(|o| {
        o.value().attr("class").is_some_and(|c| c.contains("citation") || c.contains("quotetop"))
    }) else {
        return QuoteTarget { post: None, author: None };
    };
    let post = dom::first(over, select!("a[href*='pid=']"))
        .and_then(|a| dom::leading_number(a.value().attr("href")?.rsplit_once("pid=")?.1));
    let line = dom::line(over);
    let name = line
        .strip_prefix("QUOTE(")
        .and_then(|l| l.split_once(" @ "))
        .or_else(|| line.split_once(", on "))
        .or_else(|| line.split_once(" ("))
        .map(|p| p.0.trim().to_owned());
    QuoteTarget { post, author: name.filter(|n| !n.is_empty()) }
}

/// Times of version 4 and 5 are exact, in an attribute; those of version 3 in the title of an abbreviation.
fn moment(e: ElementRef<'_>, clock: &Clock) -> Option<Timestamp> {
    let exact =
        e.value().attr("datetime").or_else(|| e.value().attr("title")).and_then(|t| Timestamp::parse(t).ok());
    exact.or_else(|| parse(&dom::line(e), clock))
}

fn last_post(row: ElementRef<'_>, clock: &Clock) -> (Option<Timestamp>, String) {
    if let Some(t) = row.all(select!("time[datetime]")).last() {
        return (moment(t, clock), t.value().attr("datetime").unwrap_or("").to_owned());
    }
    let shown = row.all(select!(".last_post li")).last().map(dom::line).unwrap_or_default();
    (parse(&shown, clock), shown)
}

/// The numbers of a row: threads and posts of a board, replies of a thread.
fn numbers(row: ElementRef<'_>) -> Vec<(String, String)> {
    let modern = row.all(select!("li[data-stattype]")).map(|l| {
        let value =
            dom::first(l, select!("[data-stat-value]")).and_then(|v| v.value().attr("data-stat-value"));
        (
            l.value().attr("data-stattype").unwrap_or("").to_owned(),
            value.map_or_else(|| dom::line(l), str::to_owned),
        )
    });
    let middle = row.all(select!(".ipsDataItem_stats")).flat_map(|s| {
        let names = s.all(select!(".ipsDataItem_stats_type")).map(dom::line);
        names.zip(s.all(select!(".ipsDataItem_stats_number")).map(dom::line)).collect::<Vec<_>>()
    });
    let old = row.all(select!("td.col_c_stats li, td.stats li, td.col_f_views li")).map(|l| {
        (
            dom::direct(l).to_lowercase(),
            dom::first(l, select!("strong")).map_or_else(|| dom::line(l), dom::line),
        )
    });
    modern.chain(middle).chain(old).collect()
}

/// Counters are shortened beyond a thousand ("1.2k"): those tell a change but no number.
fn number_of(all: &[(String, String)], names: &[&str]) -> Option<u64> {
    let (_, value) = all.iter().find(|(name, _)| names.iter().any(|n| name.to_lowercase().contains(n)))?;
    if value.ends_with(|c: char| c.is_alphabetic()) { None } else { dom::count(value) }
}

impl Engine for Invision {
    fn name(&self) -> &str {
        "invision"
    }

    fn recognize(&self, document: &Document) -> u8 {
        let b = &document.body;
        if b.contains("id='ipboard_body'")
            || b.contains("id=\"ipboard_body\"")
            || b.contains("data-controller='core.front.core.app'")
        {
            100
        } else if b.contains("data-controller=\"core.front.core.app\"") || b.contains("ipsApp_front") {
            95
        } else if b.contains("ipb.vars[") {
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

    fn read(&self, document: &Document, reader: &Reader) -> Reading {
        let html = dom::page(&document.body);
        let root = &html;
        let base = &page::base(&html, &document.url);
        let clock =
            Clock { now: document.fetched, offset: reader.offset.unwrap_or(0), day_first: reader.day_first };
        let here = target(&document.url);
        let meta = |s| root.all(s).find_map(|m| m.value().attr("content").map(str::to_owned));
        let mut reading = Reading {
            access: page::access(document),
            kind: here.as_ref().map(|t| t.kind),
            forum: meta(select!("meta[property='og:site_name']")),
            member: page::words(&html, select!("#user_link, #elUserLink, #cUserLink > a, .ipsUserNav__link")),
            ..Reading::default()
        };
        // Categories hold the rows of their boards; a board's row holds no other.
        for row in root.all(select!("li[data-forumid], div[data-forumid], .cForumGrid, table.ipb_table tr")) {
            let mut links = row
                .all(select!("h4 a[href], h3 a[href], .ipsDataItem_title a[href], .ipsData__title a[href], .cForumGrid__title a[href], a.cForumGrid__hero-link, .subforums a[href], .ipsDataItem_subList a[href], .ipsData__subforums a[href], .ipsSubList a[href]"))
                .filter_map(|a| {
                    let to = dom::link(base, a).filter(|u| u.host() == base.host()).and_then(|u| target(&u))?;
                    (to.kind == Kind::Board && !dom::line(a).is_empty()).then_some((a, to))
                });
            let Some((a, to)) = links.next() else { continue };
            let counts = numbers(row);
            let (_, last) = last_post(row, &clock);
            let (threads, posts) = (
                number_of(&counts, &["topic", "тем", "主题"]),
                number_of(&counts, &["post", "repl", "сообщен", "ответ", "帖", "回复"]),
            );
            let first = to.id.clone();
            reading.boards.push(BoardLink {
                target: to,
                title: dom::line(a),
                threads,
                posts,
                state: format!("{counts:?} {last}"),
                elsewhere: false,
            });
            for (sub, to) in links.filter(|(_, t)| t.id != first) {
                reading.boards.push(BoardLink {
                    target: to,
                    title: dom::line(sub),
                    threads: None,
                    posts: None,
                    state: String::new(),
                    elsewhere: false,
                });
            }
        }
        for row in root.all(select!("li[data-rowid], div[data-rowid], tr[data-tid], tr[id^='trow_']")) {
            let Some((a, to)) = row
                .all(select!(
                    ".ipsDataItem_title a[href], .ipsData__title a[href], h4 a[href], a.topic_title"
                ))
                .filter_map(|a| {
                    Some((a, dom::link(base, a).and_then(|u| target(&u)).filter(|t| t.kind == Kind::Thread)?))
                })
                .find(|(a, _)| !dom::line(*a).is_empty())
            else {
                continue;
            };
            let counts = numbers(row);
            let (last, shown) = last_post(row, &clock);
            let class = row.value().attr("class").unwrap_or("");
            let badges: String = row
                .all(select!(".ipsBadge"))
                .map(|b| b.value().attr("title").map_or_else(|| dom::line(b), str::to_owned))
                .collect::<Vec<_>>()
                .join(" ")
                .to_lowercase();
            let any = |words: &[&str]| words.iter().any(|w| badges.contains(w));
            reading.threads.push(ThreadLink {
                target: Target { page: 1, ..to },
                title: dom::line(a),
                posts: number_of(&counts, &["repl", "ответ", "回复", "comments"]).map(|n| n + 1),
                last,
                state: format!("{counts:?} {shown}"),
                sticky: any(&["pinned", "закреп", "прикреп", "置顶"])
                    || dom::first(row, select!(".fa-thumb-tack, .fa-thumbtack, .ipsBadge--pinned")).is_some(),
                moved: any(&["moved", "перемещ", "移动"])
                    || class.contains("ipsDataItem_moved")
                    || class.contains("moved"),
            });
        }
        page::once(&mut reading.boards, |b| &b.target);
        page::once(&mut reading.threads, |t| &t.target);
        let (path, parent) = page::crumbs(
            root,
            select!(
                ".ipsBreadcrumb_top a[href], .ipsBreadcrumb--top a[href], #breadcrumb a[href], nav.ipsBreadcrumb a[href]"
            ),
            base,
            target,
        );
        (reading.next, reading.pages) = page::pager(
            root,
            select!(".ipsPagination a[href], .pagination a[href], link[rel='next'], a[rel='next']"),
            base,
            here.as_ref(),
            target,
        );
        let pages =
            root.all(select!("[data-ipspagination-pages], .ipsPagination[data-pages]")).find_map(|e| {
                e.value()
                    .attr("data-ipspagination-pages")
                    .or_else(|| e.value().attr("data-pages"))?
                    .parse()
                    .ok()
            });
        reading.pages = reading.pages.max(pages);
        // Badges stand in the heading beside the title.
        let title = page::words(&html, select!("h1.ipsType_pageTitle .ipsContained")).or_else(|| {
            page::words(
                &html,
                select!("h1.ipsType_pagetitle, h1.ipsPageHeader__title, h1.ipsType_pageTitle, h1"),
            )
        });
        let around = Around {
            forum: reading.forum.clone(),
            board: path.last().cloned(),
            thread: here.as_ref().filter(|t| t.kind == Kind::Thread).map(|t| t.id.clone()),
            title: title.clone(),
            sticky: false,
        };
        let marks = Marks {
            quote: select!(
                "blockquote.ipsQuote, blockquote.ipsBlockquote, div.blockquote, div.quotemain, div[data-ipsquote]"
            ),
            drop: select!(
                "p.citation, .quotetop, .ipsQuote_citation, [data-excludequote], p.edit, .signature, [data-role='memberSignature'], .ipsSpoiler_header, .edit"
            ),
            mention: select!("a[data-mentionid]"),
            target: &quote,
        };
        for post in root.all(select!("article[id^='elComment_'], div[id^='post_id_']")) {
            let Some(id) = dom::id_behind(post, "elComment_").or_else(|| dom::id_behind(post, "post_id_"))
            else {
                continue;
            };
            let said: Option<Quotable> = dom::first(post, select!("[data-quotedata]"))
                .and_then(|e| serde_json::from_str(e.value().attr("data-quotedata")?).ok());
            let name = dom::first(
                post,
                select!(
                    ".author.vcard, .cAuthorPane_author, .ipsEntry__author, .ipsEntry__username, h3 .guest"
                ),
            );
            let time = dom::first(
                post,
                select!(
                    "abbr.published, .ipsComment_meta time, .ipsEntry__header time, .ipsType_reset time, time"
                ),
            );
            let shown = time.map(dom::line).unwrap_or_default();
            let exact = said.as_ref().and_then(|q| Timestamp::checked(q.timestamp?));
            let edited = post
                .all(select!("[data-excludequote] time, p.edit strong, p.edit"))
                .next()
                .and_then(|e| moment(e, &clock).or_else(|| parse(dom::line(e).rsplit_once(", ")?.1, &clock)));
            let body = dom::first(
                post,
                select!("[data-role='commentContent'], .entry-content, [itemprop='commentText']"),
            );
            reading.posts.push(
                Draft {
                    author: said
                        .as_ref()
                        .and_then(|q| q.username.clone())
                        .or_else(|| name.and_then(dom::words)),
                    unregistered: match &said {
                        Some(q) => q.userid.is_none_or(|u| u == 0),
                        None => name.is_some_and(|n| dom::first(n, select!("a[href]")).is_none()),
                    },
                    time: exact.or_else(|| time.and_then(|t| moment(t, &clock))),
                    shown,
                    edited,
                    own: body.map(|b| own(base, b, &marks)),
                    url: here.as_ref().map(|t| {
                        let mut url = t.url.clone();
                        url.set_fragment(Some(&format!("comment-{id}")));
                        url
                    }),
                    id: Some(id),
                }
                .join(&around),
            );
        }
        let bare = reading.posts.is_empty()
            && reading.threads.is_empty()
            && reading.boards.is_empty()
            && dom::first(
                root,
                select!("[data-role='tableRows'], #forum_table, table.topic_list, .cTopicList"),
            )
            .is_none();
        if bare && matches!(reading.access, Access::Open | Access::Refused(_) | Access::LoginNeeded) {
            let said = page::words(&html, select!("#elErrorMessage, #elError, .ipsType_sectiontitle, .errorwrap, .message.error, .ipsMessage--error"))
                .unwrap_or_default();
            reading.access =
                if reading.member.is_none() { Access::LoginNeeded } else { Access::Refused(said) };
        }
        if let Some(t) = here.filter(|t| t.kind != Kind::Index) {
            reading.head = Some(page::head(&t, title, path, parent, None));
        }
        reading
    }

    fn login(&self, document: &Document, user: &str, password: &str) -> Option<Form> {
        let html = dom::page(&document.body);
        [("auth", "password"), ("ips_username", "ips_password"), ("username", "password")]
            .into_iter()
            .find_map(|fields| {
                let form = page::form_with(&html, fields.0, fields.1)?;
                page::fill(document, form, fields, (user, password))
            })
    }

    fn login_page(&self, named: &Url) -> Url {
        let mut page = named.clone();
        page.set_fragment(None);
        if page.query().is_some() || page.path().ends_with("index.php") {
            page.set_query(Some("/login/"));
            return page;
        }
        let path = page.path();
        let folder = ["/topic/", "/forum/", "/forums"]
            .iter()
            .filter_map(|w| path.find(w))
            .min()
            .map_or(path, |at| &path[..at]);
        let to = format!("{}/login/", folder.trim_end_matches('/'));
        page.set_path(&to);
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &str, body: &str) -> Reading {
        let document = Document {
            url: Url::parse(address).unwrap(),
            status: 200,
            headers: Vec::new(),
            body: body.into(),
            fetched: Timestamp(1_795_450_020),
        };
        assert_eq!(super::super::detect(&document).map(Engine::name), Some("invision"));
        Invision.read(&document, &Reader::default())
    }

    #[test]
    fn addresses() {
        for (from, to) in [
            (
                "http://f.example/index.php?s=1&showtopic=12&st=20",
                Some((21, "http://f.example/index.php?showtopic=12&st=20")),
            ),
            (
                "http://f.example/index.php?/topic/12-fresh/page-2&hl=x",
                Some((2, "http://f.example/index.php?/topic/12-fresh/page-2")),
            ),
            (
                "http://f.example/index.php?/topic/12-fresh/page__st__20",
                Some((21, "http://f.example/index.php?/topic/12-fresh/page__st__20")),
            ),
            (
                "http://f.example/topic/12-fresh/?page=2&tab=comments#comment-3",
                Some((2, "http://f.example/topic/12-fresh/?page=2")),
            ),
            (
                "http://f.example/c/topic/12-fresh/page/3/?do=x",
                Some((3, "http://f.example/c/topic/12-fresh/page/3/")),
            ),
            ("http://f.example/forum/2-market/", Some((1, "http://f.example/forum/2-market/"))),
            ("http://f.example/profile/3-vega/", None),
            ("http://f.example/index.php?showuser=3", None),
            ("http://f.example/index.php?/profile/3-vega/", None),
            ("http://f.example/forums/", Some((1, "http://f.example/forums/"))),
        ] {
            let got = target(&Url::parse(from).unwrap()).map(|t| (t.page, t.url.to_string()));
            assert_eq!(got.as_ref().map(|(p, u)| (*p, u.as_str())), to, "{from}");
        }
    }

    #[test]
    fn pages_of_version_4() {
        let r = read(
            "https://f.example/topic/12-fresh/",
            r##"<html><head><meta property="og:site_name" content="Carder Row"><link rel="next" href="https://f.example/topic/12-fresh/page/2/"></head>
            <body class='ipsApp ipsApp_front' data-controller='core.front.core.app' data-pageController='topic'>
            <nav class='ipsBreadcrumb ipsBreadcrumb_top'><ul><li><a href='https://f.example/forum/1-all/'><span>All</span></a></li><li><a href='https://f.example/forum/2-cvv/'><span>CVV <i></i></span></a></li></ul></nav>
            <h1 class='ipsType_pageTitle'><span class='ipsBadge'>Hot</span><span class='ipsType_break ipsContained'><span>Fresh CVV</span></span></h1>
            <ul class='ipsPagination' data-ipsPagination-pages='4'><li class='ipsPagination_page'><a href='https://f.example/topic/12-fresh/page/2/' data-page='2'>2</a></li></ul>
            <article id='elComment_123' class='cPost ipsComment'><aside><h3 class='cAuthorPane_author'><strong><a href='/profile/7-vega/'>vega</a></strong></h3></aside>
            <div id='comment-123_wrap' data-commentID="123" data-quoteData='{"userid":7,"username":"vega","timestamp":1767596400,"contentapp":"forums","contentid":12,"contentcommentid":123}'>
            <div class='ipsComment_meta'><time datetime='2026-01-05T07:00:00Z'>Jan 5</time></div>
            <div data-role='commentContent'><blockquote class="ipsQuote" data-ipsquote="" data-ipsquote-contentcommentid="120" data-ipsquote-username="nix"><div class="ipsQuote_citation">nix said:</div><div class="ipsQuote_contents"><p>old</p></div></blockquote>
            <p>$3 each, ask <a data-mentionid="9" href="/profile/9-mira/">@mira</a></p><pre class="ipsCode">a
 b</pre><span data-excludequote><strong>Edited <time datetime='2026-01-05T08:00:00Z'>x</time> by vega</strong></span></div><div data-role='memberSignature'>sig</div></div></article>
            <article id='elComment_124'><div data-quoteData='{"userid":null,"username":"Guest drifter","timestamp":1767600600}'><div data-role='commentContent'><p>ok</p></div></div></article></body></html>"##,
        );
        let p = &r.posts[0].record;
        assert_eq!(
            (p.text.as_str(), p.author.as_deref(), p.board.as_deref(), p.title.as_deref()),
            ("$3 each, ask @mira\na\n b", Some("vega"), Some("CVV"), Some("Fresh CVV"))
        );
        assert_eq!(p.quotes, [QuoteTarget { post: Some("120".into()), author: Some("nix".into()) }]);
        assert_eq!((p.time, p.edited), (Some(Timestamp(1_767_596_400)), Some(Timestamp(1_767_600_000))));
        assert_eq!(p.mentions, ["mira"]);
        assert!(!r.posts[0].unregistered && r.posts[1].unregistered);
        assert_eq!((r.next.map(|n| n.page), r.pages), (Some(2), Some(4)));
    }

    #[test]
    fn lists_of_versions_4_and_5() {
        let r = read(
            "https://f.example/forums/",
            r#"<body class='ipsApp ipsApp_front'><ol><li data-categoryID='1' class='cForumRow'><h2><a href='/forum/1-all/'>All</a></h2><ol>
            <li class="cForumRow ipsDataItem" data-forumID="2"><h4 class="ipsDataItem_title"><a href="/forum/2-cvv/">CVV</a></h4><ul class="ipsDataItem_subList"><li><a href="/forum/3-dumps/">Dumps</a></li></ul>
            <dl class="ipsDataItem_stats"><dt class="ipsDataItem_stats_number">88</dt><dd class="ipsDataItem_stats_type">posts</dd></dl><ul class="ipsDataItem_lastPoster"><li><time datetime='2026-01-05T07:00:00Z'>x</time></li></ul></li></ol></li></ol></body>"#,
        );
        let titles: Vec<_> = r.boards.iter().map(|b| (b.title.as_str(), b.posts)).collect();
        assert_eq!(titles, [("CVV", Some(88)), ("Dumps", None)]);
        let r = read(
            "https://f.example/forum/2-cvv/",
            r#"<body class='ipsApp ipsApp_front'><ol data-role="tableRows"><li class="ipsData__item" data-rowid="12"><div class="ipsData__title"><span class="ipsBadge ipsBadge--icon ipsBadge--pinned" title="Pinned"></span><h4><a href="/topic/12-fresh/">Fresh CVV</a></h4></div>
            <ul class="ipsData__stats"><li data-stattype="forums_comments"><span class="ipsData__stats-icon" data-stat-value="34"></span></li><li data-stattype="num_views"><span data-stat-value="1.2k"></span></li></ul><time datetime="2026-01-05T07:00:00Z">x</time></li></ol></body>"#,
        );
        let t = &r.threads[0];
        assert_eq!(
            (t.title.as_str(), t.posts, t.sticky, t.last),
            ("Fresh CVV", Some(35), true, Some(Timestamp(1_767_596_400)))
        );
        let r = read(
            "https://f.example/forum/9-vip/",
            r#"<body class='ipsApp ipsApp_front'><section id='elError'><p id='elErrorMessage'>Sorry, you do not have permission for that!</p></section></body>"#,
        );
        assert_eq!(r.access, Access::LoginNeeded);
    }

    #[test]
    fn pages_of_version_3() {
        let r = read(
            "http://f.example/index.php?/topic/12-fresh/",
            r##"<html><body id='ipboard_body'><ol id='breadcrumb'><li><a href='http://f.example/index.php'><span>Home</span></a></li><li><a href='http://f.example/index.php?/forum/2-cvv/'><span>CVV</span></a></li></ol>
            <h1 class='ipsType_pagetitle'>Fresh CVV</h1><ul class='pagination'><li class='next'><a href='http://f.example/index.php?/topic/12-fresh/page-2' rel='next'>Next</a></li></ul>
            <div class='post_block hentry' id='post_id_123'><h3><span class="author vcard"><a class="url fn" href='http://f.example/index.php?/user/7-vega/'><span itemprop="name">vega</span></a></span></h3>
            <div class='post_body'><p class='posted_info'>Posted <abbr class="published" title="2012-05-06T10:00:00+00:00">06 May 2012 - 10:00 AM</abbr></p>
            <div class='post entry-content'><p class='citation'><a class='snapback' href='http://f.example/index.php?app=forums&amp;section=findpost&amp;pid=120'><img></a>nix, on 05 May 2012 - 09:00 AM, said:</p><div class="blockquote"><div class='quote'>old</div></div>$3 each
            <p class='edit'><strong>Edited by vega, 06 May 2012 - 10:05 AM.</strong></p></div></div></div>
            <div class='post_block' id='post_id_124'><span class="author vcard">Guest_drifter_*</span><abbr class="published" title="2012-05-06T11:00:00+00:00">x</abbr><div class='post entry-content'><blockquote class="ipsBlockquote" data-author="vega" data-cid="123"><p>$3 each</p></blockquote><p>ok</p></div></div></body></html>"##,
        );
        let p = &r.posts[0].record;
        assert_eq!(
            (p.text.as_str(), p.author.as_deref(), p.board.as_deref()),
            ("$3 each", Some("vega"), Some("CVV"))
        );
        assert_eq!(p.quotes, [QuoteTarget { post: Some("120".into()), author: Some("nix".into()) }]);
        assert_eq!(p.edited.map(|t| t.to_string()).as_deref(), Some("2012-05-06T10:05:00Z"));
        let q = &r.posts[1];
        assert_eq!((q.unregistered, q.record.text.as_str()), (true, "ok"));
        assert_eq!(q.record.quotes, [QuoteTarget { post: Some("123".into()), author: Some("vega".into()) }]);
        let r = read(
            "http://f.example/index.php?/forum/2-cvv/",
            r#"<body id='ipboard_body'><table class='ipb_table' id='forum_table'><tr class='row1' id='trow_12' data-tid="12"><td class='col_f_content'><h4><a id="tid-link-12" href="http://f.example/index.php?/topic/12-fresh/" class='topic_title'><span>Fresh CVV</span></a></h4><span class='ipsBadge ipsBadge_green'>Pinned</span></td>
            <td class='col_f_views'><ul><li><strong>34</strong> replies</li><li class='views desc'>40 views</li></ul></td><td class='col_f_post'><ul class='last_post'><li><a>nix</a></li><li><a>06 May 2012 - 10:05 AM</a></li></ul></td></tr></table></body>"#,
        );
        let t = &r.threads[0];
        assert_eq!(
            (t.posts, t.sticky, t.last.map(|t| t.to_string())),
            (Some(35), true, Some("2012-05-06T10:05:00Z".into()))
        );
        let r = read(
            "http://f.example/index.php",
            r#"<body id='ipboard_body'><table class='ipb_table'><tr class='row1'><td class='col_c_forum'><h4><a href="http://f.example/index.php?/forum/2-cvv/">CVV</a></h4><ol class='subforums'><li><a href="http://f.example/index.php?/forum/3-dumps/">Dumps</a></li></ol></td>
            <td class='col_c_stats'><ul><li><strong>1,204</strong> topics</li><li><strong>9,881</strong> replies</li></ul></td><td class='col_c_post'><ul class='last_post'><li>x</li><li>Today, 10:00 AM</li></ul></td></tr></table></body>"#,
        );
        assert_eq!(
            (r.boards[0].threads, r.boards[0].posts, r.boards[1].title.as_str()),
            (Some(1204), Some(9881), "Dumps")
        );
    }
}
