//! What the readers of HTML pages share: access, forms, posts put together.

use super::body::Own;
use super::dom::{self, All, Page, Select, select};
use super::{Access, Document, Form, Head, Kind, PagePost, Target};
use scraper::ElementRef;
use tm_model::{PostRecord, Timestamp};
use url::Url;

/// A post as an engine reads it.
#[derive(Default)]
pub(super) struct Draft {
    pub id: Option<String>,
    pub author: Option<String>,
    pub unregistered: bool,
    pub time: Option<Timestamp>,
    pub shown: String,
    pub edited: Option<Timestamp>,
    pub own: Option<Own>,
    pub url: Option<Url>,
}

/// What all posts of a page share.
#[derive(Default)]
pub(super) struct Around {
    pub forum: Option<String>,
    pub board: Option<String>,
    pub thread: Option<String>,
    pub title: Option<String>,
    pub sticky: bool,
}

impl Draft {
    /// Puts the post together; without words of its own it is withheld.
    pub(super) fn join(self, around: &Around) -> PagePost {
        let withheld = self.own.is_none();
        let own = self.own.unwrap_or_default();
        PagePost {
            // What is kept back without its words may be without its time as well.
            unread_time: (self.time.is_none() && !withheld).then_some(self.shown),
            unregistered: self.unregistered,
            withheld,
            record: PostRecord {
                id: self.id,
                forum: around.forum.clone(),
                board: around.board.clone(),
                thread: around.thread.clone(),
                title: around.title.clone(),
                author: self.author,
                time: self.time,
                text: own.text,
                reply_to: None,
                quotes: own.quotes,
                mentions: own.mentions,
                links: own.links,
                edited: self.edited,
                sticky: around.sticky,
                url: self.url.map(String::from),
            },
        }
    }
}

/// What the status alone says.
pub(super) fn access(document: &Document) -> Access {
    if let Some(name) = challenge(document) {
        return Access::Challenge(name.to_owned());
    }
    match document.status {
        401 => Access::LoginNeeded,
        403 | 451 => Access::Refused(format!("status {}", document.status)),
        404 | 410 => Access::Missing,
        500.. => Access::Down(format!("status {}", document.status)),
        _ => Access::Open,
    }
}

/// Robot checks that stand in front of forums.
fn challenge(document: &Document) -> Option<&'static str> {
    let head = document.body.get(..document.body.floor_char_boundary(20_000))?;
    const SIGNS: [(&str, &str); 7] = [
        ("cf-browser-verification", "cloudflare"),
        ("challenge-platform/h/", "cloudflare"),
        ("<title>Just a moment...</title>", "cloudflare"),
        ("ddos-guard", "ddos-guard"),
        ("g-recaptcha\" data-sitekey", "recaptcha"),
        ("class=\"h-captcha\"", "hcaptcha"),
        ("sucuri_cloudproxy_js", "sucuri"),
    ];
    // Behind such a check stands no forum: a page of one may name them in a post.
    let short = document.body.len() < 60_000
        && (document.status == 403 || document.status == 503 || document.status == 429);
    let title = head.contains("Just a moment...</title>") || head.contains("<title>DDOS-GUARD</title>");
    SIGNS.iter().find(|(sign, _)| (short || title) && head.contains(sign)).map(|s| s.1)
}

/// A log-in form, filled: every field that a browser would send, with name and password put in.
pub(super) fn fill(
    document: &Document,
    form: ElementRef<'_>,
    fields: (&str, &str),
    values: (&str, &str),
) -> Option<Form> {
    let action = document.url.join(form.value().attr("action").unwrap_or("")).ok()?;
    let mut filled = Vec::new();
    let mut put = (false, false);
    for input in form.all(select!("input, select, button")) {
        let element = input.value();
        let Some(name) = element.attr("name").filter(|n| !n.is_empty()) else { continue };
        let kind = element.attr("type").unwrap_or("text").to_ascii_lowercase();
        let value = if name == fields.0 && !put.0 {
            put.0 = true;
            values.0.to_owned()
        } else if name == fields.1 && !put.1 {
            put.1 = true;
            values.1.to_owned()
        } else if element.name() == "select" {
            let chosen = dom::first(input, select!("option[selected]"))
                .or_else(|| dom::first(input, select!("option")));
            chosen.and_then(|o| o.value().attr("value")).unwrap_or("").to_owned()
        } else {
            match kind.as_str() {
                "checkbox" | "radio" if element.attr("checked").is_none() => continue,
                "reset" | "button" | "image" | "file" => continue,
                _ => element.attr("value").unwrap_or("").to_owned(),
            }
        };
        filled.push((name.to_owned(), value));
    }
    (put.0 && put.1).then_some(Form { action, fields: filled })
}

/// The first form that has both fields.
pub(super) fn form_with<'a>(page: &'a Page, user: &str, password: &str) -> Option<ElementRef<'a>> {
    page.all(select!("form")).find(|form| {
        let has = |name: &str| form.all(select!("input")).any(|i| i.value().attr("name") == Some(name));
        has(user) && has(password)
    })
}

/// What the addresses of a page stand against: XenForo 1, vBulletin 4 and 5 and Discuz! name it. Another host's is not
/// believed.
pub(super) fn base(page: &Page, url: &Url) -> Url {
    page.all(select!("base[href]"))
        .next()
        .and_then(|b| url.join(b.value().attr("href")?.trim()).ok())
        .filter(|b| b.host() == url.host())
        .unwrap_or_else(|| url.clone())
}

/// The words of the first match on a page.
pub(super) fn words(page: &Page, select: &Select) -> Option<String> {
    page.all(select).find_map(dom::words)
}

/// Mentions in engines that do not mark them: `@name` of somebody who writes or is quoted on the same page. Other words
/// behind that sign are as often accounts elsewhere (Telegram), and are left alone.
pub(super) fn mentioned(posts: &mut [PagePost]) {
    let mut names: Vec<String> = posts
        .iter()
        .flat_map(|p| p.record.author.iter().chain(p.record.quotes.iter().filter_map(|q| q.author.as_ref())))
        .filter(|n| !n.is_empty())
        .cloned()
        .collect();
    // The longest name counts: "low" is not mentioned where "low level" is.
    names.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    names.dedup();
    for post in posts {
        let record = &mut post.record;
        for (at, _) in record.text.match_indices('@') {
            let letter = |c: char| c.is_alphanumeric() || c == '_';
            if record.text[..at].ends_with(|c| letter(c) || c == '@' || c == '/') {
                continue;
            }
            let rest = &record.text[at + 1..];
            let name = names
                .iter()
                .find(|n| rest.strip_prefix(n.as_str()).is_some_and(|tail| !tail.starts_with(letter)));
            if let Some(name) = name.filter(|n| !record.mentions.contains(n)) {
                record.mentions.push(name.clone());
            }
        }
    }
}

/// Who is quoted, by the words over a quote: `vega wrote:`, `vega 写道:`. The name is what stands before the last word.
pub(super) fn said(cite: ElementRef<'_>) -> Option<String> {
    let text = dom::direct(cite);
    let (name, _) = text.trim().trim_end_matches([':', '：']).trim().rsplit_once(' ')?;
    Some(name.trim().to_owned()).filter(|n| !n.is_empty())
}

/// Where the links of a page list lead: the next page of the same board or thread, and the highest page number shown.
pub(super) fn pager<'a>(
    root: impl All<'a>,
    links: &Select,
    base: &Url,
    here: Option<&Target>,
    target: impl Fn(&Url) -> Option<Target>,
) -> (Option<Target>, Option<u32>) {
    let Some(here) = here else { return (None, None) };
    let (mut next, mut pages): (Option<Target>, Option<u32>) = (None, None);
    for a in root.all(links) {
        let Some(to) = dom::link(base, a).and_then(|u| target(&u)) else { continue };
        if to.kind != here.kind || to.id != here.id {
            continue;
        }
        let shown = dom::line(a);
        let digits: String = shown.chars().filter(char::is_ascii_digit).take(7).collect();
        pages = pages.max(digits.parse().ok());
        if to.page > here.page && next.as_ref().is_none_or(|n| to.page < n.page) {
            next = Some(to);
        }
    }
    (next, pages)
}

/// Titles of the boards on the way to a page, without doubles, and the identifier of the last.
pub(super) fn crumbs<'a>(
    root: impl All<'a>,
    links: &Select,
    base: &Url,
    target: impl Fn(&Url) -> Option<Target>,
) -> (Vec<String>, Option<String>) {
    let mut path: Vec<String> = Vec::new();
    let mut last: Option<String> = None;
    for a in root.all(links) {
        let Some(to) = dom::link(base, a).and_then(|u| target(&u)).filter(|t| t.kind == Kind::Board) else {
            continue;
        };
        // Page lists may stand between the crumbs; a crumb may lead to the page of the board that the thread is on.
        let title = dom::line(a);
        if last.as_ref() != Some(&to.id) && (to.page == 1 || !title.chars().all(|c| c.is_ascii_digit())) {
            path.push(title);
            last = Some(to.id);
        }
    }
    (path, last)
}

/// The board or thread that a page shows.
pub(super) fn head(
    here: &Target,
    title: Option<String>,
    mut path: Vec<String>,
    parent: Option<String>,
    posts: Option<u64>,
) -> Head {
    if here.kind == Kind::Board && title.is_some() && path.last() == title.as_ref() {
        path.pop();
    }
    Head {
        id: here.id.clone(),
        title: title.unwrap_or_default(),
        path,
        parent: parent.filter(|p| here.kind == Kind::Thread || *p != here.id),
        posts,
        page: here.page,
        sticky: false,
    }
}

/// Drops targets that stand twice, keeps the order.
pub(super) fn once<T>(items: &mut Vec<T>, target: fn(&T) -> &Target) {
    let mut seen = std::collections::HashSet::new();
    items.retain(|item| {
        let t = target(item);
        seen.insert((t.kind, t.id.clone(), t.page))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use tm_model::QuoteTarget;

    #[test]
    fn the_base_of_a_page() {
        let url = Url::parse("http://f.example/threads/x.5/page-2").unwrap();
        let of = |html: &str| base(&dom::page(html), &url).to_string();
        assert_eq!(of("<base href='http://f.example/'>"), "http://f.example/");
        assert_eq!(of("<base href='/forum/'>"), "http://f.example/forum/");
        assert_eq!(of("<base href='http://other.example/'>"), url.as_str());
        assert_eq!(of("<p>"), url.as_str());
    }

    #[test]
    fn mentions_without_markup() {
        let post = |author: &str, text: &str| PagePost {
            record: PostRecord {
                author: Some(author.into()),
                text: text.into(),
                quotes: vec![QuoteTarget { post: None, author: Some("тень_77".into()) }],
                ..PostRecord::default()
            },
            unregistered: false,
            withheld: false,
            unread_time: None,
        };
        let mut posts = [
            post("low level", "@low level, ask @тень_77 or @vega_shop, mail me@vega or @low levels"),
            post("vega", "t.me/@vega (@vega) @vega"),
            post("low", "@@vega"),
        ];
        mentioned(&mut posts);
        assert_eq!(posts[0].record.mentions, ["low level", "тень_77", "low"]);
        assert_eq!(posts[1].record.mentions, ["vega"]);
        assert!(posts[2].record.mentions.is_empty());
    }
}
