//! The markup of each engine, the least that its pages have in common.

use super::{Answer, Board, Forum, Post, Route, Skin, Thread};
use std::fmt::Write;
use std::sync::Arc;
use url::Url;

pub fn all() -> Vec<Arc<dyn Skin>> {
    vec![
        Arc::new(Phpbb),
        Arc::new(Mybb),
        Arc::new(Smf),
        Arc::new(Fluxbb),
        Arc::new(Discuz),
        Arc::new(Nodebb),
        Arc::new(Xenforo),
        Arc::new(Vbulletin),
        Arc::new(Vbulletin5),
        Arc::new(Invision),
        Arc::new(Discourse),
        Arc::new(Flarum),
    ]
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(k, _)| k == name).map(|(_, v)| v.into_owned())
}

fn number(url: &Url, name: &str) -> usize {
    parameter(url, name).and_then(|v| v.parse().ok()).unwrap_or(0)
}

/// Pages counted from 1 to what was skipped.
fn skipped(page: usize, size: usize) -> usize {
    page.saturating_sub(1) * size
}

fn shown(time: i64, offset: i64, format: &str) -> String {
    jiff::Timestamp::from_second(time + offset).unwrap().strftime(format).to_string()
}

/// "35 minutes ago", today and yesterday as an engine words them, else nothing.
fn relative(f: &Forum, time: i64, offset: i64, clock: &str, today: &str, yesterday: &str) -> Option<String> {
    let day = |t: i64| (t + offset).div_euclid(86400);
    let at = shown(time, offset, clock);
    match day(super::now()) - day(time) {
        0 => Some(format!("{today}{at}")),
        1 => Some(format!("{yesterday}{at}")),
        _ => None.or_else(|| (time > f.now + 86400).then(String::new)),
    }
}

fn posts_in(b: &Board) -> usize {
    b.threads.iter().map(|t| t.posts.len()).sum()
}

fn last_in(b: &Board) -> i64 {
    b.threads.iter().filter_map(|t| t.posts.last()).map(|p| p.time).max().unwrap_or(0)
}

fn last_of(t: &Thread) -> i64 {
    t.posts.last().map_or(0, |p| p.time)
}

fn iso(time: i64) -> String {
    shown(time, 0, "%Y-%m-%dT%H:%M:%S+00:00")
}

fn html(body: String) -> Answer {
    Answer { status: 200, kind: "text/html; charset=utf-8", body }
}

pub struct Phpbb;

impl Phpbb {
    fn page(f: &Forum, inside: &str) -> String {
        format!(
            "<html><body id=\"phpbb\"><div id=\"site-description\"><h1>{}</h1></div><div id=\"page-body\">{inside}</div>\
             <div id=\"page-footer\">All times are <span>UTC+03:00</span></div></body></html>",
            f.name
        )
    }
}

impl Skin for Phpbb {
    fn name(&self) -> &'static str {
        "phpbb"
    }
    fn route(&self, url: &Url) -> Option<Route> {
        let skip = number(url, "start");
        match url.path() {
            "/" | "/index.php" => Some(Route::Index),
            "/viewforum.php" => Some(Route::Board { id: parameter(url, "f")?, skip }),
            "/viewtopic.php" => Some(Route::Thread { id: parameter(url, "t")?.parse().ok()?, skip }),
            _ => None,
        }
    }
    fn index(&self, f: &Forum, boards: &[&Board]) -> String {
        let mut rows = String::new();
        for b in boards {
            write!(
                rows,
                "<li class=\"row\"><dl><a href=\"./viewforum.php?f={}&amp;sid=0123456789abcdef\" class=\"forumtitle\">{}</a>\
                 <dd class=\"topics\">{}</dd><dd class=\"posts\">{}</dd><dd class=\"lastpost\"><time datetime=\"{}\">x</time></dd></dl></li>",
                b.id, b.title, b.threads.len(), posts_in(b), iso(last_in(b))
            )
            .unwrap();
        }
        Phpbb::page(f, &rows)
    }
    fn list(&self, f: &Forum, b: &Board, rows: &[(&Thread, bool)], _: usize, next: Option<usize>) -> String {
        let mut out =
            format!("<h2 class=\"forum-title\"><a href=\"./viewforum.php?f={}\">{}</a></h2>", b.id, b.title);
        for (t, stub) in rows {
            let class = if *stub {
                "topic_moved"
            } else if t.sticky {
                "sticky_read"
            } else {
                "topic_read"
            };
            write!(
                out,
                "<li class=\"row\"><dl class=\"{class}\"><a href=\"./viewtopic.php?t={}&amp;sid=ff\" class=\"topictitle\">{}</a>\
                 <dd class=\"posts\">{}</dd><dd class=\"lastpost\"><time datetime=\"{}\">x</time></dd></dl></li>",
                t.id, t.title, t.posts.len() - 1, iso(last_of(t))
            )
            .unwrap();
        }
        if let Some(n) = next {
            write!(out, "<div class=\"pagination\"><li class=\"arrow next\"><a rel=\"next\" href=\"./viewforum.php?f={}&amp;start={n}&amp;sid=1\">Next</a></li></div>", b.id).unwrap();
        }
        Phpbb::page(f, &out)
    }
    fn thread(
        &self,
        f: &Forum,
        b: &Board,
        t: &Thread,
        posts: &[Post],
        _: usize,
        next: Option<usize>,
    ) -> String {
        let mut out = format!(
            "<div class=\"navlinks\"><span class=\"crumb\"><a href=\"./viewforum.php?f={}\">{}</a></span></div>\
             <h2 class=\"topic-title\"><a href=\"./viewtopic.php?t={}\">{}</a></h2><div class=\"pagination\">{} posts",
            b.id,
            b.title,
            t.id,
            t.title,
            t.posts.len()
        );
        if let Some(n) = next {
            write!(out, "<li class=\"arrow next\"><a rel=\"next\" href=\"./viewtopic.php?t={}&amp;start={n}\">Next</a></li>", t.id).unwrap();
        }
        out.push_str("</div>");
        for p in posts {
            let name = if p.gone {
                format!("<span class=\"username\">{}</span>", p.author)
            } else {
                format!("<a class=\"username\" href=\"./memberlist.php?u=1\">{}</a>", p.author)
            };
            let quote = p.quote.as_ref().map_or_else(String::new, |(id, who)| {
                format!("<blockquote><div><cite><a href=\"./memberlist.php?u=2\">{who}</a> wrote: <a href=\"./viewtopic.php?p={id}#p{id}\" data-post-id=\"{id}\">↑</a></cite>quoted</div></blockquote>")
            });
            write!(
                out,
                "<div id=\"p{}\" class=\"post\"><p class=\"author\">by {name} » <time datetime=\"{}\">x</time></p>\
                 <div class=\"content\">{quote}{}</div><div class=\"signature\">sig</div></div>",
                p.id, iso(p.time), p.html()
            )
            .unwrap();
        }
        Phpbb::page(f, &out)
    }
    fn refused(&self, f: &Forum) -> Answer {
        html(Phpbb::page(f, "<form id=\"login\" action=\"./ucp.php?mode=login\"></form>"))
    }
}

pub struct Mybb;

impl Mybb {
    fn page(f: &Forum, path: &str, inside: &str) -> String {
        format!(
            "<html><script>var my_post_key = 'x';</script><body>MyBB <div class=\"navigation\"><a href=\"index.php\">{}</a>{path}</div>\
             <div id=\"content\">{inside}</div></body></html>",
            f.name
        )
    }
    fn when(f: &Forum, time: i64) -> String {
        let full = shown(time, 0, "%m-%d-%Y, %I:%M %p");
        let ago = super::now() - time;
        if ago < 3600 {
            return format!("<span title=\"{full}\">{} minutes ago</span>", ago / 60);
        }
        relative(f, time, 0, "%I:%M %p", "Today, ", "Yesterday, ").unwrap_or(full)
    }
}

impl Skin for Mybb {
    fn name(&self) -> &'static str {
        "mybb"
    }
    fn route(&self, url: &Url) -> Option<Route> {
        let (lists, posts) = self.sizes();
        let page = number(url, "page");
        match url.path() {
            "/" | "/index.php" => Some(Route::Index),
            "/forumdisplay.php" => {
                Some(Route::Board { id: parameter(url, "fid")?, skip: skipped(page, lists) })
            }
            "/showthread.php" => {
                Some(Route::Thread { id: parameter(url, "tid")?.parse().ok()?, skip: skipped(page, posts) })
            }
            _ => None,
        }
    }
    fn index(&self, f: &Forum, boards: &[&Board]) -> String {
        let mut rows = String::new();
        for b in boards {
            write!(
                rows,
                "<tr><td><span class=\"forum_status\"></span></td><td><strong><a href=\"forumdisplay.php?fid={}\">{}</a></strong></td>\
                 <td>{}</td><td>{}</td><td><span class=\"smalltext\"><a href=\"showthread.php?tid=1\">last</a> {}</span></td></tr>",
                b.id, b.title, b.threads.len(), posts_in(b), shown(last_in(b), 0, "%m-%d-%Y, %I:%M %p")
            )
            .unwrap();
        }
        Mybb::page(f, "", &format!("<table>{rows}</table>"))
    }
    fn list(
        &self,
        f: &Forum,
        b: &Board,
        rows: &[(&Thread, bool)],
        skip: usize,
        next: Option<usize>,
    ) -> String {
        let mut out = String::from(
            "<table><tr><td><a href=\"forumdisplay.php?fid=1&amp;sortby=subject\">Subject</a></td></tr>",
        );
        for (t, stub) in rows {
            let replies = if *stub { "-".to_owned() } else { (t.posts.len() - 1).to_string() };
            let class = if t.sticky { " forumdisplay_sticky" } else { "" };
            write!(
                out,
                "<tr><td class=\"a{class}\"></td><td class=\"b{class}\"></td><td><span class=\"subject_old\" id=\"tid_{}\"><a href=\"showthread.php?tid={}\">{}</a></span></td>\
                 <td><a href=\"misc.php?action=whoposted&amp;tid={}\">{replies}</a></td><td>9</td><td><span class=\"lastpost smalltext\">{}<br></span></td></tr>",
                t.id, t.id, t.title, t.id, Mybb::when(f, last_of(t))
            )
            .unwrap();
        }
        out.push_str("</table>");
        if let Some(n) = next {
            write!(
                out,
                "<div class=\"pagination\"><a href=\"forumdisplay.php?fid={}&amp;page={}\">{}</a></div>",
                b.id,
                n / 4 + 1,
                n / 4 + 1
            )
            .unwrap();
        }
        let _ = skip;
        Mybb::page(f, &format!("<span class=\"active\">{}</span>", b.title), &out)
    }
    fn thread(
        &self,
        f: &Forum,
        b: &Board,
        t: &Thread,
        posts: &[Post],
        _: usize,
        next: Option<usize>,
    ) -> String {
        let mut out = String::new();
        if let Some(n) = next {
            write!(
                out,
                "<div class=\"pagination\"><a href=\"showthread.php?tid={}&amp;page={}\">{}</a></div>",
                t.id,
                n / 5 + 1,
                n / 5 + 1
            )
            .unwrap();
        }
        for p in posts {
            let name = if p.gone {
                p.author.clone()
            } else {
                format!("<a href=\"member.php?action=profile&amp;uid=1\">{}</a>", p.author)
            };
            let quote = p.quote.as_ref().map_or_else(String::new, |(id, who)| {
                format!("<blockquote class=\"mycode_quote\"><cite><span> (01-01-2026, 10:00 AM)</span>{who} Wrote: <a href=\"showthread.php?pid={id}#pid{id}\"></a></cite>old</blockquote>")
            });
            write!(
                out,
                "<div class=\"post\" id=\"post_{}\"><div class=\"author_information\"><strong><span class=\"largetext\">{name}</span></strong></div>\
                 <div class=\"post_head\"><span class=\"post_date\">{}</span></div><div class=\"post_body scaleimages\" id=\"pid_{}\">{quote}{}</div></div>",
                p.id, Mybb::when(f, p.time), p.id, p.html()
            )
            .unwrap();
        }
        let path = format!(
            "<a href=\"forumdisplay.php?fid={}\">{}</a><span class=\"active\">{}</span>",
            b.id, b.title, t.title
        );
        Mybb::page(f, &path, &out)
    }
    fn refused(&self, f: &Forum) -> Answer {
        html(Mybb::page(
            f,
            "<span class=\"active\">Error</span>",
            "<form action=\"member.php\"><input name=\"username\"><input name=\"password\"></form>",
        ))
    }
}

pub struct Smf;

impl Smf {
    fn page(f: &Forum, path: &str, inside: &str) -> String {
        format!(
            "<html><script>var smf_theme_url = 'x', smf_scripturl = 'y';</script><body><h1 class=\"forumtitle\"><a>{}</a></h1>\
             <div class=\"navigate_section\"><ul><li><a href=\"index.php\">{}</a></li>{path}</ul></div>{inside}</body></html>",
            f.name, f.name
        )
    }
    fn when(f: &Forum, time: i64) -> String {
        relative(f, time, 0, "%I:%M %p", "Today at ", "Yesterday at ")
            .unwrap_or_else(|| shown(time, 0, "%b %d, %Y, %I:%M %p"))
    }
}

impl Skin for Smf {
    fn name(&self) -> &'static str {
        "smf"
    }
    fn route(&self, url: &Url) -> Option<Route> {
        let split = |v: String| {
            let (id, skip) = v.split_once('.').unwrap_or((&v, "0"));
            (id.to_owned(), skip.parse().unwrap_or(0))
        };
        if let Some((id, skip)) = parameter(url, "topic").map(split) {
            return Some(Route::Thread { id: id.parse().ok()?, skip });
        }
        if let Some((id, skip)) = parameter(url, "board").map(split) {
            return Some(Route::Board { id, skip });
        }
        matches!(url.path(), "/" | "/index.php").then_some(Route::Index)
    }
    fn index(&self, f: &Forum, boards: &[&Board]) -> String {
        let mut rows = String::new();
        for b in boards {
            write!(
                rows,
                "<div id=\"board_{}\" class=\"up_contain\"><div class=\"info\"><a class=\"subject\" href=\"index.php?PHPSESSID=77&amp;board={}.0\">{}</a></div>\
                 <div class=\"board_stats\"><p>Posts: {}<br>Topics: {}</p></div><div class=\"lastpost\"><a href=\"index.php?topic=1.msg{}#msg{}\">last</a></div></div>",
                b.id, b.id, b.title, posts_in(b), b.threads.len(), last_in(b), last_in(b)
            )
            .unwrap();
        }
        Smf::page(f, "", &rows)
    }
    fn list(&self, f: &Forum, b: &Board, rows: &[(&Thread, bool)], _: usize, next: Option<usize>) -> String {
        let mut out = String::from("<div id=\"topic_container\">");
        for (t, stub) in rows {
            let icon = if *stub { "moved.png" } else { "xx.png" };
            write!(
                out,
                "<div class=\"windowbg{}\"><div class=\"board_icon\"><img src=\"x/{icon}\"></div><div class=\"info\"><span id=\"msg_{}\"><a href=\"index.php?topic={}.0\">{}</a></span></div>\
                 <div class=\"board_stats\"><p>Replies: {}<br>Views: 9</p></div><div class=\"lastpost\"><a href=\"index.php?topic={}.msg{}#msg{}\">{}</a></div></div>",
                if t.sticky { " sticky" } else { "" }, t.id * 1000, t.id, t.title, t.posts.len() - 1,
                t.id, t.posts.last().unwrap().id, t.posts.last().unwrap().id, Smf::when(f, last_of(t))
            )
            .unwrap();
        }
        out.push_str("</div>");
        if let Some(n) = next {
            write!(
                out,
                "<div class=\"pagelinks\"><a class=\"nav_page\" href=\"index.php?board={}.{n}\">2</a></div>",
                b.id
            )
            .unwrap();
        }
        Smf::page(
            f,
            &format!("<li class=\"last\"><a href=\"index.php?board={}.0\">{}</a></li>", b.id, b.title),
            &out,
        )
    }
    fn thread(
        &self,
        f: &Forum,
        b: &Board,
        t: &Thread,
        posts: &[Post],
        _: usize,
        next: Option<usize>,
    ) -> String {
        let mut out = format!("<span id=\"top_subject\">{}</span>", t.title);
        if let Some(n) = next {
            write!(
                out,
                "<div class=\"pagelinks\"><a class=\"nav_page\" href=\"index.php?topic={}.{n}\">2</a></div>",
                t.id
            )
            .unwrap();
        }
        for p in posts {
            let name = if p.gone {
                p.author.clone()
            } else {
                format!("<a href=\"index.php?action=profile;u=1\">{}</a>", p.author)
            };
            let quote = p.quote.as_ref().map_or_else(String::new, |(id, who)| {
                format!("<blockquote class=\"bbc_standard_quote\"><cite><a href=\"index.php?msg={id}\">Quote from: {who} on Jan 01, 2026, 10:00 AM</a></cite>old</blockquote>")
            });
            write!(
                out,
                "<div class=\"windowbg\" id=\"msg{}\"><div class=\"post_wrapper\"><div class=\"poster\"><h4>{name}</h4></div><div class=\"postarea\">\
                 <div class=\"postinfo\"><a class=\"smalltext\" href=\"index.php?msg={}\">{}</a></div><div class=\"post\"><div class=\"inner\" data-msgid=\"{}\" id=\"msg_{}\">{quote}{}</div></div></div></div></div>",
                p.id, p.id, Smf::when(f, p.time), p.id, p.id, p.html()
            )
            .unwrap();
        }
        Smf::page(f, &format!("<li><a href=\"index.php?board={}.0\">{}</a></li>", b.id, b.title), &out)
    }
    fn refused(&self, f: &Forum) -> Answer {
        html(Smf::page(f, "", "<form id=\"frmLogin\" action=\"index.php?action=login2\"></form>"))
    }
}

pub struct Fluxbb;

impl Fluxbb {
    fn page(f: &Forum, path: &str, inside: &str) -> String {
        format!(
            "<html><body><div id=\"punx\" class=\"pun\"><div id=\"brdtitle\"><h1><a href=\"index.php\">{}</a></h1></div>\
             <div id=\"brdmain\"><ul class=\"crumbs\"><li><a href=\"index.php\">Index</a></li>{path}</ul>{inside}</div></div></body></html>",
            f.name
        )
    }
    fn when(f: &Forum, time: i64) -> String {
        relative(f, time, 0, "%H:%M:%S", "Today ", "Yesterday ")
            .unwrap_or_else(|| shown(time, 0, "%Y-%m-%d %H:%M:%S"))
    }
}

impl Skin for Fluxbb {
    fn name(&self) -> &'static str {
        "fluxbb"
    }
    fn route(&self, url: &Url) -> Option<Route> {
        let (lists, posts) = self.sizes();
        let page = number(url, "p");
        match url.path() {
            "/" | "/index.php" => Some(Route::Index),
            "/viewforum.php" => Some(Route::Board { id: parameter(url, "id")?, skip: skipped(page, lists) }),
            "/viewtopic.php" => {
                Some(Route::Thread { id: parameter(url, "id")?.parse().ok()?, skip: skipped(page, posts) })
            }
            _ => None,
        }
    }
    fn index(&self, f: &Forum, boards: &[&Board]) -> String {
        let mut rows = String::new();
        for b in boards {
            write!(
                rows,
                "<tr class=\"rowodd\"><td class=\"tcl\"><div class=\"tclcon\"><h3><a href=\"viewforum.php?id={}\">{}</a></h3></div></td><td class=\"tc2\">{}</td>\
                 <td class=\"tc3\">{}</td><td class=\"tcr\"><a href=\"viewtopic.php?pid={}#p1\">{}</a></td></tr>",
                b.id, b.title, b.threads.len(), posts_in(b), last_in(b), Fluxbb::when(f, last_in(b))
            )
            .unwrap();
        }
        Fluxbb::page(f, "", &format!("<table>{rows}</table>"))
    }
    fn list(&self, f: &Forum, b: &Board, rows: &[(&Thread, bool)], _: usize, next: Option<usize>) -> String {
        let mut out = String::from("<table>");
        for (t, stub) in rows {
            let class = if *stub {
                "imoved"
            } else if t.sticky {
                "isticky"
            } else {
                "inew"
            };
            let (replies, last) = if *stub {
                ("-".to_owned(), "- - -".to_owned())
            } else {
                (
                    (t.posts.len() - 1).to_string(),
                    format!(
                        "<a href=\"viewtopic.php?pid={}#p1\">{}</a>",
                        t.posts.last().unwrap().id,
                        Fluxbb::when(f, last_of(t))
                    ),
                )
            };
            write!(
                out,
                "<tr class=\"rowodd {class}\"><td class=\"tcl\"><div class=\"tclcon\"><a href=\"viewtopic.php?id={}\">{}</a></div></td><td class=\"tc2\">{replies}</td>\
                 <td class=\"tc3\">9</td><td class=\"tcr\">{last}</td></tr>",
                t.id, t.title
            )
            .unwrap();
        }
        out.push_str("</table>");
        if let Some(n) = next {
            write!(
                out,
                "<p class=\"pagelink\"><a href=\"viewforum.php?id={}&amp;p={}\">{}</a></p>",
                b.id,
                n / 4 + 1,
                n / 4 + 1
            )
            .unwrap();
        }
        Fluxbb::page(
            f,
            &format!("<li><strong><a href=\"viewforum.php?id={}\">{}</a></strong></li>", b.id, b.title),
            &out,
        )
    }
    fn thread(
        &self,
        f: &Forum,
        b: &Board,
        t: &Thread,
        posts: &[Post],
        _: usize,
        next: Option<usize>,
    ) -> String {
        let mut out = String::new();
        if let Some(n) = next {
            write!(
                out,
                "<p class=\"pagelink\"><a href=\"viewtopic.php?id={}&amp;p={}\">{}</a></p>",
                t.id,
                n / 5 + 1,
                n / 5 + 1
            )
            .unwrap();
        }
        for p in posts {
            let name = if p.gone {
                p.author.clone()
            } else {
                format!("<a href=\"profile.php?id=2\">{}</a>", p.author)
            };
            let quote = p.quote.as_ref().map_or_else(String::new, |(_, who)| {
                format!("<div class=\"quotebox\"><cite>{who} wrote:</cite><blockquote><div><p>old</p></div></blockquote></div>")
            });
            write!(
                out,
                "<div id=\"p{}\" class=\"blockpost\"><h2><span><a href=\"viewtopic.php?pid={}#p{}\">{}</a></span></h2><div class=\"postleft\"><dl><dt><strong>{name}</strong></dt></dl></div>\
                 <div class=\"postright\"><div class=\"postmsg\">{quote}<p>{}</p></div><div class=\"postsignature postmsg\"><p>sig</p></div></div></div>",
                p.id, p.id, p.id, Fluxbb::when(f, p.time), p.html()
            )
            .unwrap();
        }
        let path = format!(
            "<li><a href=\"viewforum.php?id={}\">{}</a></li><li><strong><a href=\"viewtopic.php?id={}\">{}</a></strong></li>",
            b.id, b.title, t.id, t.title
        );
        Fluxbb::page(f, &path, &out)
    }
    fn refused(&self, f: &Forum) -> Answer {
        Answer {
            status: 404,
            ..html(Fluxbb::page(
                f,
                "",
                "<div id=\"msg\"><div class=\"inbox\"><p>Bad request. The link you followed is incorrect or outdated.</p></div></div>",
            ))
        }
    }
}

pub struct Discuz;

const CHINA: i64 = 8 * 3600;

impl Discuz {
    fn page(f: &Forum, path: &str, inside: &str) -> String {
        format!(
            "<html><head><meta name=\"generator\" content=\"Discuz! X3.5\"></head><body><div id=\"pt\"><a class=\"nvhm\">{}</a>{path}</div>{inside}\
             <div id=\"ft\">GMT+8, 2026-1-1 10:00</div></body></html>",
            f.name
        )
    }
    fn when(f: &Forum, time: i64) -> String {
        let full = shown(time, CHINA, "%Y-%-m-%-d %H:%M:%S");
        let ago = super::now() - time;
        if ago < 3600 {
            return format!("<span title=\"{full}\">{}&nbsp;分钟前</span>", ago / 60);
        }
        match relative(f, time, CHINA, "%H:%M", "今天&nbsp;", "昨天&nbsp;") {
            Some(words) => format!("<span title=\"{full}\">{words}</span>"),
            None => full,
        }
    }
}

impl Skin for Discuz {
    fn name(&self) -> &'static str {
        "discuz"
    }
    fn route(&self, url: &Url) -> Option<Route> {
        let (lists, posts) = self.sizes();
        let page = number(url, "page");
        match (url.path(), parameter(url, "mod").as_deref()) {
            ("/" | "/forum.php", None) => Some(Route::Index),
            (_, Some("forumdisplay")) => {
                Some(Route::Board { id: parameter(url, "fid")?, skip: skipped(page, lists) })
            }
            (_, Some("viewthread")) => {
                Some(Route::Thread { id: parameter(url, "tid")?.parse().ok()?, skip: skipped(page, posts) })
            }
            _ => None,
        }
    }
    fn index(&self, f: &Forum, boards: &[&Board]) -> String {
        let mut rows = String::new();
        for b in boards {
            write!(
                rows,
                "<tr><td><h2><a href=\"forum.php?mod=forumdisplay&amp;fid={}\">{}</a></h2></td><td class=\"fl_i\"><span class=\"xi2\">{}</span><span class=\"xg1\"> / {}</span></td>\
                 <td class=\"fl_by\"><cite>{}</cite></td></tr>",
                b.id, b.title, b.threads.len(), posts_in(b), shown(last_in(b), CHINA, "%Y-%-m-%-d %H:%M")
            )
            .unwrap();
        }
        Discuz::page(f, "", &format!("<table class=\"fl_tb\">{rows}</table>"))
    }
    fn list(&self, f: &Forum, b: &Board, rows: &[(&Thread, bool)], _: usize, next: Option<usize>) -> String {
        let mut out = String::from("<table>");
        for (t, stub) in rows {
            let row = if *stub { t.id + 5000 } else { t.id };
            let kind = if t.sticky { "stickthread" } else { "normalthread" };
            write!(
                out,
                "<tbody id=\"{kind}_{row}\"><tr><th><a href=\"forum.php?mod=viewthread&amp;tid={}\" class=\"s xst\">{}</a></th><td class=\"num\"><a class=\"xi2\">{}</a><em>9</em></td>\
                 <td class=\"by\"><cite>x</cite><em><a href=\"forum.php?mod=redirect\">{}</a></em></td></tr></tbody>",
                t.id, t.title, t.posts.len() - 1, Discuz::when(f, last_of(t))
            )
            .unwrap();
        }
        out.push_str("</table>");
        if let Some(n) = next {
            write!(out, "<div class=\"pg\"><a href=\"forum.php?mod=forumdisplay&amp;fid={}&amp;page={}\">{}</a></div>", b.id, n / 4 + 1, n / 4 + 1).unwrap();
        }
        Discuz::page(
            f,
            &format!("<a href=\"forum.php?mod=forumdisplay&amp;fid={}\">{}</a>", b.id, b.title),
            &out,
        )
    }
    fn thread(
        &self,
        f: &Forum,
        b: &Board,
        t: &Thread,
        posts: &[Post],
        _: usize,
        next: Option<usize>,
    ) -> String {
        let mut out = format!("<span id=\"thread_subject\">{}</span>", t.title);
        if let Some(n) = next {
            write!(out, "<div class=\"pg\"><a href=\"forum.php?mod=viewthread&amp;tid={}&amp;extra=x&amp;page={}\">{}</a></div>", t.id, n / 5 + 1, n / 5 + 1).unwrap();
        }
        for p in posts {
            let name = if p.gone {
                format!("<div class=\"pi\">{} <em>该用户已被删除</em></div>", p.author)
            } else {
                format!(
                    "<div class=\"pi\"><div class=\"authi\"><a href=\"home.php?mod=space&amp;uid=1\" class=\"xw1\">{}</a></div></div>",
                    p.author
                )
            };
            let quote = p.quote.as_ref().map_or_else(String::new, |(id, who)| {
                format!("<div class=\"quote\"><blockquote><font><a href=\"forum.php?mod=redirect&amp;goto=findpost&amp;pid={id}&amp;ptid=1\">{who} 发表于 2026-1-1 10:00</a></font><br>old</blockquote></div>")
            });
            write!(
                out,
                "<div id=\"post_{}\"><table id=\"pid{}\"><tr><td class=\"pls\">{name}</td><td class=\"plc\"><div class=\"authi\"><em id=\"authorposton{}\">发表于 {}</em></div>\
                 <table><tr><td class=\"t_f\" id=\"postmessage_{}\">{quote}{}</td></tr></table></td></tr></table></div>",
                p.id, p.id, p.id, Discuz::when(f, p.time), p.id, p.html()
            )
            .unwrap();
        }
        let path = format!(
            "<a href=\"forum.php?mod=forumdisplay&amp;fid={}\">{}</a><a href=\"forum.php?mod=viewthread&amp;tid={}\">{}</a>",
            b.id, b.title, t.id, t.title
        );
        Discuz::page(f, &path, &out)
    }
    fn refused(&self, f: &Forum) -> Answer {
        html(Discuz::page(f, "", "<div id=\"messagetext\"><p>抱歉，您尚未登录，没有权限访问该版块</p></div>"))
    }
}

pub struct Nodebb;

impl Nodebb {
    fn around(f: &Forum, mut v: serde_json::Value) -> String {
        v["relative_path"] = "".into();
        v["loggedInUser"] = serde_json::json!({"uid": 0});
        v["_header"] =
            serde_json::json!({"tags": {"meta": [{"property": "og:site_name", "content": f.name}]}});
        v.to_string()
    }
}

impl Skin for Nodebb {
    fn name(&self) -> &'static str {
        "nodebb"
    }
    fn kind(&self) -> &'static str {
        "application/json; charset=utf-8"
    }
    fn route(&self, url: &Url) -> Option<Route> {
        let (lists, posts) = self.sizes();
        let page = number(url, "page");
        let parts: Vec<&str> = url.path().trim_matches('/').split('/').collect();
        match parts.as_slice() {
            [""] | ["api", "categories"] => Some(Route::Index),
            ["api", "category", id] => {
                Some(Route::Board { id: (*id).to_owned(), skip: skipped(page, lists) })
            }
            ["api", "topic", id] => Some(Route::Thread { id: id.parse().ok()?, skip: skipped(page, posts) }),
            _ => None,
        }
    }
    fn index(&self, f: &Forum, boards: &[&Board]) -> String {
        let list: Vec<_> = boards
            .iter()
            .map(|b| serde_json::json!({"cid": b.id, "name": b.title, "topic_count": b.threads.len(), "post_count": posts_in(b),
                "posts": [{"pid": last_in(b)}], "children": []}))
            .collect();
        Nodebb::around(f, serde_json::json!({"categories": list}))
    }
    fn list(
        &self,
        f: &Forum,
        b: &Board,
        rows: &[(&Thread, bool)],
        skip: usize,
        next: Option<usize>,
    ) -> String {
        let topics: Vec<_> = rows
            .iter()
            .filter(|r| !r.1)
            .map(|(t, _)| serde_json::json!({"tid": t.id, "titleRaw": t.title, "postcount": t.posts.len(), "lastposttime": last_of(t) * 1000,
                "pinned": u8::from(t.sticky)}))
            .collect();
        let page = skip / 4 + 1;
        let count = if next.is_some() { page + 1 } else { page };
        Nodebb::around(
            f,
            serde_json::json!({"cid": b.id, "name": b.title, "topics": topics, "pagination": {"currentPage": page, "pageCount": count}}),
        )
    }
    fn thread(
        &self,
        f: &Forum,
        b: &Board,
        t: &Thread,
        posts: &[Post],
        skip: usize,
        next: Option<usize>,
    ) -> String {
        let list: Vec<_> = posts
            .iter()
            .map(|p| {
                let user = if p.gone {
                    serde_json::json!({"uid": 0, "username": "[[global:former-user]]", "oldUid": 9})
                } else {
                    serde_json::json!({"uid": 1, "username": p.author, "userslug": p.author})
                };
                let quote = p.quote.as_ref().map_or_else(String::new, |(id, who)| {
                    format!("<p><a class=\"plugin-mentions-a\" href=\"/user/{who}\">@{who}</a> said in <a href=\"/post/{id}\">x</a>:</p>\n<blockquote><p>old</p></blockquote>\n")
                });
                serde_json::json!({"pid": p.id, "timestamp": p.time * 1000, "content": format!("{quote}<p>{}</p>", p.html()), "deleted": 0, "user": user})
            })
            .collect();
        let page = skip / 5 + 1;
        let count = if next.is_some() { page + 1 } else { page };
        Nodebb::around(
            f,
            serde_json::json!({"tid": t.id, "cid": b.id, "titleRaw": t.title, "postcount": t.posts.len(), "category": {"name": b.title},
                "pinned": u8::from(t.sticky), "posts": list, "pagination": {"currentPage": page, "pageCount": count}}),
        )
    }
    fn refused(&self, f: &Forum) -> Answer {
        let body = Nodebb::around(f, serde_json::json!({"error": "[[error:no-privileges]]"}));
        Answer { status: 403, kind: "application/json", body }
    }
}

pub struct Xenforo;

impl Xenforo {
    fn page(f: &Forum, inside: &str) -> String {
        format!(
            "<html id=\"XF\"><head><meta property=\"og:site_name\" content=\"{}\"></head><body>{inside}</body></html>",
            f.name
        )
    }
}

/// `/word/slug.ID/page-N`.
fn friendly(url: &Url) -> Option<(String, String, usize)> {
    let parts: Vec<&str> = url.path().trim_matches('/').split('/').collect();
    let page = parts.get(2).and_then(|p| p.strip_prefix("page-")?.parse().ok()).unwrap_or(1);
    Some(((*parts.first()?).to_owned(), parts.get(1)?.rsplit('.').next()?.to_owned(), page))
}

impl Skin for Xenforo {
    fn name(&self) -> &'static str {
        "xenforo"
    }
    fn route(&self, url: &Url) -> Option<Route> {
        let (lists, posts) = self.sizes();
        if url.path() == "/" {
            return Some(Route::Index);
        }
        let (word, id, page) = friendly(url)?;
        match word.as_str() {
            "forums" => Some(Route::Board { id, skip: skipped(page, lists) }),
            "threads" => Some(Route::Thread { id: id.parse().ok()?, skip: skipped(page, posts) }),
            _ => None,
        }
    }
    fn index(&self, f: &Forum, boards: &[&Board]) -> String {
        let mut rows = String::new();
        for b in boards {
            write!(
                rows,
                "<div class=\"node node--id{} node--forum\"><h3 class=\"node-title\"><a href=\"/forums/b.{}/\">{}</a></h3><div class=\"node-stats\"><dl><dt>Threads</dt><dd>{}</dd></dl>\
                 <dl><dt>Messages</dt><dd>{}</dd></dl></div><div class=\"node-extra\"><time data-time=\"{}\">x</time></div></div>",
                b.id, b.id, b.title, b.threads.len(), posts_in(b), last_in(b)
            )
            .unwrap();
        }
        Xenforo::page(f, &rows)
    }
    fn list(&self, f: &Forum, b: &Board, rows: &[(&Thread, bool)], _: usize, next: Option<usize>) -> String {
        let mut out = format!("<h1 class=\"p-title-value\">{}</h1>", b.title);
        for (t, stub) in rows {
            let status = if *stub {
                "structItem-status--redirect"
            } else if t.sticky {
                "structItem-status--sticky"
            } else {
                "x"
            };
            write!(
                out,
                "<div class=\"structItem structItem--thread\"><div class=\"structItem-title\"><a href=\"/threads/x.{}/\">{}</a></div><i class=\"structItem-status {status}\"></i>\
                 <div class=\"structItem-cell--meta\"><dl><dt>Replies</dt><dd>{}</dd></dl></div><div class=\"structItem-cell--latest\"><time class=\"structItem-latestDate\" data-time=\"{}\">x</time></div></div>",
                t.id, t.title, t.posts.len() - 1, last_of(t)
            )
            .unwrap();
        }
        if let Some(n) = next {
            write!(
                out,
                "<nav class=\"pageNav\"><a href=\"/forums/b.{}/page-{}\">{}</a></nav>",
                b.id,
                n / 4 + 1,
                n / 4 + 1
            )
            .unwrap();
        }
        Xenforo::page(f, &out)
    }
    fn thread(
        &self,
        f: &Forum,
        b: &Board,
        t: &Thread,
        posts: &[Post],
        _: usize,
        next: Option<usize>,
    ) -> String {
        let mut out = format!(
            "<ul class=\"p-breadcrumbs\"><li><a href=\"/forums/b.{}/\"><span>{}</span></a></li></ul><h1 class=\"p-title-value\">{}</h1>",
            b.id, b.title, t.title
        );
        if let Some(n) = next {
            write!(
                out,
                "<nav class=\"pageNav\"><a href=\"/threads/x.{}/page-{}\">{}</a></nav>",
                t.id,
                n / 5 + 1,
                n / 5 + 1
            )
            .unwrap();
        }
        for p in posts {
            let name = if p.gone {
                format!("<span class=\"username\">{}</span>", p.author)
            } else {
                format!("<a class=\"username\" data-user-id=\"3\" href=\"/members/x.3/\">{}</a>", p.author)
            };
            let quote = p.quote.as_ref().map_or_else(String::new, |(id, who)| {
                format!("<blockquote class=\"bbCodeBlock bbCodeBlock--quote\" data-quote=\"{who}\" data-source=\"post: {id}\"><div class=\"bbCodeBlock-title\">{who} said:</div>old</blockquote>")
            });
            write!(
                out,
                "<article class=\"message message--post\" data-author=\"{}\" data-content=\"post-{}\"><h4 class=\"message-name\">{name}</h4>\
                 <header class=\"message-attribution\"><time data-time=\"{}\">x</time></header><div class=\"message-userContent\"><article class=\"message-body\"><div class=\"bbWrapper\">{quote}{}</div></article></div></article>",
                p.author, p.id, p.time, p.html()
            )
            .unwrap();
        }
        Xenforo::page(f, &out)
    }
    fn refused(&self, f: &Forum) -> Answer {
        let form = "<form action=\"/login/login\" method=\"post\"><input name=\"login\"><input type=\"password\" name=\"password\"></form>";
        Answer { status: 403, ..html(Xenforo::page(f, form)) }
    }
}

pub struct Vbulletin;

impl Vbulletin {
    fn page(f: &Forum, path: &str, inside: &str) -> String {
        format!(
            "<html><head><meta name=\"generator\" content=\"vBulletin 3.8.4\" /></head><body><span class=\"navbar\"><a href=\"index.php\">{}</a></span>{path}{inside}\
             <div class=\"smallfont\" align=\"center\">All times are GMT +3.</div></body></html>",
            f.name
        )
    }
    fn when(f: &Forum, time: i64, glue: &str) -> String {
        relative(f, time, 10800, "%I:%M %p", &format!("Today{glue} "), &format!("Yesterday{glue} "))
            .unwrap_or_else(|| shown(time, 10800, &format!("%m-%d-%Y{glue} %I:%M %p")))
    }
}

impl Skin for Vbulletin {
    fn name(&self) -> &'static str {
        "vbulletin"
    }
    fn route(&self, url: &Url) -> Option<Route> {
        let (lists, posts) = self.sizes();
        let page = number(url, "page");
        match url.path() {
            "/" | "/index.php" => Some(Route::Index),
            "/forumdisplay.php" => {
                Some(Route::Board { id: parameter(url, "f")?, skip: skipped(page, lists) })
            }
            "/showthread.php" => {
                Some(Route::Thread { id: parameter(url, "t")?.parse().ok()?, skip: skipped(page, posts) })
            }
            _ => None,
        }
    }
    fn index(&self, f: &Forum, boards: &[&Board]) -> String {
        let mut rows = String::new();
        for b in boards {
            write!(
                rows,
                "<tr><td><img></td><td class=\"alt1Active\" id=\"f{}\"><div><a href=\"forumdisplay.php?s=1&amp;f={}\"><strong>{}</strong></a></div></td>\
                 <td><div class=\"smallfont\">{}</div></td><td>{}</td><td>{}</td></tr>",
                b.id, b.id, b.title, shown(last_in(b), 10800, "%m-%d-%Y %I:%M %p"), b.threads.len(), posts_in(b)
            )
            .unwrap();
        }
        Vbulletin::page(f, "", &format!("<table>{rows}</table>"))
    }
    fn list(&self, f: &Forum, b: &Board, rows: &[(&Thread, bool)], _: usize, next: Option<usize>) -> String {
        let mut out = String::from("<table id=\"threadslist\">");
        for (t, stub) in rows {
            let label = if *stub {
                "<img alt=\"Moved\">"
            } else if t.sticky {
                "<img alt=\"Sticky Thread\">"
            } else {
                ""
            };
            let replies = if *stub { "-".to_owned() } else { (t.posts.len() - 1).to_string() };
            write!(
                out,
                "<tr><td id=\"td_threadtitle_{}\"><div>{label}<a href=\"showthread.php?t={}\" id=\"thread_title_{}\">{}</a></div></td>\
                 <td title=\"Replies: {replies}, Views: 40\"><div class=\"smallfont\">{}<br>by <a href=\"member.php?find=x\">nix</a> <a href=\"showthread.php?p=40#post40\">x</a></div></td>\
                 <td><a href=\"misc.php?do=whoposted&amp;t={}\">{replies}</a></td></tr>",
                t.id, t.id, t.id, t.title, Vbulletin::when(f, last_of(t), ""), t.id
            )
            .unwrap();
        }
        out.push_str("</table>");
        if let Some(n) = next {
            write!(
                out,
                "<div class=\"pagenav\"><a href=\"forumdisplay.php?f={}&amp;page={}\">{}</a></div>",
                b.id,
                n / 4 + 1,
                n / 4 + 1
            )
            .unwrap();
        }
        Vbulletin::page(
            f,
            &format!("<span class=\"navbar\"><a href=\"forumdisplay.php?f={}\">{}</a></span>", b.id, b.title),
            &out,
        )
    }
    fn thread(
        &self,
        f: &Forum,
        b: &Board,
        t: &Thread,
        posts: &[Post],
        skip: usize,
        next: Option<usize>,
    ) -> String {
        let mut out =
            format!("<table><tr><td class=\"navbar\"><strong>{}</strong></td></tr></table>", t.title);
        if let Some(n) = next {
            write!(
                out,
                "<div class=\"pagenav\"><span title=\"Showing results {} to {} of {}\">1</span><a href=\"showthread.php?t={}&amp;page={}\">{}</a></div>",
                skip + 1, n, t.posts.len(), t.id, n / 5 + 1, n / 5 + 1
            )
            .unwrap();
        }
        for p in posts {
            let name = if p.gone {
                format!(" {} ", p.author)
            } else {
                format!("<a class=\"bigusername\" href=\"member.php?u=7\">{}</a>", p.author)
            };
            let quote = p.quote.as_ref().map_or_else(String::new, |(id, who)| {
                format!("<div style=\"margin:20px; margin-top:5px; \"><div class=\"smallfont\" style=\"margin-bottom:2px\">Quote:</div><table><tr><td class=\"alt2\">\
                 <div>Originally Posted by <strong>{who}</strong> <a href=\"showthread.php?p={id}#post{id}\"><img></a></div><div>old</div></td></tr></table></div>")
            });
            write!(
                out,
                "<div id=\"edit{}\"><table id=\"post{}\"><tr><td class=\"thead\"><a name=\"post{}\"></a> {} </td></tr><tr><td><div id=\"postmenu_{}\">{name}</div></td>\
                 <td><div id=\"post_message_{}\">{quote}{}</div></td></tr></table></div>",
                p.id, p.id, p.id, Vbulletin::when(f, p.time, ","), p.id, p.id, p.html()
            )
            .unwrap();
        }
        Vbulletin::page(
            f,
            &format!("<span class=\"navbar\"><a href=\"forumdisplay.php?f={}\">{}</a></span>", b.id, b.title),
            &out,
        )
    }
    fn refused(&self, f: &Forum) -> Answer {
        html(Vbulletin::page(
            f,
            "",
            "<div class=\"panelsurround\"><div class=\"panel\">You are not logged in or you do not have permission to access this page.</div></div>",
        ))
    }
}

pub struct Vbulletin5;

impl Vbulletin5 {
    fn page(f: &Forum, inside: &str) -> String {
        format!(
            "<html><head><meta name=\"generator\" content=\"vBulletin 5.6.4\" /><meta property=\"og:site_name\" content=\"{}\"></head><body id=\"vb-page-body\">{inside}</body></html>",
            f.name
        )
    }
}

impl Skin for Vbulletin5 {
    fn name(&self) -> &'static str {
        "vbulletin5"
    }
    fn board_id(&self, b: &Board) -> String {
        format!("forum/{}", b.title.to_lowercase())
    }
    fn route(&self, url: &Url) -> Option<Route> {
        let (lists, posts) = self.sizes();
        let mut parts: Vec<&str> = url.path().trim_matches('/').split('/').collect();
        let page = parts.last().and_then(|p| p.strip_prefix("page")?.parse::<usize>().ok());
        if page.is_some() {
            parts.pop();
        }
        let page = page.unwrap_or(1);
        match parts.as_slice() {
            [""] | ["forum"] => Some(Route::Index),
            ["forum", b] => Some(Route::Board { id: format!("forum/{b}"), skip: skipped(page, lists) }),
            ["forum", _, t] => {
                Some(Route::Thread { id: t.split('-').next()?.parse().ok()?, skip: skipped(page, posts) })
            }
            _ => None,
        }
    }
    fn index(&self, f: &Forum, boards: &[&Board]) -> String {
        let mut rows = String::new();
        for b in boards {
            write!(
                rows,
                "<tr class=\"forum-item\"><td class=\"cell-forum\"><a href=\"/{}\" class=\"forum-title\">{}</a></td><td class=\"topics-count\">{}</td><td class=\"posts-count\">{}</td><td class=\"lastpost\">{}</td></tr>",
                self.board_id(b), b.title, b.threads.len(), posts_in(b), last_in(b)
            )
            .unwrap();
        }
        Vbulletin5::page(f, &format!("<table class=\"forum-list-container\">{rows}</table>"))
    }
    fn list(&self, f: &Forum, b: &Board, rows: &[(&Thread, bool)], _: usize, next: Option<usize>) -> String {
        let mut out = format!("<h1 class=\"main-title\">{}</h1><table class=\"topic-list\">", b.title);
        for (t, stub) in rows {
            let prefix = if *stub {
                "Redirect:"
            } else if t.sticky {
                "Sticky:"
            } else {
                ""
            };
            write!(
                out,
                "<tr class=\"topic-item js-topic-item\"><td><span class=\"js-topic-prefix\">{prefix}</span><a href=\"/{}/{}-x\" class=\"topic-title js-topic-title\">{}</a></td>\
                 <td><div class=\"posts-count\">{} responses</div></td><td class=\"cell-lastpost\"><div class=\"lastpost-date\">{}</div></td></tr>",
                self.board_id(b), t.id, t.title, t.posts.len() - 1, shown(last_of(t), 0, "%m-%d-%Y, %I:%M %p")
            )
            .unwrap();
        }
        out.push_str("</table>");
        if let Some(n) = next {
            write!(
                out,
                "<a class=\"js-pagenav-button\" href=\"/{}/page{}\">Next</a>",
                self.board_id(b),
                n / 4 + 1
            )
            .unwrap();
        }
        Vbulletin5::page(f, &out)
    }
    fn thread(
        &self,
        f: &Forum,
        b: &Board,
        t: &Thread,
        posts: &[Post],
        _: usize,
        next: Option<usize>,
    ) -> String {
        let mut out = format!(
            "<div class=\"breadcrumbs\"><a href=\"/\">Home</a><a href=\"/{}\">{}</a></div><h1 class=\"main-title\">{}</h1>",
            self.board_id(b),
            b.title,
            t.title
        );
        if let Some(n) = next {
            write!(
                out,
                "<a class=\"js-pagenav-button\" href=\"/{}/{}-x/page{}\">Next</a>",
                self.board_id(b),
                t.id,
                n / 5 + 1
            )
            .unwrap();
        }
        for p in posts {
            let name = if p.gone {
                format!("<strong>{}</strong>", p.author)
            } else {
                format!(
                    "<strong><a href=\"/member/7-x\"><span itemprop=\"name\">{}</span></a></strong>",
                    p.author
                )
            };
            let quote = p.quote.as_ref().map_or_else(String::new, |(id, who)| {
                format!("<div class=\"bbcode_quote\"><div class=\"bbcode_postedby\">Originally posted by <strong>{who}</strong> <a href=\"/forum/x/1-x?p={id}#post{id}\"><img></a></div><div class=\"message\">old</div></div>")
            });
            write!(
                out,
                "<li data-node-id=\"{}\" data-node-publishdate=\"{}\" class=\"b-post js-post\"><div class=\"author\">{name}</div><div class=\"js-post__content-text restore\">{quote}{}</div></li>",
                p.id, p.time, p.html()
            )
            .unwrap();
        }
        Vbulletin5::page(f, &out)
    }
    fn refused(&self, f: &Forum) -> Answer {
        html(Vbulletin5::page(
            f,
            "<div class=\"error-message\">You do not have permission to access this page.</div>",
        ))
    }
}

pub struct Invision;

impl Invision {
    fn page(f: &Forum, inside: &str) -> String {
        format!(
            "<html><head><meta property=\"og:site_name\" content=\"{}\"></head><body class='ipsApp ipsApp_front' data-controller='core.front.core.app'>{inside}</body></html>",
            f.name
        )
    }
}

impl Skin for Invision {
    fn name(&self) -> &'static str {
        "invision"
    }
    fn route(&self, url: &Url) -> Option<Route> {
        let (lists, posts) = self.sizes();
        let parts: Vec<&str> = url.path().trim_matches('/').split('/').collect();
        let page = parts.get(3).and_then(|p| p.parse().ok()).unwrap_or(1);
        let id = |slug: &str| slug.split('-').next().unwrap_or("").to_owned();
        match parts.as_slice() {
            [""] => Some(Route::Index),
            ["forum", slug, ..] => Some(Route::Board { id: id(slug), skip: skipped(page, lists) }),
            ["topic", slug, ..] => {
                Some(Route::Thread { id: id(slug).parse().ok()?, skip: skipped(page, posts) })
            }
            _ => None,
        }
    }
    fn index(&self, f: &Forum, boards: &[&Board]) -> String {
        let mut rows = String::new();
        for b in boards {
            write!(
                rows,
                "<li class=\"cForumRow ipsDataItem\" data-forumID=\"{}\"><h4 class=\"ipsDataItem_title\"><a href=\"/forum/{}-b/\">{}</a></h4>\
                 <dl class=\"ipsDataItem_stats\"><dt class=\"ipsDataItem_stats_number\">{}</dt><dd class=\"ipsDataItem_stats_type\">posts</dd></dl><time datetime='{}'>x</time></li>",
                b.id, b.id, b.title, posts_in(b), iso(last_in(b))
            )
            .unwrap();
        }
        Invision::page(f, &format!("<ol>{rows}</ol>"))
    }
    fn list(&self, f: &Forum, b: &Board, rows: &[(&Thread, bool)], _: usize, next: Option<usize>) -> String {
        let mut out = format!("<h1 class='ipsType_pageTitle'>{}</h1><ol data-role=\"tableRows\">", b.title);
        for (t, stub) in rows {
            let badge = if *stub {
                "Moved"
            } else if t.sticky {
                "Pinned"
            } else {
                "Hot"
            };
            write!(
                out,
                "<li class=\"ipsDataItem\" data-rowid=\"{}\"><h4 class=\"ipsDataItem_title\"><span class=\"ipsBadge\" title=\"{badge}\"></span><a href=\"/topic/{}-x/\">{}</a></h4>\
                 <dl class=\"ipsDataItem_stats\"><dt class=\"ipsDataItem_stats_number\">{}</dt><dd class=\"ipsDataItem_stats_type\">replies</dd></dl><time datetime='{}'>x</time></li>",
                t.id, t.id, t.title, t.posts.len() - 1, iso(last_of(t))
            )
            .unwrap();
        }
        out.push_str("</ol>");
        if let Some(n) = next {
            write!(
                out,
                "<ul class='ipsPagination'><li><a href='/forum/{}-b/page/{}/'>{}</a></li></ul>",
                b.id,
                n / 4 + 1,
                n / 4 + 1
            )
            .unwrap();
        }
        Invision::page(f, &out)
    }
    fn thread(
        &self,
        f: &Forum,
        b: &Board,
        t: &Thread,
        posts: &[Post],
        _: usize,
        next: Option<usize>,
    ) -> String {
        let mut out = format!(
            "<nav class='ipsBreadcrumb ipsBreadcrumb_top'><ul><li><a href='/forum/{}-b/'><span>{}</span></a></li></ul></nav><h1 class='ipsType_pageTitle'><span class='ipsContained'>{}</span></h1>",
            b.id, b.title, t.title
        );
        if let Some(n) = next {
            write!(
                out,
                "<ul class='ipsPagination'><li><a href='/topic/{}-x/page/{}/'>{}</a></li></ul>",
                t.id,
                n / 5 + 1,
                n / 5 + 1
            )
            .unwrap();
        }
        for p in posts {
            let user = if p.gone { "null" } else { "7" };
            let quote = p.quote.as_ref().map_or_else(String::new, |(id, who)| {
                format!("<blockquote class=\"ipsQuote\" data-ipsquote=\"\" data-ipsquote-contentcommentid=\"{id}\" data-ipsquote-username=\"{who}\"><p>old</p></blockquote>")
            });
            write!(
                out,
                "<article id='elComment_{}' class='cPost ipsComment'><div data-quoteData='{{\"userid\":{user},\"username\":\"{}\",\"timestamp\":{},\"contentcommentid\":{}}}'>\
                 <div data-role='commentContent'>{quote}<p>{}</p></div></div></article>",
                p.id, p.author, p.time, p.id, p.html()
            )
            .unwrap();
        }
        Invision::page(f, &out)
    }
    fn refused(&self, f: &Forum) -> Answer {
        Answer {
            status: 403,
            ..html(Invision::page(
                f,
                "<p id='elErrorMessage'>Sorry, you do not have permission for that!</p>",
            ))
        }
    }
}

pub struct Discourse;

impl Skin for Discourse {
    fn name(&self) -> &'static str {
        "discourse"
    }
    fn kind(&self) -> &'static str {
        "application/json; charset=utf-8"
    }
    fn sizes(&self) -> (usize, usize) {
        (4, 20)
    }
    fn route(&self, url: &Url) -> Option<Route> {
        let (lists, posts) = self.sizes();
        let path = url.path().trim_end_matches(".json").trim_matches('/').to_owned();
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            [""] | ["categories"] => Some(Route::Index),
            ["c", _, id] => Some(Route::Board { id: (*id).to_owned(), skip: number(url, "page") * lists }),
            ["t", id] => {
                Some(Route::Thread { id: id.parse().ok()?, skip: skipped(number(url, "page"), posts) })
            }
            _ => None,
        }
    }
    fn index(&self, _: &Forum, boards: &[&Board]) -> String {
        let list: Vec<_> = boards
            .iter()
            .map(|b| serde_json::json!({"id": b.id, "name": b.title, "slug": "b", "topic_count": b.threads.len(), "post_count": posts_in(b)}))
            .collect();
        serde_json::json!({"category_list": {"categories": list}}).to_string()
    }
    fn list(&self, _: &Forum, b: &Board, rows: &[(&Thread, bool)], _: usize, next: Option<usize>) -> String {
        let topics: Vec<_> = rows
            .iter()
            .filter(|r| !r.1)
            .map(|(t, _)| serde_json::json!({"id": t.id, "title": t.title, "posts_count": t.posts.len(), "last_posted_at": iso(last_of(t)), "pinned": t.sticky}))
            .collect();
        let more = next.map(|n| format!("/c/b/{}?page={}", b.id, n / 4));
        serde_json::json!({"topic_list": {"more_topics_url": more, "topics": topics}}).to_string()
    }
    fn thread(
        &self,
        _: &Forum,
        b: &Board,
        t: &Thread,
        posts: &[Post],
        skip: usize,
        _: Option<usize>,
    ) -> String {
        let list: Vec<_> = posts
            .iter()
            .enumerate()
            .map(|(n, p)| {
                let name = if p.gone { serde_json::Value::Null } else { p.author.clone().into() };
                let quote = p.quote.as_ref().map_or_else(String::new, |(id, who)| {
                    format!("<aside class=\"quote\" data-username=\"{who}\" data-post=\"{}\" data-topic=\"{}\"><div class=\"title\">{who}:</div><blockquote><p>old</p></blockquote></aside>", id % 1000 + 1, t.id)
                });
                serde_json::json!({"id": p.id, "post_number": skip + n + 1, "post_type": 1, "username": name, "created_at": iso(p.time), "version": 1,
                    "updated_at": iso(p.time), "cooked": format!("{quote}<p>{}</p>", p.html())})
            })
            .collect();
        let stream: Vec<u64> = t.posts.iter().map(|p| p.id).collect();
        serde_json::json!({"id": t.id, "title": t.title, "category_id": b.id, "pinned": t.sticky, "post_stream": {"posts": list, "stream": stream}}).to_string()
    }
    fn refused(&self, _: &Forum) -> Answer {
        let body = serde_json::json!({"errors": ["You need to be logged in to do that."], "error_type": "not_logged_in"}).to_string();
        Answer { status: 403, kind: "application/json", body }
    }
}

pub struct Flarum;

impl Skin for Flarum {
    fn name(&self) -> &'static str {
        "flarum"
    }
    fn kind(&self) -> &'static str {
        "application/vnd.api+json"
    }
    fn sizes(&self) -> (usize, usize) {
        (50, 50)
    }
    fn board_id(&self, _: &Board) -> String {
        "all".into()
    }
    fn route(&self, url: &Url) -> Option<Route> {
        let skip = number(url, "page[offset]");
        match url.path() {
            "/" => Some(Route::Index),
            "/api/discussions" => Some(Route::Board { id: "all".into(), skip }),
            "/api/posts" => {
                Some(Route::Thread { id: parameter(url, "filter[discussion]")?.parse().ok()?, skip })
            }
            _ => None,
        }
    }
    fn index(&self, _: &Forum, _: &[&Board]) -> String {
        "<html><body><div id=\"flarum-loading\"></div><script>flarum.core.app</script></body></html>".into()
    }
    fn list(&self, _: &Forum, _: &Board, rows: &[(&Thread, bool)], _: usize, next: Option<usize>) -> String {
        let data: Vec<_> = rows
            .iter()
            .map(|(t, _)| serde_json::json!({"type": "discussions", "id": t.id.to_string(), "attributes": {"title": t.title, "commentCount": t.posts.len(),
                "lastPostedAt": iso(last_of(t)), "lastPostNumber": t.posts.len(), "isSticky": t.sticky}}))
            .collect();
        serde_json::json!({"links": {"next": next.map(|n| format!("/api/discussions?page[offset]={n}"))}, "data": data}).to_string()
    }
    fn thread(
        &self,
        _: &Forum,
        b: &Board,
        t: &Thread,
        posts: &[Post],
        skip: usize,
        next: Option<usize>,
    ) -> String {
        let mut users = Vec::new();
        let data: Vec<_> = posts
            .iter()
            .enumerate()
            .map(|(n, p)| {
                let mut related = serde_json::json!({"discussion": {"data": {"type": "discussions", "id": t.id.to_string()}}});
                if !p.gone {
                    related["user"] = serde_json::json!({"data": {"type": "users", "id": p.author}});
                    users.push(serde_json::json!({"type": "users", "id": p.author, "attributes": {"username": p.author}}));
                }
                let quote = p.quote.as_ref().map_or_else(String::new, |(id, who)| format!("<a href=\"/d/{}/1\" class=\"PostMention\" data-id=\"{id}\">{who}</a> ", t.id));
                serde_json::json!({"type": "posts", "id": p.id.to_string(), "attributes": {"number": skip + n + 1, "createdAt": iso(p.time), "contentType": "comment",
                    "contentHtml": format!("<p>{quote}{}</p>", p.html())}, "relationships": related})
            })
            .collect();
        users.push(serde_json::json!({"type": "discussions", "id": t.id.to_string(), "attributes": {"title": t.title, "isSticky": t.sticky},
            "relationships": {"tags": {"data": [{"type": "tags", "id": b.id.to_string()}]}}}));
        users.push(
            serde_json::json!({"type": "tags", "id": b.id.to_string(), "attributes": {"name": b.title}}),
        );
        serde_json::json!({"links": {"next": next.map(|n| format!("/api/posts?page[offset]={n}"))}, "data": data, "included": users}).to_string()
    }
    fn refused(&self, _: &Forum) -> Answer {
        let body =
            serde_json::json!({"errors": [{"status": "401", "code": "not_authenticated"}]}).to_string();
        Answer { status: 401, kind: "application/json", body }
    }
}
